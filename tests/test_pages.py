"""The dashboard in a real browser over a real consumer: charts are live and stay put, links reproduce views."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from runstream import Experiment, Run, Workspace
from tests.browser import Stack, View
from tests.waiting import until

pytestmark = pytest.mark.browser

CHART = "[data-testid=rs-chart]"
GRID = "[data-testid=rs-grid]"
STEPS = 1200
Keep = Callable[[Page, str], None]


@pytest.fixture(autouse=True)
def home(clean_environment: None, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log into the home that the module's consumer follows."""
    monkeypatch.setenv("RUNSTREAM_HOME", str(stack.home))


def png(width: int, height: int) -> bytes:
    """Return a grey picture of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x80" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def start(name: str, experiment: str = "pages") -> Run:
    """Start a run with this name."""
    return Experiment(Workspace(), experiment).start_logging(display_name=name)


def curve(run: Run, name: str = "train/loss", first: int = 0, n: int = STEPS) -> None:
    """Log n falling values from step `first` on."""
    for step in range(first, first + n):
        run.log(name, 2 * math.exp(-step / 400) + 0.1, step=step)


def drawn(page: Page, metric: str = "train/loss") -> Locator:
    """Wait until this chart is drawn and return it."""
    chart = page.locator(f'{CHART}[data-metric="{metric}"][data-points]')
    chart.wait_for()
    return chart


def version(page: Page) -> int:
    """Return the number of the newest frame that the grid has taken."""
    return int(page.locator(GRID).get_attribute("data-version") or 0)


def ticks(page: Page, n: int) -> None:
    """Wait until the grid has taken n more frames."""
    wanted = version(page) + n
    until(lambda: version(page) >= wanted, what=f"{n} ticks")


def points(page: Page, metric: str = "train/loss") -> int:
    """Return how many columns this chart has drawn."""
    return int(drawn(page, metric).get_attribute("data-points") or 0)


def corner(element: Locator) -> tuple[float, float]:
    """Return where an element's upper left corner is, in pixels of the window."""
    box = element.bounding_box()
    assert box is not None
    return box["x"], box["y"]


def drag(page: Page, metric: str, low: float, high: float) -> None:
    """Drag over a chart from one share of its width to another."""
    box = drawn(page, metric).locator(".u-over").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * low, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * high, y, steps=6)
    page.mouse.up()


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


def test_a_grid_that_comes_back_is_whole_again(view: View) -> None:
    """A grid left for another page is drawn anew on return, though the server had sent it before."""
    with start("returns") as run:
        curve(run)
        page = view.open(f"/charts?runs={run.id}&smooth=0.5")
        drawn(page)
        page.get_by_role("link", name="Pipeline").click()
        page.get_by_text("Dead letters").first.wait_for()
        page.go_back()
        drawn(page)
        curve(run, first=STEPS, n=5)
        ticks(page, 2)
        expect(page.get_by_test_id("rs-smooth")).to_have_value("0.5")


def test_a_chart_appears_and_a_point_logged_later_arrives_by_itself(view: View, keep: Keep) -> None:
    """A running run's chart is drawn, and a value logged afterwards shows without touching the page."""
    with start("grows") as run:
        curve(run, n=50)
        page = view.open(f"/charts?runs={run.id}")
        assert points(page) == 50
        curve(run, first=50, n=1)
        until(lambda: points(page) == 51, what="the 51st point on the page")
        expect(page.locator(f'{CHART}[data-metric="train/loss"] .note')).to_have_text(
            f"{2 * math.exp(-50 / 400) + 0.1:.3f}"
        )
        keep(page, "charts-live")


def test_zoom_tooltip_and_canvases_survive_ticks(view: View) -> None:
    """While points arrive the zoom chip and the tooltip stay, and no canvas is replaced."""
    with start("survives") as run:
        curve(run, "val/loss")
        curve(run)
        page = view.open(f"/charts?runs={run.id}")
        drawn(page)
        drag(page, "train/loss", 0.2, 0.6)
        chip = page.get_by_test_id("rs-zoom-reset")
        chip.wait_for()
        zoomed = chip.inner_text()
        box = drawn(page).locator(".u-over").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
        tip = page.locator(".tip.on")
        place = corner(tip)
        canvases = page.locator(f"{GRID} canvas").element_handles()
        assert canvases
        for batch in range(3):
            curve(run, "val/loss", first=STEPS + 10 * batch, n=10)
            curve(run, first=STEPS + 10 * batch, n=10)
            ticks(page, 1)
        assert chip.inner_text() == zoomed
        assert corner(tip) == place
        assert all(canvas.evaluate("(it) => it.isConnected") for canvas in canvases)


def test_zoom_brings_the_exact_points(view: View) -> None:
    """A spike of one step among 60,000 is inside the drawn band, and a narrow zoom shows every point."""
    with start("spike") as run:
        for step in range(60_000):
            run.log("train/loss", 9.0 if step == 30_000 else 1.0, step=step)
    page = view.open(f"/charts?runs={run.id}&clip=0")
    assert points(page) < 3000
    page = view.open(f"/charts?runs={run.id}&clip=0&zoom=29900..30100")
    until(lambda: 201 <= points(page) <= 512, what="every point of the zoomed range")
    box = drawn(page).locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    expect(page.locator(".tip.on .value").first).to_have_text("9")


def test_a_drag_is_answered_with_finer_columns(view: View) -> None:
    """A drag asks for data of its range: the answer is marked, and more columns than before lie in it."""
    with start("finer") as run:
        curve(run, n=20_000)
    page = view.open(f"/charts?runs={run.id}")
    before = points(page)
    drag(page, "train/loss", 0.4, 0.42)
    page.locator(f"{GRID}[data-roundtrip]").wait_for()
    until(lambda: points(page) != before, what="other columns")
    page.wait_for_url(lambda url: "zoom=" in url)


def test_a_link_reproduces_a_view(view: View) -> None:
    """Search, zoom, smoothing, axis, hidden runs and folded sections come from the address, also after a reload."""
    runs = []
    for name in ("left", "right"):
        with start(name) as run:
            curve(run)
            run.log("val/loss", 0.5, step=1)
        runs.append(run.id)
    link = f"/charts?runs={','.join(runs)}&q=loss&smooth=0.6&hide={runs[1]}&zoom=100..400&log=1&clip=0"
    page = view.open(link)
    for _ in range(2):
        drawn(page)
        expect(page.get_by_test_id("rs-search")).to_have_value("loss")
        expect(page.get_by_test_id("rs-smooth")).to_have_value("0.6")
        expect(page.get_by_test_id("rs-zoom-reset")).to_contain_text("100 – 400")
        expect(page.get_by_test_id("rs-log")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_test_id("rs-clip")).to_have_attribute("aria-pressed", "false")
        expect(page.locator(f'[data-testid=rs-run][data-run="{runs[1]}"]')).to_have_attribute("aria-pressed", "false")
        expect(page.locator(f'[data-testid=rs-run][data-run="{runs[0]}"]')).to_have_attribute("aria-pressed", "true")
        page.reload()


def test_what_a_reader_chooses_reaches_the_address(view: View) -> None:
    """Hiding a run and searching change the URL, so that it can be passed on."""
    with start("chosen") as run:
        curve(run, n=100)
    page = view.open(f"/charts?runs={run.id}")
    drawn(page)
    page.get_by_test_id("rs-search").fill("train")
    page.locator("[data-testid=rs-run]").click()
    page.wait_for_url(lambda url: "q=train" in url and f"hide={run.id}" in url)


def test_values_that_are_not_finite_are_counted_on_the_chart(view: View) -> None:
    """NaN and infinities are told in the chart's head and break nothing."""
    with start("nonfinite") as run:
        curve(run)
        for step in range(500):
            run.log("train/loss", (math.nan, math.inf)[step % 2], step=STEPS + step)
    page = view.open(f"/charts?runs={run.id}")
    expect(drawn(page).locator(".note")).to_contain_text("500 NaN/inf")


def test_only_charts_in_view_are_drawn(view: View) -> None:
    """With 500 metrics the first screen draws fewer than 40 charts; scrolling draws more."""
    with start("many") as run:
        for number in range(500):
            for step in range(3):
                run.log(f"layer{number // 50}/w{number}", float(number + step), step=step)
    page = view.open(f"/charts?runs={run.id}")
    page.locator(f"{CHART}[data-points]").first.wait_for()
    ticks_settled = page.locator(f"{CHART}[data-points]")
    first = ticks_settled.count()
    assert 0 < first < 40
    page.locator('[data-testid=rs-section][data-section="layer2"]').scroll_into_view_if_needed()
    until(lambda: ticks_settled.count() > first, what="charts further down")


def test_the_timer_stops_when_all_runs_have_ended(view: View) -> None:
    """After the last run has ended and been drawn, no more frames arrive."""
    run = start("ends")
    curve(run, n=100)
    page = view.open(f"/charts?runs={run.id}")
    drawn(page)
    run.complete()
    page.get_by_role("button", name="Refresh").wait_for()
    seen = version(page)
    page.get_by_test_id("rs-search").fill("nothing")
    page.wait_for_url(lambda url: "q=nothing" in url)
    until(lambda: version(page) > seen, what="the frame that answers the search")
    settled = version(page)
    page.get_by_test_id("rs-search").fill("nothing else")
    page.wait_for_url(lambda url: "q=nothing+else" in url or "q=nothing%20else" in url)
    assert version(page) <= settled + 2, "frames came without being asked for"


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


def test_one_point_is_a_dot_and_text_is_a_card(view: View) -> None:
    """A single value is drawn, and a metric of words shows its last word instead of an empty chart."""
    with start("small") as run:
        run.log("once", 0.25)
        run.log("phase", "warm-up")
        run.log("phase", "cosine")
    page = view.open(f"/charts?runs={run.id}")
    assert points(page, "once") == 1
    expect(page.locator(f'{CHART}[data-metric="phase"] .values')).to_have_text("cosine")


def test_a_failed_run_tells_why(view: View, keep: Keep) -> None:
    """The run page names the error of a failed run."""
    run = start("fails")
    curve(run, n=10)
    run.fail(error_details=RuntimeError("out of memory"))
    page = view.open(f"/run?run={run.id}")
    page.get_by_text("out of memory").first.wait_for()
    drawn(page)
    keep(page, "run-failed")


def test_sql_reads_and_refuses_to_write(view: View, keep: Keep) -> None:
    """A statement from a link waits for its button; a SELECT gives rows, a DELETE is refused and told."""
    start("asked").complete()
    page = view.open("/sql?q=SELECT%20count(run_id)%20AS%20n%20FROM%20run")
    page.get_by_role("button", name="Run", exact=False).last.wait_for()
    expect(page.get_by_text("nothing runs before you press Run")).to_be_visible()
    run_button = page.locator("button", has_text="play_arrow")
    run_button.click()
    page.get_by_text("1 row ·").wait_for()
    keep(page, "sql")
    page.get_by_label("Statement").fill("DELETE FROM run")
    run_button.click()
    expect(page.get_by_test_id("stAlert").filter(has_text="refused")).to_be_visible()


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
