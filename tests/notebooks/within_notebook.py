"""What the notebook that trains by itself calls: one run, then twenty, the best of them, and its model."""

from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

import runstream.azureml.core
from runstream.azureml.core import Experiment, Workspace
from runstream.azureml.core.model import Model
from runstream.azureml.core.run import Run

print("This is version", runstream.azureml.core.VERSION)

ws = Workspace.from_config()
print(ws.name, ws.resource_group, ws.location, ws.subscription_id, sep="\n")
experiment = Experiment(workspace=ws, name="train-within-notebook")

columns = ["age", "gender", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

# One run.
run = experiment.start_logging()
run.tag("Description", "My first run!")
run.log("alpha", 0.03)
run.log_list("columns", columns)
reg = Ridge(alpha=0.03)
reg.fit(X_train, y_train)
preds = reg.predict(X_test)
run.log("mse", mean_squared_error(y_test, preds))
joblib.dump(value=reg, filename="model.pkl")
run.upload_file(name="outputs/model.pkl", path_or_stream="./model.pkl")
run.complete()
print(run, run.get_portal_url(), experiment, sep="\n")
assert run.get_metrics()["columns"] == columns

# Twenty, each in a context.
model_name = "model.pkl"
for alpha in np.arange(0.0, 1.0, 0.05):
    with experiment.start_logging() as run:
        run.log(name="alpha", value=alpha)
        reg = Ridge(alpha=alpha)
        reg.fit(X_train, y_train)
        mse = mean_squared_error(reg.predict(X_test), y_test)
        run.log(name="mse", value=mse)
        joblib.dump(value=reg, filename=model_name)
        run.upload_file(name="outputs/" + model_name, path_or_stream="./" + model_name)
        print(f"finished experiment with alpha={alpha:.3f}")

# The best of them.
runs: dict[str, dict[str, float]] = {}
run_metrics: dict[str, float] = {}
for r in experiment.get_runs():
    metrics = r.get_metrics()
    if "mse" in metrics and "columns" not in metrics:
        runs[r.id] = metrics
assert len(runs) == 20
best_run_id = min(runs, key=lambda k: runs[k]["mse"])
best_run = Run(experiment, best_run_id)
print("Best run is:", best_run_id, runs[best_run_id])
assert round(runs[best_run_id]["alpha"], 2) == 0.4
best_run.tag("Best Run")
assert best_run.get_tags() == {"Best Run": None}
assert "outputs/model.pkl" in best_run.get_file_names()

# Its model.
model = best_run.register_model(model_name="best_model", model_path="outputs/model.pkl")
assert (model.name, model.version, model.id, model.run_id) == ("best_model", 1, "best_model:1", best_run_id)
models = Model.list(workspace=ws, name="best_model")
assert [(m.name, m.version) for m in models] == [("best_model", 1)]
assert isinstance(models[0], Model)
path = models[0].download(target_dir="downloaded")
assert Path(path).name == "model.pkl"
assert joblib.load(path).alpha == runs[best_run_id]["alpha"]

# The web service at its end is out of scope, and says so.
try:
    from runstream.azureml.core.webservice import AciWebservice  # type: ignore[import-not-found]
except ImportError as error:
    print(error)
else:
    raise AssertionError(AciWebservice)
