"""The grid's other views of the same curves, in a real browser: any metric as x, groups of runs, panned, as a table."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from runstream import Experiment, Run, Workspace
from runstream_dashboard.server import web_path
from tests.browser import CHART, GRID, WAIT_MS, Keep, View, curve, drag, drawn, points, start, ticks
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stack_home")]


def epochs(run: Run, first: int = 0, n: int = 10) -> None:
    """Log an epoch at each step, and the loss at every second one."""
    for step in range(first, first + n):
        run.log("epoch", step / 10, step=step)
        if step % 2 == 0:
            run.log("train/loss", 1 / (step + 1), step=step)


def tip_at(page: Page, share: float) -> str:
    """Point at a share of the loss chart's width; return where the tooltip says that is."""
    box = drawn(page).locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + 20)
    return page.locator(".tip.on .at").first.inner_text()


def test_any_metric_can_be_the_x_axis_and_stays_live(view: View, keep: Keep) -> None:
    """Chosen as x, a metric is joined by step; the choice reaches the address, and new pairs arrive by themselves."""
    with start("epochs") as run:
        epochs(run)
        page = view.open(f"/charts?runs={run.id}")
        assert points(page) == 5
        page.get_by_test_id("rs-x").select_option("epoch")
        page.wait_for_url(lambda url: "x=epoch" in url)
        assert tip_at(page, 0.99) == "epoch 0.8"
        epochs(run, 10, 4)
        until(lambda: points(page) == 7, what="two more pairs")
        keep(page, "charts-x-epoch")
        page.reload()
        expect(page.get_by_test_id("rs-x")).to_have_value("epoch")
        assert points(page) == 7
        page.get_by_test_id("rs-x").select_option("step")
        until(lambda: tip_at(page, 0.99) == "step 12", what="steps again")


def test_an_axis_that_shares_its_bits_with_another_is_drawn_too(view: View) -> None:
    """A metric that logs the step itself gives the same curve over both axes: it is sent again, not taken for known."""
    with start("same bits") as run:
        for step in range(20):
            run.log("count", float(step), step=step)
            run.log("train/loss", float(step), step=step)
    page = view.open(f"/charts?runs={run.id}")
    for axis in ("count", "step", "count"):
        page.get_by_test_id("rs-x").select_option(axis)
        page.locator(f"{GRID}[data-roundtrip]").wait_for()
        assert points(page) == 20


def grouped(view: View) -> tuple[Page, list[str]]:
    """Open four runs with two learning rates; return the page and the runs' ids."""
    runs = []
    for number, rate in enumerate(("0.1", "0.1", "0.01", "0.01")):
        with Experiment(Workspace(), "grouped").start_logging(display_name=f"run {number}") as run:
            run.add_properties({"lr": rate})
            for step in range(10):
                run.log("train/loss", float(number), step=step)
        runs.append(run.id)
    return view.open(f"/charts?runs={','.join(runs)}"), runs


def test_runs_are_grouped_by_a_parameter(view: View, keep: Keep) -> None:
    """A group is one curve, the mean of its runs with their band; the choice is kept by the address and undone."""
    page, runs = grouped(view)
    assert points(page) == 40
    page.get_by_test_id("rs-group").select_option("property:lr")
    rows = page.locator("[data-testid=rs-run] .name")
    expect(rows).to_have_text(["0.01 · 2 runs", "0.1 · 2 runs"])
    until(lambda: points(page) == 20, what="one curve a group")
    page.wait_for_url(lambda url: "group=property" in url)
    tip_at(page, 0.5)
    expect(page.locator(".tip.on .value")).to_have_text(["2.5", "0.5"])
    expect(page.locator(".tip.on .near .band")).to_have_text("2 … 3")
    keep(page, "charts-grouped")
    page.get_by_test_id("rs-band").select_option("std")
    page.wait_for_url(lambda url: "band=std" in url)
    until(lambda: points(page) == 20, what="the other band")
    tip_at(page, 0.4)
    expect(page.locator(".tip.on .near .band")).to_have_text("1.793 … 3.207")
    page.reload()
    expect(rows).to_have_count(2)
    page.get_by_test_id("rs-group").select_option("")
    expect(page.locator("[data-testid=rs-run]")).to_have_count(len(runs))
    until(lambda: points(page) == 40, what="single runs again")


def test_shift_and_drag_push_the_range_along(view: View) -> None:
    """With shift held a drag moves the zoomed range in all charts, and the address says where it is now."""
    with start("panned") as run:
        curve(run)
        curve(run, "val/loss")
    page = view.open(f"/charts?runs={run.id}&zoom=400..600")
    chip = page.get_by_test_id("rs-zoom-reset")
    expect(chip).to_contain_text("400 – 600")
    page.keyboard.down("Shift")
    drag(page, "train/loss", 0.25, 0.75)
    page.keyboard.up("Shift")
    expect(chip).to_contain_text("300 – 500")
    page.wait_for_url(lambda url: "zoom=400..600" not in url and "zoom=" in url)
    box = drawn(page, "val/loss").locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + 20)
    expect(chip).to_be_hidden()
    page.wait_for_url(lambda url: "zoom=" not in url)


def test_a_chart_is_shown_as_a_table(view: View, keep: Keep, tmp_path: Path) -> None:
    """By key: the numbers behind a chart, live, downloaded as CSV, kept by the address, closed with Esc."""
    with start("numbers") as run:
        curve(run, n=30)
        page = view.open(f"/charts?runs={run.id}")
        drawn(page).focus()
        page.keyboard.press("t")
        table = page.get_by_role("dialog", name="Values of train/loss")
        expect(table).to_have_attribute("data-rows", "30")
        expect(table.get_by_role("columnheader")).to_have_text(["run", "step", "value"])
        expect(table.get_by_role("rowheader").first).to_have_text("numbers")
        curve(run, first=30, n=1)
        expect(table).to_have_attribute("data-rows", "31")
        keep(page, "charts-table")
        page.wait_for_url(lambda url: "table=train" in url)
        with page.expect_download() as told:
            page.get_by_test_id("rs-csv").click()
        told.value.save_as(tmp_path / "loss.csv")
        rows = list(csv.reader((tmp_path / "loss.csv").read_text().splitlines()))
        assert rows[0] == ["run", "step", "value"]
        assert [(name, float(step)) for name, step, _ in rows[1:]] == [("numbers", float(step)) for step in range(31)]
        assert float(rows[1][2]) == 2.1
        page.reload()
        expect(table).to_have_attribute("data-rows", "31")
        page.keyboard.press("Escape")
        page.get_by_test_id("rs-table").wait_for(state="hidden")


def test_keys_open_the_chart_under_the_pointer(view: View) -> None:
    """`f` and `t` need no click first: they are of the chart that is pointed at; `f` again puts it back."""
    with start("pointed") as run:
        curve(run)
    page = view.open(f"/charts?runs={run.id}")
    card = drawn(page)
    card.hover()

    page.keyboard.press("f")
    expect(card).to_contain_class("full")
    page.keyboard.press("f")
    expect(card).not_to_contain_class("full")
    page.keyboard.press("t")
    expect(page.get_by_test_id("rs-table")).to_be_visible()


def test_large_charts_live_in_the_address(view: View) -> None:
    """Charts are made larger by a button and by a link, and say so in the address."""
    with start("large") as run:
        curve(run)
    page = view.open(f"/charts?runs={run.id}")
    small = drawn(page).locator("canvas").bounding_box()
    page.get_by_test_id("rs-large").click()
    page.wait_for_url(lambda url: "large=1" in url)

    linked = view.open(f"/charts?runs={run.id}&large=1")
    large = drawn(linked).locator("canvas").bounding_box()
    expect(linked.get_by_test_id("rs-large")).to_have_attribute("aria-pressed", "true")
    assert small is not None
    assert large is not None
    assert large["height"] > small["height"]


def test_a_link_opens_a_chart_in_full(view: View) -> None:
    """The full-screen chart is part of the address: a link opens it, Esc closes it and takes it out."""
    with start("in full") as run:
        curve(run)
    page = view.open(f"/charts?runs={run.id}&full=train/loss")
    full = page.locator(f"{CHART}.full")
    expect(full).to_have_attribute("data-metric", "train/loss")
    drawn(page).focus()
    page.keyboard.press("Escape")
    expect(full).to_have_count(0)
    page.wait_for_url(lambda url: "full=" not in url)
    page.keyboard.press("f")
    expect(full).to_have_count(1)


def test_labels_of_an_axis_tell_small_values_apart(view: View) -> None:
    """Two lines between 0.0001 and 0.0002 have three labels; powers of ten stay short, what is none is empty."""
    page = view.open("/charts")
    labels = page.evaluate(
        "(web) => import(`${web}/numbers.js`).then((it) => [1e-4, 1.5e-4, 2e-4, 1e-9, 0.5, 12000, null].map(it.tick))",
        web_path(),
    )
    assert labels == ["1e-4", "1.5e-4", "2e-4", "1e-9", "0.5", "12k", ""]


def test_a_group_grows_with_its_runs(view: View) -> None:
    """Grouped curves are live: points of a running run reach the mean by themselves."""
    with start("member one") as one, start("member two") as two:
        curve(one, n=20)
        curve(two, n=20)
        page = view.open(f"/charts?runs={one.id},{two.id}&group=run:experiment")
        until(lambda: points(page) == 20, what="the mean")
        curve(one, first=20, n=5)
        until(lambda: points(page) == 25, what="the mean of what is left")
        ticks(page, 1)


def test_the_list_of_runs_can_be_put_away(view: View) -> None:
    """One button gives the charts the whole width; the address remembers it."""
    with start("put away") as run:
        curve(run)
    page = view.open(f"/charts?runs={run.id}")
    drawn(page)
    rail = page.get_by_test_id("rs-rail")
    expect(rail).to_be_visible()
    page.get_by_test_id("rs-rail-toggle").click()
    expect(rail).to_be_hidden()
    page.wait_for_url(lambda url: "rail=0" in url)
    page.reload()
    drawn(page)
    expect(rail).to_be_hidden()


def test_a_chart_says_in_words_what_it_shows(view: View) -> None:
    """For a screen reader: the metric, how many curves, and how many points stand behind the columns."""
    with start("in words") as run:
        curve(run, n=5000)
    page = view.open(f"/charts?runs={run.id}")
    drawn(page)
    expect(page.get_by_role("group", name="train/loss: 1 curve, 5,000 points, drawn in")).to_be_visible()


def test_runs_are_added_to_the_charts(view: View) -> None:
    """The popover lists what is not plotted yet; picks stay under another filter and join the address and charts."""
    runs = []
    for name in ("there already", "added later", "added last"):
        with start(name, "added") as run:
            curve(run, n=10)
        runs.append(run.id)
    page = view.open(f"/charts?runs={runs[0]}")
    drawn(page)
    page.get_by_test_id("stPopoverButton").filter(has_text="Add runs").click()
    page.get_by_placeholder("name, id, or val/loss < 0.4").fill("added later")
    offered = page.get_by_test_id("stButtonGroup").get_by_role("button")
    expect(offered).to_have_text(["added later"], timeout=WAIT_MS)
    offered.click()
    page.get_by_role("button", name="Plot them (1)").wait_for()
    page.get_by_placeholder("name, id, or val/loss < 0.4").fill("added last")
    expect(offered).to_have_text(["added last", "added later"], timeout=WAIT_MS)
    offered.first.click()
    page.get_by_role("button", name="Plot them (2)").wait_for()
    page.get_by_placeholder("name, id, or val/loss < 0.4").fill("val/loss <")
    page.get_by_test_id("stCaptionContainer").filter(has_text="val/loss").wait_for()
    expect(offered).to_have_count(2, timeout=WAIT_MS)
    page.get_by_role("button", name="Plot them").click()
    page.wait_for_url(lambda url: runs[1] in url and runs[2] in url)
    expect(page.locator("[data-testid=rs-run]")).to_have_count(3)


def test_more_runs_than_can_be_told_apart_are_grouped(view: View) -> None:
    """Of 52 runs 50 are drawn; grouped, all of them count."""
    runs = []
    for number in range(52):
        with start(f"run {number}", "crowd") as run:
            run.log("train/loss", float(number), step=0)
            run.log("train/loss", float(number), step=1)
        runs.append(run.id)
    page = view.open(f"/charts?runs={','.join(runs)}")
    page.get_by_text("The first 50 of 52 runs are plotted.").wait_for()
    assert points(page) == 100
    page.get_by_test_id("rs-group").select_option("run:experiment")
    expect(page.locator("[data-testid=rs-run] .name")).to_have_text(["crowd · 52 runs"], timeout=WAIT_MS)
    until(lambda: points(page) == 2, what="one mean")
    expect(page.get_by_text("The first 50 of 52 runs are plotted.")).to_be_hidden()
