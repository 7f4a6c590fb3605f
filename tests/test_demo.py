"""The demo, from the command to what is in the history afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runstream_consumer import history
from runstream_consumer.demo import digits, ridge
from runstream_schemas import settings


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Run `runstream demo --exit` once, in an empty folder and without a home of its own choice."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    command = [sys.executable, "-m", "runstream.cli", "demo", "--exit"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return folder / ".runstream-demo", done


def test_the_demo_ends_with_zero_and_names_the_best_run(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """`runstream demo --exit` trains everything, names the best alpha from what it reads back, and ends with 0."""
    _, done = demo

    assert (done.returncode, done.stderr) == (0, "")
    assert "best run: ridge 0.40, alpha 0.40, mse 3295.71" in done.stdout
    assert f"rate 0.02: {digits.N_STEPS} steps" in done.stdout


def test_the_sweep_holds_what_the_original_page_logs(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Twenty values of alpha and mse, the same as rows, every model file, a plot, tags: all in one run."""
    home, _ = demo
    with history.connect(home=home) as past:
        [(run_id,)] = past.sql("select run_id from run where display_name = 'alpha sweep'").fetchall()
        metrics = past.metrics(run_id)
        row = past.run(run_id)
        files = {file.path for file in past.artifacts(run_id)}

    assert metrics["alpha"] == list(ridge.alphas())
    assert metrics["mse by alpha"] == {"alpha": metrics["alpha"], "mse": metrics["mse"]}
    assert metrics["columns"] == list(ridge.COLUMNS)
    assert row.tags == {"Description": "Ridge over twenty alphas", "model": "ridge", "data": "diabetes"}
    assert {f"outputs/ridge_{alpha:.2f}.pkl" for alpha in ridge.alphas()} < files
    assert any(path.endswith(".png") for path in files)


def test_every_run_of_the_demo_is_completed(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """One sweep, twenty models and three networks are completed; one of the models is tagged as the best."""
    home, _ = demo
    with history.connect(home=home) as past:
        counts = past.sql("select experiment, status, count(*) from run group by all order by 1").fetchall()
        best = past.sql("select run.display_name from tag join run using (run_id) where key = 'Best Run'").fetchall()

    assert counts == [("diabetes-ridge", "Completed", 21), ("digits-network", "Completed", 3)]
    assert best == [("ridge 0.40",)]


def test_the_networks_leave_curves(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Each network's loss has one point a step, and falls."""
    home, _ = demo
    with history.connect(home=home) as past:
        rows = past.sql(
            "select run_id, count(value), avg(value) filter (step < 100), avg(value) filter (step >= ?) "
            "from metric where name = 'train/loss' group by 1",
            [digits.N_STEPS - 100],
        ).fetchall()

    assert [n for _, n, _, _ in rows] == [digits.N_STEPS] * 3
    assert all(last < first / 1.5 for _, _, first, last in rows)


def test_the_network_follows_its_gradient() -> None:
    """The step that learn() takes is the loss's slope, as central differences give it."""
    data = digits.data()
    x, y = data.x_train[:16], data.y_train[:16]
    moved, still = digits.Network(seed=3), digits.Network(seed=3)
    moved.learn(x, y, rate=1.0)
    steps = still.weights[1] - moved.weights[1]
    place = np.unravel_index(np.abs(steps).argmax(), steps.shape)
    losses = []
    for change in (1e-5, -1e-5):
        probe = digits.Network(seed=3)
        probe.weights[1][place] += change
        losses.append(digits.cross_entropy(probe.probabilities(x)[0], y))

    assert steps[place] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-4)
