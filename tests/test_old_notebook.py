"""A notebook of the azureml SDK in a real JupyterLab: one line above it, and the widget shows the submitted run."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.notebook import Notebooks

FIRST_LINE = "from runstream.azureml import install; install()"
SUBMIT = """
import pathlib
from azureml.core import Experiment, ScriptRunConfig, Workspace
from azureml.core.runconfig import RunConfiguration
from azureml.train.widgets import RunDetails
pathlib.Path("old").mkdir()
pathlib.Path("old/train.py").write_text('''
from azureml.core.run import Run
run = Run.get_context()
for alpha in range(20):
    run.log("mse", 100 - alpha)
print("trained")
''')
configuration = RunConfiguration()
configuration.environment.python.user_managed_dependencies = True
experiment = Experiment(workspace=Workspace(workspace_name="lab"), name="old")
run = experiment.submit(ScriptRunConfig("old", "train.py", run_config=configuration))
RunDetails(run).show()
"""
WAIT = "print(run.wait_for_completion()['status'], len(run.get_metrics()['mse']))"


def test_a_notebook_of_the_sdk_runs_with_one_line_above_it(notebooks: Notebooks) -> None:
    """Its imports, its script's and the widget of 2018 work unchanged; the widget follows the script to its end."""
    notebook = notebooks.open("old", [FIRST_LINE, SUBMIT, WAIT])
    notebook.run_cell(0)
    notebook.idle()
    notebook.run_cell(1)
    notebook.run_cell(2)
    expect(notebook.output(2)).to_contain_text("Completed 20")
    expect(notebook.widget.locator("header .rs-state")).to_have_text("Completed")
    expect(notebook.widget.locator('[data-metric="mse"]')).to_have_attribute("data-points", "20")
