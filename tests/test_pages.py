"""The dashboard's pages in a real browser over a real consumer: forms, comparisons, selections, states, widths."""

from __future__ import annotations

import io
import math
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from runstream import Experiment, Workspace
from runstream_consumer.history import connect
from runstream_dashboard import server
from tests.browser import Keep, Stack, View, curve, drawn, free_port, png, points, start, start_stack
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stack_home")]


def test_an_empty_history_tells_how_to_begin_and_opens_the_first_run(view: View, keep: Keep) -> None:
    """Without runs the page shows what to type; the first run then opens by itself."""
    # The first test of this module, while its home is still empty.
    page = view.open("/")
    page.get_by_role("heading", name="No runs yet").wait_for()
    expect(page.get_by_test_id("stCode")).to_contain_text("start_logging()")
    keep(page, "no-runs")
    with start("the first") as run:
        curve(run, n=20)
        page.wait_for_url(lambda url: f"run={run.id}" in url)
        drawn(page)


def test_the_four_forms_are_drawn(view: View, keep: Keep, tmp_path: Path) -> None:
    """A list, repeated values, rows and a table are charts; an image is shown."""
    picture = tmp_path / "dot.png"
    picture.write_bytes(png(2, 3))
    with start("forms") as run:
        curve(run, "loss", n=50)
        run.log_list("Fibonacci", [0, 1, 1, 2, 3, 5, 8])
        for angle in np.linspace(0, 6, 40):
            run.log_row("Cosine Wave", angle=float(angle), cos=math.cos(angle))
        run.log_table("Sine Wave", {"angle": [0.0, 1.0, 2.0], "sine": [0.0, 0.84, 0.91]})
        run.log_image("Dot", str(picture))
    page = view.open(f"/run?run={run.id}&tab=Tables", height=1400)
    for name in ("Fibonacci", "Cosine Wave", "Sine Wave"):
        page.get_by_role("heading", name=name, exact=True).wait_for()
    until(lambda: page.get_by_test_id("stEChartsChart").locator("canvas").count() == 3, what="three charts")
    keep(page, "run-tables")
    page.get_by_role("tab", name="Images").click()
    shown = page.get_by_test_id("stImage").locator("img[alt^=Dot]")
    until(lambda: shown.evaluate("(it) => it.naturalWidth") == 2, what="the picture's own two pixels")
    page.get_by_role("tab", name="Charts").click()
    assert points(page, "loss") == 50


def test_a_file_that_is_no_picture_leaves_the_others_shown(view: View, tmp_path: Path) -> None:
    """What was logged as one and is none is named; drawings are shown, whatever text is in them."""
    (tmp_path / "good.png").write_bytes(png(2, 3))
    (tmp_path / "half.png").write_bytes(png(20, 30)[:40])
    (tmp_path / "path.svg").write_text("/etc/hostname")
    (tmp_path / "plot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"><g/></svg>')
    with start("mixed") as run:
        for file in sorted(tmp_path.glob("*.*")):
            run.upload_file(f"plots/{file.name}", str(file))
    page = view.open(f"/run?run={run.id}&tab=Images", height=1400)
    good, plot = (page.get_by_test_id("stImage").locator(f"img[alt^='plots/{name}']") for name in ("good", "plot"))
    until(lambda: good.evaluate("(it) => it.naturalWidth") == 2, what="the picture")
    until(lambda: plot.evaluate("(it) => it.naturalWidth") == 7, what="the drawing")
    for name in ("half.png", "path.svg"):
        page.get_by_text(f"plots/{name} cannot be shown as a picture").wait_for()
    assert page.get_by_test_id("stException").count() == 0


def test_runs_are_compared(view: View, keep: Keep) -> None:
    """Two runs stand side by side with their differences, their scatter plot and their curves."""
    runs = []
    for rate in (0.1, 0.01):
        with start(f"lr-{rate}", "sweep") as run:
            run.add_properties({"lr": str(rate)})
            curve(run)
        runs.append(run.id)
    page = view.open(f"/compare?runs={','.join(runs)}")
    page.get_by_role("heading", name="Compare 2 runs").wait_for()
    page.get_by_test_id("stDataFrame").wait_for()
    keep(page, "compare-differences")
    page.get_by_role("tab", name="Scatter").click()
    page.get_by_test_id("stEChartsChart").locator("canvas").wait_for()
    keep(page, "compare-scatter")
    page.get_by_role("tab", name="Curves").click()
    drawn(page)


def test_charts_show_the_newest_experiment_first(view: View) -> None:
    """Without chosen runs: the five newest of the newest run's experiment under its name; a mix is titled Charts."""
    with start("elsewhere", "older experiment") as other:
        curve(other, n=10)
    namesakes = Experiment(Workspace("another workspace"), "newest experiment")
    runs = []
    for number in range(6):
        with start(f"run {number}", "newest experiment") as run:
            curve(run, n=10)
        runs.append(run.id)
        if number < 5:
            namesakes.start_logging().complete()
    page = view.open("/charts")
    page.get_by_role("heading", name="newest experiment", exact=True).wait_for()
    shown = page.locator("[data-testid=rs-run]")
    expect(shown).to_have_count(5)
    assert {row.get_attribute("data-run") for row in shown.all()} == set(runs[1:])
    page = view.open(f"/charts?runs={run.id},{other.id}")
    page.get_by_role("heading", name="Charts", exact=True).wait_for()


def test_a_selection_is_kept_by_id_over_pages(view: View) -> None:
    """A run checked on page 1 is the one plotted after a visit to page 2."""
    for number in range(101):
        start(f"run {number:03d}", "paged").complete()
    page = view.open("/?exp=paged")
    table = page.get_by_test_id("stDataFrame")
    table.wait_for()
    page.get_by_text("1–100 of 101 runs").wait_for()
    table.click(position={"x": 16, "y": 34 + 17})
    page.get_by_role("button", name="Plot 1 selected").wait_for()
    chosen = page.url
    page.get_by_role("button", name="Page 2", exact=True).click()
    page.get_by_text("101–101 of 101 runs").wait_for()
    expect(page.get_by_role("button", name="Plot 1 selected")).to_be_visible()
    page.get_by_role("button", name="Page 1", exact=True).click()
    page.get_by_text("1–100 of 101 runs").wait_for()
    assert runs_of(page.url) == runs_of(chosen)
    page.get_by_role("button", name="Plot 1 selected").click()
    page.wait_for_url(lambda url: "/charts" in url)
    assert runs_of(page.url) == runs_of(chosen)


def runs_of(url: str) -> str:
    """Return the runs that an address names."""
    return next(part for part in url.partition("?")[2].split("&") if part.startswith("runs="))


def test_chosen_columns_are_kept_by_the_address(view: View) -> None:
    """A link's columns are the ones chosen, in its order; one that is taken away leaves the address."""
    start("columns", "columned").complete()
    page = view.open("/?exp=columned&cols=run:host,run:user,metric:nowhere")
    page.get_by_text("1–1 of 1 run").wait_for()
    page.get_by_test_id("stPopoverButton").filter(has_text="Columns").click()
    chosen = page.get_by_test_id("stMultiSelect")
    expect(chosen).to_contain_text(re.compile("host.*user.*metric nowhere", re.DOTALL))
    chosen.locator("input").focus()
    page.keyboard.press("Backspace")
    page.wait_for_url(lambda url: "run%3Ahost%2Crun%3Auser" in url and "nowhere" not in url)


def test_the_list_of_runs_is_found_by_its_name(view: View) -> None:
    """`/runs` leads to the list, with the filter that was asked for; what no run matches is not counted from 1 to 0."""
    start("listed by name").complete()
    page = view.open("/runs?q=listed")
    page.get_by_text("1–1 of 1 run.").wait_for()

    page = view.open("/runs?q=nothing-is-called-so")
    page.get_by_text("No run matches this filter.").wait_for()
    expect(page.get_by_text("of 0 run")).to_have_count(0)


def test_a_run_page_without_a_run_says_how_to_open_one(view: View) -> None:
    """`/run` alone leads to the list of runs; a run that is not there is named."""
    page = view.open("/run")
    page.get_by_text("No run chosen").wait_for()

    page = view.open("/run?run=gone")
    page.get_by_text("This history has no run gone.").wait_for()


def test_a_run_is_copied_to_where_it_is_used(view: View) -> None:
    """A run without a name is called by its number; its page offers its id, and lines that reach it from elsewhere."""
    with Experiment(Workspace(), "unnamed").start_logging() as run:
        run.log("loss", 0.5)
    page = view.open(f"/run?run={run.id}")
    page.get_by_role("heading", name="run 1", exact=True).wait_for()
    page.get_by_role("button", name="Use").click()
    lines = page.locator(".st-key-rs-use")

    expect(lines.locator("code").first).to_have_text(run.id)
    expect(lines).to_contain_text(f"runstream show {run.id}")
    expect(lines).to_contain_text(f'Run(experiment, "{run.id}")')


def test_a_tab_says_what_it_shows(view: View) -> None:
    """The browser's tab is named after the page; that of a run or of charts after the run, or its experiment."""
    run = start("in a tab", "tabs")
    run.complete()

    for path, title in (
        ("/", "Runs"),
        ("/sql", "SQL"),
        (f"/run?run={run.id}", "in a tab"),
        (f"/charts?runs={run.id}", "tabs"),
    ):
        expect(view.open(path)).to_have_title(f"{title} · runstream")


def test_a_bad_filter_is_named_and_the_runs_stay(view: View) -> None:
    """A term that means nothing is told under the box; the table is not emptied."""
    start("filtered").complete()
    page = view.open("/?q=no_such_thing_anywhere%20%3C%205")
    expect(page.get_by_test_id("stMarkdownContainer").filter(has_text="no_such_thing_anywhere")).to_be_visible()
    page.get_by_test_id("stDataFrame").wait_for()


def test_ids_that_do_not_exist_are_listed(view: View) -> None:
    """A link with an unknown run draws the rest and names the missing one."""
    with start("known") as run:
        curve(run, n=10)
    page = view.open(f"/charts?runs={run.id},no-such-run")
    page.get_by_text("1 of 2 runs found").wait_for()
    drawn(page)
    page = view.open("/run?run=no-such-run")
    page.get_by_role("heading", name="Run not found").wait_for()


def test_a_failed_run_tells_why(view: View, keep: Keep) -> None:
    """The run page names the error of a failed run."""
    run = start("fails")
    curve(run, n=10)
    run.fail(error_details=RuntimeError("out of memory"))
    page = view.open(f"/run?run={run.id}")
    page.get_by_text("out of memory").first.wait_for()
    drawn(page)
    keep(page, "run-failed")


def test_pages_outlive_their_consumer(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Keep
) -> None:
    """When the consumer is killed the dashboard reads the file itself: what is shown stays, new points come."""
    home = tmp_path / "home"
    monkeypatch.setenv("RUNSTREAM_HOME", str(home))
    consumer = subprocess.Popen([sys.executable, "-m", "runstream.cli", "consume"], stdout=subprocess.DEVNULL)
    until((home / "server.json").exists, what="the consumer's address")
    port = free_port()
    stack = Stack(home, port, server.start(port, home=home, log_path=home / "up.log"), home / "up.log")
    view = View(stack, chromium)
    try:
        until(stack.answers, what="the dashboard's health check")
        with start("outlives") as run:
            curve(run, n=50)
            page = view.open(f"/charts?runs={run.id}")
            assert points(page) == 50
            consumer.kill()
            consumer.wait()
            curve(run, first=50, n=5)
            until(lambda: points(page) == 55, what="points logged after the consumer's end")
            keep(page, "charts-without-consumer")
    finally:
        view.close()
        stack.close()
        consumer.kill()
        consumer.wait()
    assert view.problems == []


def test_the_pipeline_page_tells_how_far_the_log_is_folded(view: View, keep: Keep) -> None:
    """Cards, partitions and the consumer's facts are there, and no event could not be read."""
    start("piped").complete()
    page = view.open("/pipeline")
    page.get_by_text("Dead letters").first.wait_for()
    expect(page.get_by_text("None: every event could be read.")).to_be_visible()
    keep(page, "pipeline")


@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), (1440, "dark"), (800, "light"), (420, "dark"), (420, "light")]
)
def test_pages_fit_every_width_and_scheme(view: View, keep: Keep, width: int, scheme: str) -> None:
    """At any width nothing sticks out to the right, Korean names and long ones included."""
    with start("한국어-실험-긴-이름-학습률-탐색-배치크기-그리고-더-긴-이름") as run:
        curve(run)
        run.log("val/정확도", 0.9, step=1)
    for name, path in (("runs", "/"), ("charts", f"/charts?runs={run.id}"), ("run", f"/run?run={run.id}")):
        page = view.open(path, width=width, scheme=scheme)
        if name == "runs":
            page.get_by_test_id("stDataFrame").wait_for()
        else:
            drawn(page)
        keep(page, f"{name}-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
        page.close()


def test_choices_of_the_run_page_live_in_the_address(view: View, tmp_path: Path) -> None:
    """A link's picture of a series and axes of a table are those shown; a choice goes back into the address."""
    with start("chosen") as run:
        for width in (2, 3, 4):
            picture = tmp_path / f"{width}.png"
            picture.write_bytes(png(width, 2))
            run.log_image("Dot", str(picture))
        run.log_table("Waves", {"angle": [0.0, 1.0], "sine": [0.0, 0.84], "cosine": [1.0, 0.54]})
    page = view.open(f"/run?run={run.id}&tab=Images&step=Dot%3A2")
    shown = page.get_by_test_id("stImage").locator("img[alt^=Dot]")
    until(lambda: shown.evaluate("(it) => it.naturalWidth") == 3, what="the second picture")
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(lambda url: "step=Dot%3A1" in url)
    until(lambda: shown.evaluate("(it) => it.naturalWidth") == 2, what="the first picture")
    page = view.open(f"/run?run={run.id}&tab=Tables&axes=Waves%3Aangle%3Acosine")
    page.locator("[aria-label='Waves: cosine against angle']").first.wait_for()
    page.get_by_label("y", exact=True).click()
    page.get_by_role("option", name="sine", exact=True).click()
    page.wait_for_url(lambda url: "axes=Waves%3Aangle%3Asine" in url)
    page.locator("[aria-label='Waves: sine against angle']").first.wait_for()


def test_a_folder_of_files_is_downloaded_as_a_zip(view: View, tmp_path: Path) -> None:
    """The folder in the address is offered; its zip holds its files under their paths in it."""
    note = tmp_path / "note.txt"
    note.write_text("kept")
    with start("folder") as run:
        for path in ("out/deep/one.txt", "out/two.txt", "three.txt"):
            run.upload_file(path, str(note))
    page = view.open(f"/run?run={run.id}&tab=Files&folder=out%2F")
    link = page.get_by_role("link", name="Download 2 as zip")
    link.wait_for()
    answer = page.request.get(f"{view.stack.url}{link.get_attribute('href')}")
    packed = zipfile.ZipFile(io.BytesIO(answer.body()))
    assert {name: packed.read(name) for name in packed.namelist()} == {"deep/one.txt": b"kept", "two.txt": b"kept"}


def test_a_journal_that_shrank_is_told_on_the_pipeline_page(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Keep
) -> None:
    """Files removed behind the consumer's back: the page names the journal and what was folded of it."""
    home = tmp_path / "home"
    monkeypatch.setenv("RUNSTREAM_HOME", str(home))
    run = start("shrinks")
    curve(run, n=50)
    run.flush()
    segment = next((home / "journal").glob("*/*.journal"))
    short = segment.read_bytes()
    curve(run, first=50, n=50)
    run.flush()
    with connect(home) as past:
        assert past.run(run.id).n_points == 100
    whole = segment.read_bytes()
    assert len(whole) > len(short)
    segment.write_bytes(short)
    stack = start_stack(home)
    view = View(stack, chromium)
    try:
        page = view.open("/pipeline")
        page.get_by_text("Journals have shrunk").wait_for()
        keep(page, "pipeline-shrunk")
    finally:
        view.close()
        stack.close()
        segment.write_bytes(whole)
        run.complete()
    assert view.problems == []
