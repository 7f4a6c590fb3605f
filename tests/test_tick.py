"""What a tick of the grid asks the history: one question for all curves in view, none for a tab that nobody sees."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from runstream_consumer.history import Chart, MetricInfo, RunRow, Watermark
from runstream_dashboard import address, grid, live

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
MARK = Watermark(1, NOW, 1, 0.0, 0, "journals", "live")
NAMES = ["loss", "accuracy", "lr"]


def run(run_id: str) -> RunRow:
    """Return a run with this id."""
    return RunRow(run_id, "default", "exp", 1, None, "Running", NOW, NOW, None, 1.0, None, None, None, None, None, None,
                  None, None, None, None, 3, 30, 0, 0, NOW, False)  # fmt: skip


def metric(run_id: str, name: str) -> MetricInfo:
    """Return a scalar metric of ten points."""
    return MetricInfo(run_id, name, None, "scalar", "", 10, 10, 0, 1.0, None, 0, 1.0, 0, 1.0, 0, 0, 0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, str, str | None], ...]]:
    """The series of every question to the history, which has no points."""
    questions: list[tuple[tuple[str, str, str | None], ...]] = []

    def charts(mark: Watermark, keys: tuple[tuple[str, str, str | None], ...], *_: object) -> Sequence[Chart]:
        questions.append(keys)
        return []

    monkeypatch.setattr(live, "charts", charts)
    return questions


@pytest.mark.parametrize(("told", "n_questions"), [({"columns": 300}, 1), ({"columns": 300, "hidden": True}, 0)])
def test_a_tick_is_one_question(
    asked: list[tuple[tuple[str, str, str | None], ...]], told: dict[str, object], n_questions: int
) -> None:
    """Five runs with three metrics each are asked for at once; while the browser's tab is hidden nothing is."""
    rows = [run(f"r{number}") for number in range(5)]
    metrics = [metric(row.run_id, name) for row in rows for name in NAMES]

    assert grid._curves(MARK, rows, metrics, NAMES, told, address.View(), {}) == []
    assert [len(keys) for keys in asked] == [15] * n_questions
