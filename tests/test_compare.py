"""The compare page in a real browser: what tells runs apart, in numbers, dots, curves and pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from runstream import Experiment, Workspace
from tests.browser import Keep, View, curve, drawn, png, start
from tests.waiting import until

# The middle of what is drawn in the grey of runs that are not compared, in CSS pixels of the canvas; null without any.
# The dot is half transparent, but nothing is behind it: its colour is read as it was given.
GREY_DOT = """canvas => {
    const { width, height } = canvas, { data } = canvas.getContext("2d").getImageData(0, 0, width, height)
    const grey = [0x98, 0xa2, 0xb3], seen = []
    for (let i = 0; i < data.length; i += 4)
        if (grey.every((level, part) => Math.abs(data[i + part] - level) < 4)) seen.push(i / 4)
    const mean = of => seen.reduce((sum, i) => sum + of(i), 0) / seen.length * canvas.clientWidth / width
    return seen.length < 20 ? null : [mean(i => i % width), mean(i => Math.floor(i / width))]
}"""

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stack_home")]


def sweep(experiment: str, rates: tuple[float, ...] = (0.1, 0.01)) -> list[str]:
    """Log one run for each rate; return their ids."""
    runs = []
    for rate in rates:
        with Experiment(Workspace(), experiment).start_logging(display_name=f"lr-{rate}") as run:
            run.add_properties({"lr": str(rate), "seed": "1"})
            curve(run, n=50)
            run.log("val/accuracy", rate)
        runs.append(run.id)
    return runs


def test_differences_find_their_key_value_and_baseline_in_the_address(view: View, keep: Keep) -> None:
    """Everything that is chosen above the table is in the address, and a reload shows the same."""
    runs = sweep("compared")
    page = view.open(f"/compare?runs={','.join(runs)}")
    page.get_by_role("heading", name="Compare 2 runs").wait_for()
    page.get_by_test_id("stDataFrame").wait_for()
    keep(page, "compare-differences")
    page.get_by_role("combobox", name="Metrics").click()
    page.get_by_role("option", name="Least values").click()
    page.wait_for_url(lambda url: "stat=" in url)
    page.get_by_role("textbox", name="Find key").fill("lr")
    page.wait_for_url(lambda url: "find=lr" in url)
    page.reload()
    expect(page.get_by_role("textbox", name="Find key")).to_have_value("lr")
    expect(page.get_by_role("combobox", name="Metrics")).to_have_value("Least values")


def test_without_runs_the_newest_are_offered(view: View) -> None:
    """The page without runs in its address compares the newest experiment's by one click, and more are added there."""
    ids = []
    for name in ("older", "newer", "newest"):
        with start(name, "offered") as run:
            run.log("loss", 0.5)
        ids.append(run.id)
    page = view.open("/compare")
    page.get_by_role("button", name="Compare the newest of offered").click()
    page.get_by_text("Compare 3 runs").wait_for()

    page = view.open(f"/compare?runs={ids[0]}")
    page.get_by_role("button", name="Add runs").click()
    page.get_by_role("button", name="newest", exact=True).click()
    page.get_by_role("button", name="Compare them").click()
    page.get_by_text("Compare 2 runs").wait_for()
    assert ids[2] in page.url


def test_texts_of_two_runs_stand_beside_each_other(view: View, keep: Keep, tmp_path: Path) -> None:
    """Parameters come first; a file that both have uploaded is read and compared line by line."""
    runs = []
    for rate in ("0.1", "0.2"):
        config = tmp_path / "config.yaml"
        config.write_text(f"optimizer: sgd\nrate: {rate}\n")
        with Experiment(Workspace(), "texts").start_logging(display_name=f"lr-{rate}") as run:
            run.add_properties({"lr": rate, "seed": "1"})
            run.upload_file("conf/config.yaml", str(config))
        runs.append(run.id)
    page = view.open(f"/compare?runs={','.join(runs)}&tab=Text")
    left, right = page.locator(".st-key-rs-text-left code"), page.locator(".st-key-rs-text-right code")
    expect(left).to_have_text("- lr = 0.1\n  seed = 1")
    expect(right).to_have_text("+ lr = 0.2\n  seed = 1")
    keep(page, "compare-text")
    page.get_by_role("combobox", name="Text").click()
    page.get_by_role("option", name="file conf/config.yaml").click()
    expect(left).to_have_text("  optimizer: sgd\n- rate: 0.1")
    expect(right).to_have_text("  optimizer: sgd\n+ rate: 0.2")
    page.wait_for_url(lambda url: "text=file" in url)


def test_what_was_logged_or_linked_is_shown_as_text(view: View) -> None:
    """Names and addresses are no Markdown: a picture in one would make every reader's browser fetch it."""
    picture = "![x](http://198.51.100.7/x.png)"
    with Experiment(Workspace(), f"odd {picture}").start_logging(display_name=f"run {picture}") as run:
        run.tag(f"tag {picture}", ":red[loud]")
        curve(run, n=5)
    page = view.open(f"/compare?runs={run.id},{picture}")
    page.get_by_text(f"Not in this history: {picture}").wait_for()
    page = view.open(f"/charts?runs={run.id}")
    page.get_by_role("heading", name=f"odd {picture}", exact=True).wait_for()
    page = view.open(f"/run?run={run.id}")
    page.get_by_role("heading", name=f"run {picture}", exact=True).wait_for()
    page.get_by_text(f"tag {picture} = :red[loud]").first.wait_for()


def test_a_dot_that_is_clicked_is_compared_too(view: View, keep: Keep) -> None:
    """Two numbers that differ are drawn first; a click on a grey dot adds its run to the address."""
    runs = sweep("dots", (0.1, 0.2, 0.3))
    page = view.open(f"/compare?runs={runs[0]},{runs[2]}&tab=Scatter&sx=property+lr&sy=metric+val%2Faccuracy")
    chart = page.get_by_test_id("stEChartsChart").locator("canvas").first
    chart.wait_for()
    page.get_by_text("3 runs of dots have both").wait_for()
    keep(page, "compare-scatter")
    place = until(lambda: chart.evaluate(GREY_DOT), what="a grey dot in the chart")
    chart.click(position={"x": place[0], "y": place[1]})
    page.wait_for_url(lambda url: runs[1] in url)
    page.get_by_role("heading", name="Compare 3 runs").wait_for()


def test_dots_are_coloured_by_what_a_link_says(view: View, keep: Keep) -> None:
    """Another colour is chosen above the chart and kept in the address."""
    runs = sweep("dyed", (0.1, 0.2, 0.3))
    page = view.open(f"/compare?runs={runs[0]},{runs[2]}&tab=Scatter&scolour=property+lr")
    page.get_by_text("the compared ones are large").wait_for()
    expect(page.get_by_role("combobox", name="Colour")).to_have_value("property lr")
    keep(page, "compare-scatter-coloured")
    page.get_by_role("combobox", name="Colour").click()
    page.get_by_role("option", name="of the run").click()
    page.get_by_text("the compared ones in colour").wait_for()
    page.wait_for_url(lambda url: "scolour" not in url)


def test_settings_and_results_are_lines_through_axes(view: View, keep: Keep) -> None:
    """What differs is drawn from the setting to the result, the other runs of the experiment too; axes are chosen."""
    runs = sweep("parallel", (0.1, 0.2, 0.3))
    page = view.open(f"/compare?runs={runs[0]},{runs[2]}&tab=Parallel")
    page.get_by_text("3 runs of parallel have all of these").wait_for()
    expect(page.get_by_test_id("stEChartsChart").locator("canvas").first).to_be_visible()
    axes = page.get_by_test_id("stMultiSelect")
    expect(axes).to_contain_text("property lr")
    expect(axes).to_contain_text("metric val/accuracy")
    keep(page, "compare-parallel")
    page.get_by_text("Colour by the last").click()
    page.wait_for_url(lambda url: "plast=true" in url)


def test_pictures_of_runs_stand_side_by_side(view: View, keep: Keep, tmp_path: Path) -> None:
    """One slider for all runs: the same name at the same place, also from a link; the newest needs no address."""
    runs = []
    for width in (10, 20):
        with Experiment(Workspace(), "pictured").start_logging(display_name=f"wide {width}") as run:
            for number in range(1, 4):
                path = tmp_path / f"{width}-{number}.png"
                path.write_bytes(png(width + number, 5))
                run.log_image("confusion", str(path))
        runs.append(run.id)
    page = view.open(f"/compare?runs={','.join(runs)}&tab=Images")
    shown = page.get_by_test_id("stImage").locator("img[alt^=confusion]")
    widths = "(them) => them.map((it) => it.naturalWidth)"
    until(lambda: shown.evaluate_all(widths) == [13, 23], what="the newest picture of both")
    keep(page, "compare-images")
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(lambda url: "at=2" in url)
    until(lambda: shown.evaluate_all(widths) == [12, 22], what="the second picture of both")
    page.reload()
    until(lambda: shown.evaluate_all(widths) == [12, 22], what="the second picture after a reload")
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: "at=" not in url)


def test_curves_of_compared_runs_are_the_grid(view: View) -> None:
    """The grid is there with everything that it can: its view is in the same address."""
    runs = sweep("curves")
    page = view.open(f"/compare?runs={','.join(runs)}&tab=Curves&smooth=0.5")
    drawn(page)
    expect(page.get_by_test_id("rs-smooth")).to_have_value("0.5")
    page.get_by_test_id("rs-search").fill("train")
    page.wait_for_url(lambda url: "q=train" in url and "tab=Curves" in url)
