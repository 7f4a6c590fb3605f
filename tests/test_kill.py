"""kill -9 of the logging process: every point whose call returned is there once, whatever the moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.killing import run_kills


@pytest.mark.parametrize(
    ("count", "n_threads", "role"), [(5, 1, "log"), (5, 4, "log"), (5, 1, "outbox"), (5, 4, "outbox")]
)
def test_random_kills_lose_and_double_nothing(tmp_path: Path, count: int, n_threads: int, role: str) -> None:
    """After kills at random moments each returned point is in the journal exactly once, in both modes."""
    toll = run_kills(tmp_path, count, n_threads, role=role, seed=n_threads)

    assert toll.is_exact, toll
    assert toll.n_kills == count
    assert toll.n_acknowledged > 0
