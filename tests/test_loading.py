"""What a page shows while its first read is held up, in a real browser: skeletons of the size of what comes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import Keep, Stack, View, corner, curve, free_port, start
from tests.waiting import until

pytestmark = pytest.mark.browser


@dataclass
class Held:
    """A dashboard whose reads can be held up (see tests.held_dashboard), and the runs that it shows."""

    stack: Stack
    folder: Path
    run_id: str
    other_id: str
    parent_id: str
    child_id: str

    @contextmanager
    def up(self, question: str, about: str = "") -> Iterator[Callable[[], bool]]:
        """Hold this question up while the block runs; gives what says whether somebody waits for its answer."""
        (self.folder / f"{question}.new").write_text(about)
        (self.folder / f"{question}.new").rename(self.folder / question)
        try:
            yield (self.folder / f"{question}.waits").exists
        finally:
            (self.folder / question).unlink()


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """Give the module's dashboard over three runs of one experiment; the first made a model, the last has a child."""
    folder = tmp_path_factory.mktemp("held")
    home, holds = folder / "home", folder / "holds"
    holds.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNSTREAM_HOME", str(home))
        patch.setenv("RUNSTREAM_CAPTURE", "none")
        runs = [start(name, "held") for name in ("there", "too", "above")]
        for number, run in enumerate(runs):
            curve(run, n=20)
            run.log("lr", 0.1 * number)
        with runs[2].child_run("below") as child:
            curve(child, n=20)
        note = folder / "note.txt"
        note.write_text("kept")
        runs[0].upload_file("note.txt", str(note))
        runs[0].register_model("made", model_path="note.txt")
        for run in runs:
            run.complete()
        consumer = subprocess.Popen([sys.executable, "-m", "runstream.cli", "consume"], stdout=subprocess.DEVNULL)
        until((home / "server.json").exists, what="the consumer's address")
        port = free_port()
        command = [sys.executable, "-m", "tests.held_dashboard", str(port), str(holds)]
        with (home / "up.log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack = Stack(home, port, process, home / "up.log")
        until(stack.answers, what="the dashboard's health check")
        yield Held(stack, holds, runs[0].id, runs[1].id, runs[2].id, child.id)
        stack.close()
        consumer.terminate()
        consumer.wait()


@pytest.fixture
def view(held: Held, chromium: Browser) -> Iterator[View]:
    """Give pages of the dashboard that may not complain."""
    opened = View(held.stack, chromium)
    yield opened
    opened.close()
    assert opened.problems == []


def skeletons(page: Page) -> Locator:
    """Return the page's skeletons."""
    return page.get_by_test_id("stSkeletonElement")


def height(element: Locator) -> float:
    """Return how tall an element is, in pixels."""
    box = element.bounding_box()
    assert box is not None
    return box["height"]


def test_the_table_of_runs_takes_the_place_of_a_skeleton_of_its_height(held: Held, view: View, keep: Keep) -> None:
    """Above it, title and filter can be used already; the table has the skeleton's corner and height."""
    # As tall as at anybody's last look; the address differs, so that the answer is not at hand.
    before = view.open("/?q=there").get_by_test_id("stDataFrame")
    before.wait_for()
    tall = height(before)
    with held.up("runs", "'ther'") as waits:
        page = view.open("/?q=ther")
        until(waits, what="the question for runs")
        expect(skeletons(page)).to_have_count(1)
        expect(skeletons(page)).to_be_visible()
        expect(page.get_by_placeholder("Filter: words")).to_be_visible()
        # The page's own margins are drawn a moment after its first elements.
        expect(page.get_by_test_id("stMainBlockContainer")).to_have_css("padding-left", "24px")
        place = corner(skeletons(page))
        assert height(skeletons(page)) == tall
        keep(page, "runs-loading")
    table = page.get_by_test_id("stDataFrame")
    table.wait_for()
    expect(skeletons(page)).to_have_count(0)
    assert (corner(table), height(table)) == (place, tall)


def test_a_table_that_is_read_anew_stays(held: Held, view: View) -> None:
    """While the next tick's read, or that of another filter, is held up, what was read before is seen, no skeleton."""
    page = view.open("/?exp=held")
    table = page.get_by_test_id("stDataFrame")
    table.wait_for()
    expect(skeletons(page)).to_have_count(0)
    with held.up("watermark") as waits:
        until(waits, what="the question of the next tick")
        expect(table).to_be_visible()
        expect(skeletons(page)).to_have_count(0)
    with held.up("runs", "too") as waits:
        page.get_by_placeholder("Filter: words").fill("too")
        until(waits, what="the question with another filter")
        expect(table).to_be_visible()
        expect(skeletons(page)).to_have_count(0)
    page.get_by_text("1–1 of 1 run").wait_for()


def test_before_anything_is_known_a_page_is_seen_in_outline(held: Held, view: View) -> None:
    """While the first question of all is held up: title, controls and table as skeletons, then the page."""
    with held.up("watermark") as waits:
        page = view.open("/pipeline")
        until(waits, what="the question for the watermark")
        expect(skeletons(page)).to_have_count(3)
        expect(skeletons(page).last).to_be_visible()
    page.get_by_role("heading", name="Pipeline").wait_for()
    expect(skeletons(page)).to_have_count(0)


@pytest.mark.parametrize(
    ("question", "address", "shown"),
    [
        ("run_facts", "/compare?runs={a},{b}", "[data-testid=stDataFrame]"),
        ("run_facts", "/compare?runs={b},{a}&tab=Curves", "[data-testid=rs-chart][data-points]"),
        ("runs", "/compare?runs={b},{a}&tab=Scatter", "[data-testid=stEChartsChart]"),
        ("models", "/models", ".st-key-rs-model"),
        ("pipeline", "/pipeline", "[data-testid=stMetric]"),
        ("tables", "/sql", ".st-key-rs-schema [data-testid=stExpander]"),
        ("artifacts", "/run?run={a}&tab=Files", "[data-testid=stDataFrame]"),
        ("events", "/run?run={a}&tab=History", "[data-testid=stDataFrame]"),
        ("run_facts", "/run?run={b}", "[data-testid=stDataFrame]"),
    ],
)
def test_what_waits_for_its_first_read_is_seen_as_a_skeleton(
    held: Held, view: View, question: str, address: str, shown: str
) -> None:
    """On every page and tab with a table, until what belongs there is drawn."""
    with held.up(question) as waits:
        page = view.open(address.format(a=held.run_id, b=held.other_id))
        until(waits, what=f"the question {question}")
        expect(skeletons(page).last).to_be_visible()
    page.locator(shown).first.wait_for()
    expect(skeletons(page)).to_have_count(0)


def test_a_result_is_waited_for_under_the_button_that_cancels_it(held: Held, view: View) -> None:
    """A statement that takes its time has a skeleton where its rows will be."""
    page = view.open("/sql?q=FROM%20range(1000000000000)%20AS%20r%20SELECT%20sum(r.range)")
    page.get_by_role("button", name="Run").click()
    expect(skeletons(page)).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.locator(".st-key-rs-sql-error").wait_for()
    expect(skeletons(page)).to_have_count(0)


def test_a_run_opened_from_another_is_not_shown_as_that_one(held: Held, view: View) -> None:
    """The figures of the run before are gone while those of the new one are read."""
    page = view.open(f"/run?run={held.child_id}")
    page.get_by_test_id("stDataFrame").first.wait_for()
    with held.up("run_facts", f"('{held.parent_id}',)") as waits:
        page.get_by_role("button", name="Part of above").click()
        until(waits, what="the question for the parent's metrics")
        expect(skeletons(page).last).to_be_visible()
        expect(page.get_by_test_id("stDataFrame")).to_have_count(0)
    page.locator(".st-key-rs-children").wait_for()
    expect(skeletons(page)).to_have_count(0)
