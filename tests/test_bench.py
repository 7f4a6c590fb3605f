"""The table of `make bench`: verdicts, and what is left of a benchmark that crashed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.figures import COLLECT, Figure, collected, table, tell


def test_the_median_decides_the_verdict() -> None:
    """One slow round of three misses no goal; a median beyond it does, by the factor that is told."""
    assert Figure("a", "ms", (1.0, 2.0, 9.0), at_most=2).verdict == "met"
    assert Figure("b", "ms", (1.0, 3.0, 9.0), at_most=2).verdict == "missed, 1.50 x"
    assert Figure("c", "M/s", (1.5,), at_least=3).verdict == "missed, 0.50 x"
    assert Figure("d", "faults", (1,), at_most=0).verdict == "MISSED"
    assert Figure("e", "ms", (1.0,)).verdict == ""


def test_a_table_has_one_line_a_figure() -> None:
    """Name, unit, goal, the median with its range, and the verdict stand in one line."""
    lines = table([Figure("chart", "ms", (40.0, 30.0, 50.0), at_most=100)]).splitlines()
    assert lines[2].split() == ["chart", "ms", "<=", "100", "40", "(30-50)", "met"]


def test_figures_told_before_a_crash_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a benchmark told is in the file at once, equal to what it told."""
    monkeypatch.setenv(COLLECT, str(tmp_path / "figures"))
    told = tell("log()", "us", [0.5, 0.25], at_most=0.6)
    assert collected(tmp_path / "figures") == [told]


def test_a_crash_hides_no_other_benchmark() -> None:
    """A benchmark that fails is told with its status, and the next one still runs."""
    broken = bench.Bench("no_such_module", "broken", 1, ())
    whole = bench.Bench("bench_size", "whole", 1, ("--help",))
    done = bench.run_all([broken, whole], is_quick=True)
    assert [status for status, _, _ in done.values()] == [1, 0]
