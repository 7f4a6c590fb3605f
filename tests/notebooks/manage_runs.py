"""What the notebook about many runs calls: their state, labels, children, and how they are ended and kept."""

import zipfile
from pathlib import Path

from runstream.azureml.core import Experiment, Run, ScriptRunConfig, Workspace
from runstream.azureml.core.runconfig import RunConfiguration
from runstream.azureml.exceptions import ActivityFailedException, AzureMLException

ws = Workspace.from_config()
exp = Experiment(workspace=ws, name="explore-runs")

# A run of the notebook.
notebook_run = exp.start_logging()
notebook_run.log(name="message", value="Hello from run!")
assert notebook_run.get_status() == "Running"
notebook_run.complete()
assert notebook_run.get_status() == "Completed"

# A script, whose folder is kept but for what .amlignore names.
Path("scripts").mkdir()
Path("scripts/.amlignore").write_text("secret.txt\n")
Path("scripts/secret.txt").write_text("secret")
Path("scripts/hello.py").write_text(
    "from runstream.azureml.core import Run\n\nrun = Run.get_context()\nrun.log('message', 'Hello')\nprint('Hello!')\n"
)
Path("scripts/hello_with_delay.py").write_text(
    "import time\nfrom runstream.azureml.core import Run\n\nRun.get_context().log('alive', 1)\ntime.sleep(600)\n"
)
run_config = RunConfiguration()
run_config.environment.python.user_managed_dependencies = True


def submitted(script: str) -> Run:
    """Submit one of the scripts."""
    return exp.submit(ScriptRunConfig(source_directory="scripts", script=script, run_config=run_config))


local_script_run = submitted("hello.py")
print(local_script_run.get_status())
local_script_run.wait_for_completion(show_output=True)
details = local_script_run.get_details()
assert (details["status"], details["target"]) == ("Completed", "local")
assert "Hello!" in "".join(local_script_run.get_details_with_logs()["logFiles"].values())
zip_path = local_script_run.restore_snapshot(path="restored")
assert sorted(zipfile.ZipFile(zip_path).namelist()) == [".amlignore", "hello.py", "hello_with_delay.py"]

# Ending runs.
delayed = submitted("hello_with_delay.py")
delayed.cancel()
assert delayed.wait_for_completion(wait_post_processing=True)["status"] == "Canceled"
failed = submitted("hello_with_delay.py")
failed.fail(error_details="I do not want it")
try:
    failed.wait_for_completion(wait_post_processing=True)
except ActivityFailedException as error:
    told = error.message
assert "I do not want it" in told

# Labels.
local_script_run.add_properties({"author": "azureml-user"})
assert local_script_run.get_properties()["author"] == "azureml-user"
try:
    local_script_run.add_properties({"author": "different-user"})
except AzureMLException as error:
    print(error)
else:
    raise AssertionError("a property was changed")
local_script_run.tag("quality", "great run")
local_script_run.tag("quality", "fantastic run")
local_script_run.tag("worth another look")
assert local_script_run.get_tags() == {"quality": "fantastic run", "worth another look": None}
found = list(exp.get_runs(properties={"author": "azureml-user"}, tags={"quality": "fantastic run"}))
assert [run.id for run in found] == [local_script_run.id]
assert [run.id for run in exp.get_runs(properties={"author": "azureml-user"}, tags="worth another look")] == [
    local_script_run.id
]

# Children: many at once, and one at a time.
parent_run = exp.start_logging()
for place, child in enumerate(parent_run.create_children(count=5)):
    child.log(name="Hello from child run", value=place)
    child.complete()
with parent_run.child_run(name="one more") as child_run:
    child_run.log("metric", 1)
parent_run.complete()
children = list(parent_run.get_children())
assert len(children) == 6
assert {child.status for child in children} == {"Completed"}
assert child_run.parent is not None
assert child_run.parent.id == parent_run.id
assert len(parent_run.get_metrics(recursive=True)) == 6
assert parent_run.id in {run.id for run in exp.get_runs()}
assert child_run.id not in {run.id for run in exp.get_runs()}
assert child_run.id in {run.id for run in exp.get_runs(include_children=True)}
