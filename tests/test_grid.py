"""The live grid in a real browser over a real consumer: charts are live and stay put, links reproduce views."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import expect

from tests.browser import (
    CHART,
    GRID,
    STEPS,
    Keep,
    View,
    corner,
    curve,
    drag,
    drawn,
    points,
    start,
    ticks,
    version,
)
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stack_home")]


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
    """With 500 metrics fewer than 40 charts are drawn at first, more by scrolling; only three sections are open."""
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
    heads = page.locator("[data-testid=rs-section] button.head")
    assert [head.get_attribute("aria-expanded") for head in heads.all()] == ["true"] * 3 + ["false"] * 7


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


def test_a_single_value_and_text_are_cards(view: View) -> None:
    """A number logged once by a run that has ended, and words, are told as values instead of in an empty chart."""
    with start("small") as run:
        run.log("once", 0.25)
        run.log("phase", "warm-up")
        run.log("phase", "cosine")
    page = view.open(f"/charts?runs={run.id}")
    expect(page.locator(f'{CHART}[data-metric="once"] .value')).to_have_text("0.25")
    expect(page.locator(f'{CHART}[data-metric="phase"] .value')).to_have_text("cosine")
    assert points(page, "once") == 1


def test_single_values_of_several_runs_are_compared(view: View) -> None:
    """A card names each run beside its value, with a bar as long as the value; a run that is hidden leaves it."""
    ids = []
    for name, value in (("small", 1.0), ("great", 4.0)):
        with start(name) as run:
            run.log("score", value)
        ids.append(run.id)
    page = view.open(f"/charts?runs={','.join(ids)}")
    rows = page.locator(f'{CHART}[data-metric="score"] .values div')

    expect(rows).to_have_text(["small1", "great4"])
    assert rows.evaluate_all("all => all.map(one => one.style.getPropertyValue('--share'))") == ["25%", "100%"]
    page.locator(f'[data-testid="rs-run"][data-run="{ids[0]}"]').click()
    expect(rows).to_have_text(["great4"])


def test_the_first_point_of_a_running_run_is_a_chart(view: View) -> None:
    """A single value of a run that still logs is a dot that nothing smooths, and becomes a card when the run ends."""
    with start("begins") as run:
        run.log("once", 0.25)
        page = view.open(f"/charts?runs={run.id}")
        assert points(page, "once") == 1
        expect(page.locator(f'{CHART}[data-metric="once"] canvas')).to_have_count(1)
        expect(page.get_by_test_id("rs-smooth")).to_be_disabled()
    expect(page.locator(f'{CHART}[data-metric="once"] .value')).to_have_text("0.25")


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
