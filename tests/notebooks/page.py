"""The page that runstream takes its calls from: each of its examples, in its order."""

from pathlib import Path

import joblib
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

import runstream.azureml.core
from runstream.azureml.core import Experiment, Run, ScriptRunConfig, Workspace
from runstream.azureml.core.runconfig import RunConfiguration
from runstream.azureml.train.widgets import RunDetails

# A workspace, with the name before the others as the page has it, and an experiment.
ws = Workspace(workspace_name="lab", subscription_id="none", resource_group="none")
experiment = Experiment(workspace=ws, name="train-in-notebook")
print(runstream.azureml.core.VERSION, ws.name)

# What can be logged.
run = experiment.start_logging()
run.log("accuracy", 0.95)
run.log_list("accuracies", [0.6, 0.7, 0.87])
run.log_row("Y over X", x=1, y=0.4)
run.log_table("Y over X again", {"x": [1, 2, 3], "y": [0.6, 0.7, 0.89]})
plt.plot([0, 0.2, 1], [0, 0.8, 1])
run.log_image("ROC", plt)
run.tag("selected", "yes")
Path("model.pkl").write_bytes(b"a model")
run.upload_file("best_model.pkl", "./model.pkl")
run.complete()
logged = run.get_metrics()
picture = logged.pop("ROC")
assert logged == {
    "accuracy": 0.95,
    "accuracies": [0.6, 0.7, 0.87],
    "Y over X": {"x": 1, "y": 0.4},
    "Y over X again": {"x": [1, 2, 3], "y": [0.6, 0.7, 0.89]},
}
assert {picture, "best_model.pkl"} <= set(run.get_file_names())
assert run.get_tags() == {"selected": "yes"}

# The charts that the page promises: two with one variable, two with two.
run = experiment.start_logging()
run.log_list(name="Fibonacci", value=[0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
sines: dict[str, list[float]] = {"angle": [], "sine": []}
for i in range(-10, 10):
    run.log(name="Sigmoid", value=1 / (1 + np.exp(-i)))
    angle = i / 2.0
    run.log_row(name="Cosine Wave", angle=angle, cos=np.cos(angle))
    sines["angle"].append(angle)
    sines["sine"].append(np.sin(angle))
run.log_table(name="Sine Wave", value=sines)
run.complete()
assert run.get_metrics("Fibonacci")["Fibonacci"][-1] == 89
assert len(run.get_metrics()["Sigmoid"]) == 20
assert run.get_metrics()["Sine Wave"] == sines
assert list(run.get_metrics()["Cosine Wave"]) == ["angle", "cos"]

# The first option: a model in the notebook.
X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
data = {"train": {"X": X_train, "y": y_train}, "test": {"X": X_test, "y": y_test}}
run = experiment.start_logging()
run.tag("Description", "My first run!")
run.log("alpha", 0.03)
reg = Ridge(alpha=0.03)
reg.fit(data["train"]["X"], data["train"]["y"])
preds = reg.predict(data["test"]["X"])
run.log("mse", mean_squared_error(preds, data["test"]["y"]))
joblib.dump(value=reg, filename="model.pkl")
run.upload_file(name="outputs/model.pkl", path_or_stream="./model.pkl")
run.complete()
assert run.get_status() == "Completed"
assert run.get_metrics()["mse"] > 3000

# The second option: a script and its neighbour, submitted.
project_folder = Path("project")
project_folder.mkdir()
(project_folder / "train.py").write_text(
    """
import joblib
import mylib
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

from runstream.azureml.core.run import Run

X, y = load_diabetes(return_X_y=True)
run = Run.get_context()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
for alpha in mylib.get_alphas():
    reg = Ridge(alpha=alpha)
    reg.fit(X_train, y_train)
    mse = mean_squared_error(reg.predict(X_test), y_test)
    run.log("alpha", alpha)
    run.log("mse", mse)
    model_file_name = "ridge_{0:.2f}.pkl".format(alpha)
    with open(model_file_name, "wb") as file:
        joblib.dump(value=reg, filename=file)
    run.upload_file(name=model_file_name, path_or_stream=model_file_name)
    print("alpha is {0:.2f}, and mse is {1:0.2f}".format(alpha, mse))
"""
)
(project_folder / "mylib.py").write_text(
    """
import numpy as np


def get_alphas():
    return np.arange(0.0, 1.0, 0.05)
"""
)
run_config_user_managed = RunConfiguration()
run_config_user_managed.environment.python.user_managed_dependencies = True
src = ScriptRunConfig(source_directory=project_folder, script="train.py", run_config=run_config_user_managed)
run = experiment.submit(src)

# Looking on, waiting, and what came out.
RunDetails(run).show()
run.wait_for_completion(show_output=True)
metrics = run.get_metrics()
assert len(metrics["alpha"]) == len(metrics["mse"]) == 20
best_alpha = metrics["alpha"][np.argmin(metrics["mse"])]
print("the best alpha is", best_alpha, "at", run.get_portal_url())
assert round(best_alpha, 2) == 0.4
assert {"ridge_0.40.pkl", "ridge_0.95.pkl"} <= set(run.get_file_names())
assert Run(experiment, run.id).get_status() == "Completed"
