"""How runs are called on the pages, alone and beside each other."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from runstream_consumer.history import RunRow
from runstream_dashboard import run_names

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
RUN = RunRow("first", "default", "exp", 1, None, "Completed", NOW, NOW, NOW, 1.0, None, None, None, None, None, None,
             None, None, None, None, 1, 1, 0, 0, NOW, False)  # fmt: skip
DRAWN = "36c41a91-2696-405f-bb49-e72f56350993"


def test_a_run_without_a_name_is_called_by_its_number() -> None:
    """A name holds; without one, an id that was drawn gives way to the run's number, one that was written stays."""
    drawn = replace(RUN, run_id=DRAWN, number=1234)

    assert run_names.of(replace(drawn, display_name="fast")) == "fast"
    assert run_names.of(drawn) == "run 1234"
    assert run_names.of(replace(drawn, run_id=f"OfflineRun_{DRAWN}")) == "run 1234"
    assert run_names.of(RUN) == "first"


def test_runs_of_one_name_are_told_apart() -> None:
    """Runs that share a name get their number, and their experiment where that differs; a name of its own stays."""
    same = [replace(RUN, run_id=f"r{number}", number=number, display_name="sweep") for number in (1, 2)]
    other = replace(RUN, run_id="r3", experiment="tuning", display_name="sweep")
    alone = replace(RUN, run_id="r4", display_name="last")

    assert list(run_names.among([*same, alone]).values()) == ["sweep · 1", "sweep · 2", "last"]
    assert list(run_names.among([same[0], other]).values()) == ["sweep · exp 1", "sweep · tuning 1"]


def test_runs_without_names_of_several_experiments_are_told_apart() -> None:
    """Two first runs of two experiments are told by their experiments, and their workspaces where those share one."""
    runs = [replace(RUN, run_id=f"{place}{DRAWN[1:]}", experiment=name) for place, name in enumerate(("exp", "tuning"))]
    lab = replace(runs[0], run_id=DRAWN, workspace="lab")

    assert list(run_names.among(runs).values()) == ["run 1 · exp", "run 1 · tuning"]
    assert list(run_names.among([runs[0], lab]).values()) == ["run 1 · default/exp", "run 1 · lab/exp"]
