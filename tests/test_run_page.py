"""The run page in a real browser: logs as they come, relatives, diagnostic charts, failures, snapshots."""

from __future__ import annotations

import io
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from playwright.sync_api import Page, expect

from runstream import Experiment, Run, Workspace
from tests.browser import Keep, View, curve, drawn, start
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stack_home")]

# Prints a line, with a terminal's colours around it, for each line that it is given.
PRINTER = """
import sys
from runstream import Experiment, Workspace
with Experiment(Workspace(), "printed").start_logging(display_name="printer") as run:
    print(run.id, file=sys.__stderr__, flush=True)
    for line in sys.stdin:
        print("\\x1b[32m" + line.rstrip() + "\\x1b[0m")
        if line.startswith("oops"):
            print("Traceback: " + line.rstrip(), file=sys.stderr)
"""


class Printer:
    """A run in a process of its own that prints what it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._input: IO[str] | None = process.stdin
        assert process.stderr is not None
        self.run_id = process.stderr.readline().strip()

    def say(self, *lines: str) -> None:
        """Have it print lines."""
        assert self._input is not None
        self._input.write("".join(f"{line}\n" for line in lines))
        self._input.flush()

    def end(self) -> None:
        """Have it end, completed."""
        assert self._input is not None
        self._input.close()
        self._process.wait(60)


@pytest.fixture
def printer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Printer]:
    """Give a run whose console is captured."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "console")
    with subprocess.Popen(
        [sys.executable, "-c", PRINTER], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        printer = Printer(process)
        yield printer
        printer.end()


def log_of(page: Page) -> str:
    """Return the lines that the Logs tab shows."""
    return page.locator(".st-key-rs-log").get_by_test_id("stCode").inner_text()


def test_lines_appear_as_they_are_printed(view: View, keep: Keep, printer: Printer) -> None:
    """Without a terminal's colours; the newest stays in view, and the box is never replaced while it grows."""
    printer.say(*(f"line {n}" for n in range(60)))
    page = view.open(f"/run?run={printer.run_id}&tab=Logs")
    box = page.locator(".st-key-rs-log")
    expect(box).to_contain_text("line 59")
    element = box.get_by_test_id("stCode").element_handle()
    printer.say("line 60, the newest")
    expect(box).to_contain_text("line 60, the newest")
    assert element.evaluate("(it) => it.isConnected")
    assert "\x1b" not in log_of(page)
    assert "[32m" not in log_of(page)
    until(lambda: box.evaluate(SCROLLED), what="the newest line in view")
    keep(page, "run-logs")
    expect(page.locator(".st-key-rs-log-told")).to_contain_text("61 lines")


# How far the box, or what scrolls in it, is from its end.
SCROLLED = """(box) => [box, ...box.querySelectorAll("*"), box.parentElement].some(
    (it) => it.scrollHeight > it.clientHeight + 50 && it.scrollTop > 0
            && it.scrollHeight - it.scrollTop - it.clientHeight < 40)"""


def test_lines_are_found_on_the_server(view: View, printer: Printer) -> None:
    """Beyond the lines that are shown: each after its number; the address keeps what was looked for."""
    printer.say(*(f"step {n} loss {n / 10}" for n in range(700)))
    page = view.open(f"/run?run={printer.run_id}&tab=Logs")
    expect(page.locator(".st-key-rs-log-told")).to_contain_text("700 lines · the newest 400 shown")
    assert "step 7 loss" not in log_of(page)
    page.get_by_placeholder("Find in all lines").fill("STEP 7 ")
    expect(page.locator(".st-key-rs-log-told")).to_contain_text("1 line holds “STEP 7 ”")
    expect(page.locator(".st-key-rs-log")).to_contain_text("8  step 7 loss 0.7")
    page.wait_for_url(lambda url: "find=STEP" in url)


def test_a_stream_is_downloaded_whole(view: View, printer: Printer) -> None:
    """All lines as they were printed, as a file; nobody without the page's link gets it."""
    printer.say(*(f"line {n}" for n in range(500)), "oops, this one")
    page = view.open(f"/run?run={printer.run_id}&tab=Logs")
    expect(page.locator(".st-key-rs-log-told")).to_contain_text("501 lines")
    link = page.locator(".st-key-rs-log-bar").get_by_role("link", name="Download")
    address = view.stack.url + str(link.get_attribute("href"))
    with urllib.request.urlopen(address) as answer:
        lines = answer.read().decode().splitlines()
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (lines[0], len(lines)) == ("\x1b[32mline 0\x1b[0m", 501)
    secret = address.split("/")[4]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address.replace(secret, "guessed"))
    page.get_by_role("combobox", name="Stream").click()
    page.get_by_role("option", name="stderr").click()
    expect(page.locator(".st-key-rs-log")).to_contain_text("Traceback: oops, this one")
    page.wait_for_url(lambda url: "stream=stderr" in url)


def test_a_run_that_printed_nothing_says_why(view: View) -> None:
    """Instead of an empty box."""
    with start("silent") as run:
        curve(run, n=5)
    page = view.open(f"/run?run={run.id}&tab=Logs")
    expect(page.locator(".st-key-rs-log-empty")).to_contain_text("RUNSTREAM_CAPTURE")


def family(experiment: str) -> tuple[Run, list[Run]]:
    """Log a parent and three children, one of them failed."""
    parent = Experiment(Workspace(), experiment).start_logging(display_name="sweep")
    children = []
    for number in range(3):
        child = parent.child_run(f"alpha {number}")
        curve(child, "loss", n=20)
        child.fail("ValueError: too small") if number == 0 else child.complete()
        children.append(child)
    parent.complete()
    return parent, children


def test_a_parent_lists_its_children_and_they_lead_back(view: View, keep: Keep) -> None:
    """With their statuses counted; all of them are plotted at once; each links to its parent."""
    parent, children = family("plotted")
    page = view.open(f"/run?run={parent.id}")
    box = page.locator(".st-key-rs-children")
    box.get_by_role("heading", name="3 child runs").wait_for()
    expect(box).to_contain_text("2 Completed · 1 Failed")
    keep(page, "run-children")
    page.get_by_role("button", name="Plot children").click()
    page.wait_for_url(lambda url: "/charts" in url and all(child.id in url for child in children))
    drawn(page, "loss")
    page = view.open(f"/run?run={children[0].id}")
    box = page.locator(".st-key-rs-children")
    page.get_by_role("button", name="Part of sweep").click()
    page.wait_for_url(lambda url: f"run={parent.id}" in url)
    box.wait_for()
    click_first_child(page)
    page.wait_for_url(lambda url: f"run={children[-1].id}" in url)
    expect(page.get_by_role("heading", level=1)).to_contain_text("alpha 2")


def click_first_child(page: Page) -> None:
    """Click the name in the first row of the children's table: a canvas, whose cells have no elements."""
    table = page.locator(".st-key-rs-children").get_by_test_id("stDataFrame")
    size = table.bounding_box()
    assert size is not None
    table.click(position={"x": size["width"] * 0.2, "y": 34 + 17})


def test_the_list_of_runs_leaves_children_and_hidden_runs_out(view: View) -> None:
    """Until they are asked for; whoever looks for words finds children too."""
    family("family")
    hidden = start("hidden", "family")
    hidden.complete()
    hidden.archive()
    page = view.open("/?exp=family")
    page.get_by_text("1–1 of 1 run").wait_for()
    page.get_by_text("Children", exact=True).click()
    page.get_by_text("1–4 of 4 runs").wait_for()
    page.get_by_text("Archived", exact=True).click()
    page.get_by_text("1–5 of 5 runs").wait_for()
    page.wait_for_url(lambda url: "children=true" in url and "archived=true" in url)
    page = view.open("/?exp=family&q=alpha")
    page.get_by_text("1–3 of 3 runs").wait_for()


def test_an_experiment_shows_its_tags(view: View) -> None:
    """When the list of runs is narrowed to it."""
    start("tagged", "an experiment").complete()
    Experiment(Workspace(), "an experiment").set_tags({"owner": "growth"})
    page = view.open("/?exp=an experiment")
    expect(page.locator(".st-key-rs-experiment")).to_contain_text("owner = growth")


EVIL = "<img src=//evil.example/x.png>"
CHARTS = {
    "confusion_matrix": {"class_labels": ["cat", EVIL], "matrix": [[3, 1], [0, 2]]},
    "accuracy_table": {
        "class_labels": ["stays", "leaves"],
        "probability_thresholds": [0.0, 0.5, 1.0],
        "probability_tables": [[[5, 5, 0, 0], [4, 1, 4, 1], [0, 0, 5, 5]]] * 2,
        "percentile_thresholds": [0.5, 1.0],
        "percentile_tables": [[[4, 1, 4, 1], [5, 5, 0, 0]]] * 2,
    },
    "residuals": {"bin_edges": [-1.0, 0.0, 1.0], "bin_counts": [2, 3]},
    "predictions": {
        "bin_averages": [0.1, 0.9], "bin_errors": [0.01, 0.02], "bin_counts": [4, 5], "bin_edges": [0.0, 0.5, 1.0],
    },
}  # fmt: skip


def test_diagnostic_charts_are_drawn(view: View, keep: Keep) -> None:
    """The four of them, each above its numbers; a class and a curve are chosen, and names are only text."""
    with start("diagnosed") as run:
        for kind, data in CHARTS.items():
            document = {"schema_type": kind, "schema_version": "v1", "data": data}
            getattr(run, f"log_{kind}")(f"my {kind}", document, "on *held-out* data")
    page = view.open(f"/run?run={run.id}&tab=Tables", height=1800)
    for kind in CHARTS:
        page.get_by_role("heading", name=f"my {kind}").wait_for()
    until(
        lambda: page.get_by_test_id("stEChartsChart").filter(has=page.locator("canvas")).count() == 4,
        what="four charts",
    )
    expect(page.get_by_test_id("stDataFrame")).to_have_count(4)
    expect(page.get_by_text("6 predictions · accuracy 0.8333")).to_be_visible()
    keep(page, "run-diagnoses")
    confusion = page.get_by_test_id("stEChartsChart").first.bounding_box()
    assert confusion is not None
    # The cell whose tooltip holds the hostile label.
    page.mouse.move(confusion["x"] + confusion["width"] * 0.75, confusion["y"] + confusion["height"] * 0.25)
    expect(page.get_by_text(f"cat taken for {EVIL}: 1 (25.0%)")).to_be_visible()
    page.get_by_role("combobox", name="Class").click()
    page.get_by_role("option", name="leaves").click()
    page.get_by_role("radio", name="Lift").or_(page.get_by_role("button", name="Lift")).click()
    page.wait_for_url(lambda url: "axes=my" in url and "Lift" in url and "leaves" in url)


def test_a_damaged_chart_is_told_in_words(view: View) -> None:
    """A document that is none takes the place of its chart, not of the page."""
    with start("damaged") as run:
        run._log_file("broken", "chart", "broken.json", b'{"schema_type": "pie"}', "")
        run.log_list("whole", [1, 2, 3])
    page = view.open(f"/run?run={run.id}&tab=Tables")
    page.get_by_role("heading", name="whole").wait_for()
    expect(page.get_by_text('broken.json cannot be drawn: "schema_type" must be one of')).to_be_visible()
    expect(page.get_by_test_id("stEChartsChart")).to_have_count(1)


def test_a_failed_run_begins_with_its_traceback(view: View, keep: Keep) -> None:
    """Its kind, its message as plain text, and the traceback, before anything else."""
    run, message = start("fails"), "![x](http://evil.example/x.png) <b>is</b> $no$ :red[markup]"

    def train() -> None:
        with run:
            curve(run, n=20)
            raise ValueError(message)

    with pytest.raises(ValueError, match="markup"):
        train()
    page = view.open(f"/run?run={run.id}")
    failure = page.locator(".st-key-rs-failure")
    expect(failure).to_contain_text("ValueError")
    expect(failure.get_by_role("alert")).to_contain_text(message)
    expect(failure.locator("img")).to_have_count(0)
    expect(page.locator(".st-key-rs-traceback")).to_contain_text("raise ValueError(message)")
    drawn(page)
    keep(page, "run-failed")


KILLED = """
import os, signal
from runstream import Experiment, Workspace
run = Experiment(Workspace(), "killed").start_logging(display_name="killed")
run.log("loss", 1.0)
run.flush()
print(run.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_whose_process_died_says_so(view: View) -> None:
    """Its page tells since when nothing was heard, and turns by itself from running to failed."""
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=False)
    page = view.open(f"/run?run={done.stdout.strip()}")
    expect(page.locator(".st-key-rs-failure")).to_contain_text("no heartbeat since")
    expect(page.locator(".st-key-rs-status")).to_contain_text("Failed")


def test_a_status_on_the_way_has_its_colour_and_its_count(view: View) -> None:
    """A run that is prepared says so on its page and among the list's statuses."""
    from runstream_schemas.events import StatusChanged

    run = start("prepared", "preparing")
    run._append_change(StatusChanged("Preparing"))
    run.flush()
    page = view.open(f"/run?run={run.id}")
    expect(page.locator(".st-key-rs-status")).to_contain_text("Preparing")
    page = view.open("/?exp=preparing")
    expect(page.get_by_test_id("stButtonGroup").get_by_text("Preparing 1")).to_be_visible()
    run.complete()


def test_a_snapshot_is_listed_and_downloaded(view: View, tmp_path: Path) -> None:
    """The files of the folder that a run was made from, as a list and as a zip."""
    source = tmp_path / "source"
    (source / "lib").mkdir(parents=True)
    (source / "train.py").write_text("print(1)")
    (source / "lib" / "data.py").write_text("x = 1")
    with start("snapped") as run:
        run.take_snapshot(source)
    page = view.open(f"/run?run={run.id}&tab=Files")
    box = page.locator(".st-key-rs-snapshot")
    expect(box).to_contain_text("2 files · 13 B")
    link = box.get_by_role("link", name="Download zip")
    with urllib.request.urlopen(view.stack.url + str(link.get_attribute("href"))) as answer:
        assert "attachment" in answer.headers["content-disposition"]
        packed = zipfile.ZipFile(io.BytesIO(answer.read()))
    assert sorted(packed.namelist()) == ["lib/data.py", "train.py"]
    assert packed.read("train.py") == b"print(1)"
