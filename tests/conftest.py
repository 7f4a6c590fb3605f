"""What every test stands on: a home of its own, a clean environment, and what was left out told at the end."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from runstream import Experiment, Run, Workspace
from runstream_schemas.home import Home

# The broker and the browser are parts of their own; each module defines its fixtures and its markers' meaning.
PARTS = [f"tests.{name}" for name in ("broker", "browser", "kafka_log", "notebook", "pipeline", "s3", "served")]
pytest_plugins = [name for name in PARTS if importlib.util.find_spec(name)]

# How long an example takes is the machine's business; those that write files keep apart by names of their own.
settings.register_profile(
    "runstream", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("runstream")

SKIPPABLE = ("kafka", "browser")
# A test that asks for one of these fixtures needs the part, and says so without a marker of its own.
STARTED_BY = {"kafka": {"broker", "own_broker", "class_path"}, "browser": {"chromium"}}


def left_out() -> list[str]:
    """Return the markers that RUNSTREAM_TEST_SKIP leaves out, in SKIPPABLE's order; raise for an unknown one."""
    asked = [part.strip() for part in os.environ.get("RUNSTREAM_TEST_SKIP", "").split(",") if part.strip()]
    unknown = sorted(set(asked) - set(SKIPPABLE))
    if unknown:
        message = f"RUNSTREAM_TEST_SKIP knows {', '.join(SKIPPABLE)}; it holds {', '.join(unknown)}"
        raise pytest.UsageError(message)
    return [name for name in SKIPPABLE if name in asked]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Clear every RUNSTREAM_* variable, point the home below the test's own folder, and capture nothing unasked."""
    for name in list(os.environ):
        if name.startswith("RUNSTREAM_") and not name.startswith("RUNSTREAM_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RUNSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "none")


@pytest.fixture
def home_path(tmp_path: Path) -> Path:
    """Give the folder that RUNSTREAM_HOME names in this test; it does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def home(home_path: Path) -> Home:
    """Give an empty home there."""
    return Home(home_path).ensure()


@pytest.fixture
def experiment() -> Experiment:
    """Give an experiment in a fresh home."""
    return Experiment(Workspace("lab"), "ridge")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    """Give a started run."""
    return experiment.start_logging()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of the parts that a machine may lack, and refuse to leave out what is none of them."""
    left_out()
    config.addinivalue_line("markers", "kafka: needs Java and Maven: the real broker, and Avro's own library")
    config.addinivalue_line("markers", "browser: needs Chromium")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Mark tests by the parts that their fixtures start, then deselect what RUNSTREAM_TEST_SKIP names.

    A part that this machine lacks and that is not named there fails its tests: leaving out is a decision.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for name, started_by in STARTED_BY.items():
            if fixtures & started_by:
                item.add_marker(name)
    without = left_out()
    gone = [item for item in items if any(item.get_closest_marker(name) for name in without)]
    if gone:
        items[:] = [item for item in items if item not in set(gone)]
        config.hook.pytest_deselected(items=gone)
        config.stash[LEFT_OUT] = [f"{item.path.name} ({', '.join(parts_of(item))})" for item in gone]


def parts_of(item: pytest.Item) -> list[str]:
    """Return the parts that a test needs."""
    return [name for name in SKIPPABLE if item.get_closest_marker(name)]


LEFT_OUT = pytest.StashKey[list[str]]()
"""Of each test that was left out its file, and the parts it needs."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In one of several processes that share the tests: hand what was left out to the one that reports."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = session.config.stash.get(LEFT_OUT, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the process that reports: each of the others has looked at all tests, and left out the same."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List what was left out, so that a shortened run cannot be taken for a whole one."""
    gone = config.stash.get(LEFT_OUT, [])
    if not gone:
        return
    terminalreporter.section("left out by RUNSTREAM_TEST_SKIP: this is not the whole suite")
    terminalreporter.line(f"{len(gone)} tests in: {', '.join(sorted(set(gone)))}")
