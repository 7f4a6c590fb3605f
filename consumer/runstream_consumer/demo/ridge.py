"""
Ridge regression on scikit-learn's diabetes data, alpha over twenty values.

What a user's training script looks like, with every kind of thing it can log: single values, repeated values, rows,
a list of names, model files, a plot, tags.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import joblib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

from runstream import Experiment, Run, Workspace

EXPERIMENT = "diabetes-ridge"
COLUMNS = ("age", "gender", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")

Split = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def alphas() -> NDArray[np.float64]:
    """Return the twenty values from 0.0 to 0.95 in steps of 0.05."""
    return np.arange(0.0, 1.0, 0.05)


def data() -> Split:
    """Return the diabetes data as x_train, x_test, y_train, y_test: 442 patients, a fifth of them for testing."""
    x, y = load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
    return x_train, x_test, y_train, y_test


def sweep(workspace: Workspace) -> tuple[Run, list[Run]]:
    """
    Train one model an alpha; return the run that holds the whole sweep, and one run a model.

    The sweep's run logs alpha and mse twenty times each, a row a point, every model file and a plot; each model's run
    has its own alpha and mse, so that runs can be sorted and compared.
    """
    experiment = Experiment(workspace=workspace, name=EXPERIMENT)
    x_train, x_test, y_train, y_test = data()
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as folder, experiment.start_logging(display_name="alpha sweep") as whole:
        whole.tag("Description", "Ridge over twenty alphas")
        whole.set_tags({"model": "ridge", "data": "diabetes"})
        whole.log_list("columns", COLUMNS, description="the ten features, in order")
        for alpha in alphas():
            model = Ridge(alpha=alpha)
            model.fit(x_train, y_train)
            mse = mean_squared_error(y_test, model.predict(x_test))
            file = Path(folder, f"ridge_{alpha:.2f}.pkl")
            joblib.dump(value=model, filename=file)
            whole.log("alpha", alpha)
            whole.log("mse", mse, description="mean squared error on the test patients")
            whole.log_row("mse by alpha", alpha=alpha, mse=mse)
            whole.upload_file(name=f"outputs/{file.name}", path_or_stream=file)
            runs.append(_one(experiment, alpha, mse, file))
            print(f"alpha is {alpha:.2f}, and mse is {mse:0.2f}")
        whole.log_image("mse over alpha", plot=_plot(whole))
    return whole, runs


def _one(experiment: Experiment, alpha: float, mse: float, file: Path) -> Run:
    with experiment.start_logging(display_name=f"ridge {alpha:.2f}", tags={"model": "ridge"}) as run:
        run.log("alpha", alpha)
        run.log("mse", mse)
        run.upload_file(name="outputs/model.pkl", path_or_stream=file)
    return run


def _plot(whole: Run) -> Figure:
    """Draw what the sweep has logged, as it reads back."""
    metrics = whole.get_metrics()
    # A figure of its own, without pyplot: no window system is asked for, nothing stays open.
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(metrics["alpha"], metrics["mse"], marker="o")
    axes.set_xlabel("alpha")
    axes.set_ylabel("mse")
    return figure


def best_of(runs: list[Run]) -> tuple[Run, float, float]:
    """Return the run with the lowest mse, its alpha and its mse, all as get_metrics() gives them; tag that run."""
    metrics = [run.get_metrics() for run in runs]
    place = int(np.argmin([values["mse"] for values in metrics]))
    best = runs[place]
    best.tag("Best Run")
    return best, metrics[place]["alpha"], metrics[place]["mse"]
