"""What the list of runs offers before it is read."""

from __future__ import annotations

import pytest

from runstream_consumer.history import HistoryUnreachable, RunPage
from runstream_dashboard import known, live


def test_what_one_viewer_reads_the_next_one_is_offered() -> None:
    """The newest answer's experiments, counts and first metrics are those that a fresh page begins with."""
    page = RunPage(rows=[], total=3, counts_by_status={"Running": 3}, experiments=["a", "b"])

    learnt = known.learn(page, ["loss"])

    assert known.newest() == learnt
    assert (learnt.experiments, learnt.counts, learnt.metrics) == (("a", "b"), {"Running": 3}, ("loss",))


def test_a_history_that_is_away_does_not_stop_the_server_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warming up tells nobody: the first viewer's page does, and looks again."""

    def away() -> None:
        raise HistoryUnreachable("nowhere", "nobody answers")

    monkeypatch.setattr(live, "watermark", away)

    known.warm()
