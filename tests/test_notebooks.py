"""The page's examples and the calls of its four notebooks, with changed imports and unchanged, on both event logs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker, GivenBroker, new_prefix
from tests.pipeline import Pipeline
from tests.scripts import ROOT
from tests.test_venvs import BACKEND, PYPROJECT

NOTEBOOKS = sorted((ROOT / "tests" / "notebooks").glob("*.py"))
CONFIG = '{"subscription_id": "none", "resource_group": "none", "workspace_name": "lab"}'


@pytest.fixture
def pipeline(request: pytest.FixtureRequest, home_path: Path, log: str) -> Iterator[Pipeline]:
    """A pipeline whose consumer runs."""
    pipeline = Pipeline(home_path)
    if log == "kafka":
        broker: Broker | GivenBroker = request.getfixturevalue("broker")
        pipeline = Pipeline(home_path, {"RUNSTREAM_BROKERS": broker.servers, "RUNSTREAM_TOPIC_PREFIX": new_prefix()})
        pipeline.command("topics", "create")
    pipeline.start()
    yield pipeline
    pipeline.stop()


def tiny_package(folder: Path) -> Path:
    """Write a package that pip can install without a network; return its folder."""
    folder.mkdir()
    for name, text in (("pyproject.toml", PYPROJECT), ("backend.py", BACKEND), ("tinypkg.py", "VALUE = 42\n")):
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
@pytest.mark.parametrize(
    ("log", "imports"), [("journals", "changed"), pytest.param("kafka", "unchanged", marks=pytest.mark.kafka)]
)
def test_a_notebook_runs(pipeline: Pipeline, notebook: Path, imports: str, tmp_path: Path) -> None:
    """Every call gives what the page says it gives: `azureml` renamed in the imports, or `runstream exec` alone."""
    folder = tmp_path / "folder"
    (folder / ".azureml").mkdir(parents=True)
    (folder / ".azureml" / "config.json").write_text(CONFIG)
    text = notebook.read_text()
    words = [sys.executable, notebook.name]
    if imports == "unchanged":
        text = text.replace("runstream.azureml", "azureml")
        words = [sys.executable, "-m", "runstream.cli", "exec", notebook.name]
    (folder / notebook.name).write_text(text)
    environment = pipeline.environment | {
        "TEST_PACKAGE": str(tiny_package(tmp_path / "tiny")),
        "MPLBACKEND": "Agg",
        "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)])),
    }
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
