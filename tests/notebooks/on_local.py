"""What the notebook that submits calls: a script in the notebook's own Python, then in one made for it."""

import os
import subprocess
from pathlib import Path

import numpy as np

from runstream.azureml.core import Environment, Experiment, ScriptRunConfig, Workspace
from runstream.azureml.core.conda_dependencies import CondaDependencies
from runstream.azureml.core.model import Model
from runstream.azureml.core.runconfig import RunConfiguration
from runstream.azureml.widgets import RunDetails

ws = Workspace.from_config()
exp = Experiment(workspace=ws, name="train-on-local")

Path("train.py").write_text(
    """
import os
import joblib
import mylib
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from runstream.azureml.core.run import Run

os.makedirs("./outputs", exist_ok=True)
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
    with open(os.path.join("./outputs/", model_file_name), "wb") as file:
        joblib.dump(reg, file)
    print("alpha is {0:.2f}, and mse is {1:0.2f}".format(alpha, mse))
"""
)
Path("mylib.py").write_text(
    "import numpy as np\n\ndef get_alphas():\n    return np.arange(0.0, 1.0, 0.05)\n",
)

# The form of 2018: a configuration, whose Python is the user's.
run_config_user_managed = RunConfiguration()
run_config_user_managed.environment.python.user_managed_dependencies = True
src = ScriptRunConfig(source_directory="./", script="train.py", run_config=run_config_user_managed)
run = exp.submit(src)
print(run)
details = run.wait_for_completion(show_output=True)
assert (details["runId"], details["status"]) == (run.id, "Completed")

# The form of today: an environment.
user_managed_env = Environment("user-managed-env")
user_managed_env.python.user_managed_dependencies = True
src = ScriptRunConfig(source_directory="./", script="train.py")
src.run_config.environment = user_managed_env
run = exp.submit(src)
RunDetails(run).show()
assert run.wait_for_completion()["status"] == "Completed"
assert run.type == "azureml.scriptrun"

# An environment that is made for the script; its one package is a folder of this machine.
packages = CondaDependencies.create(conda_packages=["python=3"], pip_packages=[os.environ["TEST_PACKAGE"]])
system_managed_env = Environment("system-managed-env")
system_managed_env.python.conda_dependencies = packages
Path("own").mkdir()
Path("own/own.py").write_text(
    "import tinypkg\nfrom runstream.azureml.core import Run\n\nRun.get_context().log('packaged', tinypkg.VALUE)\n"
)
src = ScriptRunConfig(source_directory="own", script="own.py")
src.run_config.environment = system_managed_env
own = exp.submit(src)
assert own.status in ("Preparing", "Starting", "Running")
own.wait_for_completion(show_output=True)
assert own.get_metrics() == {"packaged": 42}

# A container, where there is an engine for it.
try:
    has_docker = subprocess.run(["docker", "-v"], capture_output=True, check=False).returncode == 0
except FileNotFoundError:
    has_docker = False
if has_docker:
    try:
        system_managed_env.docker.enabled = True
    except NotImplementedError as error:
        print(error)
else:
    print("Docker engine is not installed.")

# The best alpha, and its model.
metrics = run.get_metrics()
best_alpha = metrics["alpha"][np.argmin(metrics["mse"])]
print(f"When alpha is {best_alpha:1.2f}, we have min MSE {min(metrics['mse']):1.2f}.")
assert "outputs/ridge_0.40.pkl" in run.get_file_names()
model = run.register_model(model_name="ridge_0.40.pkl", model_path="./outputs/ridge_0.40.pkl")
print("Registered model:", model.name, model.id, model.version, model.url)
assert (model.version, model.id) == (1, "ridge_0.40.pkl:1")
assert Model(ws, "ridge_0.40.pkl").version == 1
