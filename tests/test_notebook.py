"""RunDetails in a real JupyterLab, in the browser: live until the run ends, then still."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser import Keep
from tests.notebook import Notebooks
from tests.waiting import until

START = """
import threading, time
from runstream import Experiment, Workspace
from runstream.widgets import RunDetails
run = Experiment(Workspace(), "실험").start_logging(name="첫 번째", tags={"모델": "ridge"})
for step in range(20):
    run.log("train/손실", 1 / (step + 1), step=step)
run.log("alpha", 0.3)
RunDetails(run).show()
"""
TRAIN = """
while True:
    step += 1
    run.log("train/손실", 1 / (step + 1), step=step)
    time.sleep(0.1)
"""
THREADS = 'print("watching:", [it.name for it in threading.enumerate() if "runstream-widget" in it.name])'


def test_a_run_is_live_until_it_ends(notebooks: Notebooks, keep: Keep) -> None:
    """Points of a busy kernel appear by themselves, an interrupt changes nothing, and after the end nothing is left."""
    notebook = notebooks.open("live", [START, TRAIN, 'run.log("later", 7)', "run.complete()", THREADS])
    notebook.run_cell(0)
    widget = notebook.widget
    expect(widget.locator("header .rs-state")).to_have_text("Running")
    expect(widget.locator("header")).to_contain_text("첫 번째")
    chart = widget.locator('[data-metric="train/손실"]')
    expect(chart).to_have_attribute("data-points", "20")
    expect(widget.locator('[data-value="alpha"]')).to_contain_text("0.3")

    notebook.run_cell(1)
    until(lambda: int(chart.get_attribute("data-points") or 0) > 30, what="points of a running cell")
    notebook.interrupt()
    expect(notebook.output(1)).to_contain_text("KeyboardInterrupt")
    notebook.run_cell(2)
    expect(widget.locator('[data-value="later"]')).to_contain_text("7")
    expect(widget).to_have_attribute("data-live", "true")
    keep(notebook.page, "notebook-live")

    notebook.run_cell(3)
    expect(widget.locator("header .rs-state")).to_have_text("Completed")
    expect(widget).to_have_attribute("data-live", "false")
    messages = notebook.n_widget_messages
    notebook.run_cell(4)
    expect(notebook.output(4)).to_contain_text("watching: []")
    assert notebook.n_widget_messages == messages > 0


HOSTILE = """
import matplotlib.figure
from runstream import Experiment, Workspace
from runstream.widgets import RunDetails
run = Experiment(Workspace(), "lab").start_logging(name="<img src=x onerror=alert(1)>", tags={"<b>k</b>": "<i>v</i>"})
for step in range(400):
    run.log("loss", 400.0 - step, step=step)
run.log("note", "<script>alert(1)</script>")
figure = matplotlib.figure.Figure(figsize=(2, 1))
figure.subplots().plot([1, 2])
run.log_image("Dot", plot=figure)
run.fail(ValueError("<b>too large</b>"))
RunDetails(run).show()
"""
LATER = 'run.log_image("Another", plot=figure)'


def test_what_a_run_has_logged_is_text(notebooks: Notebooks, keep: Keep) -> None:
    """Names, values and errors are shown as logged, never as markup; what comes after the end is shown when asked."""
    notebook = notebooks.open("hostile", [HOSTILE, LATER])
    notebook.run_cell(0)
    widget = notebook.widget
    expect(widget.locator("header .rs-state")).to_have_text("Failed")
    expect(widget.locator("header .rs-title")).to_have_text("<img src=x onerror=alert(1)>")
    expect(widget.locator(".rs-failure p")).to_have_text("ValueError: <b>too large</b>")
    expect(widget.locator('[data-value="note"] dd')).to_have_text("<script>alert(1)</script>")
    assert widget.locator("header img, script, b, i").count() == 0
    widget.get_by_role("tab", name="Details").click()
    expect(widget.get_by_role("table", name="Tags")).to_have_text("<b>k</b><i>v</i>")

    notebook.dark()
    widget.get_by_role("tab", name=re.compile("Images")).click()
    picture = widget.get_by_role("img", name="Dot")
    until(lambda: picture.evaluate("(it) => it.naturalWidth") > 0, what="the picture's own pixels")
    keep(notebook.page, "notebook-dark")
    notebook.page.set_viewport_size({"width": 420, "height": 900})
    widget.get_by_role("tab", name="Metrics").click()
    assert widget.evaluate("(it) => it.scrollWidth <= it.clientWidth")
    keep(notebook.page, "notebook-narrow")

    refresh = widget.get_by_role("button", name="Refresh")
    refresh.wait_for()
    notebook.run_cell(1)
    notebook.idle()
    refresh.click()
    widget.get_by_role("tab", name="Images 2").wait_for()
    refresh.wait_for()
