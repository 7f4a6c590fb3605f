"""The badge: how far behind a page is, in words that a reader can act on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runstream_consumer.history import Watermark
from runstream_dashboard import live
from runstream_dashboard.badge import badge_of

LIVE = Watermark(
    commit_no=7,
    committed_at=datetime(2026, 11, 24, 10, 31, 7, tzinfo=UTC),
    n_events=4_813_621,
    behind_s=0.4,
    behind_events=2,
    source="journals",
    state="live",
)


def test_a_live_history_promises_what_it_holds() -> None:
    """Live says up to which event all is there and how old the newest missing one is."""
    badge = badge_of(LIVE)
    assert (badge.label, badge.colour) == ("Live", "green")
    assert badge.text == "complete to event 4,813,621 · 0.4 s behind"


@pytest.mark.parametrize("mark", [replace(LIVE, state="behind", behind_events=3210), replace(LIVE, behind_s=2.5)])
def test_more_than_two_seconds_are_behind(mark: Watermark) -> None:
    """Above two seconds the badge is amber and counts what waits."""
    badge = badge_of(mark)
    assert (badge.label, badge.colour) == ("Behind", "orange")
    assert f"{mark.behind_events:,} events behind" in badge.text


def test_a_history_at_rest_is_complete() -> None:
    """When all runs have ended the badge is grey and promises completeness."""
    assert badge_of(replace(LIVE, state="idle")).text == "nothing is running · complete to event 4,813,621"


def test_a_stopped_consumer_is_told_with_its_last_commit() -> None:
    """When nothing folds any more the badge is red and names the last commit's time, or that there was none."""
    badge = badge_of(replace(LIVE, state="stopped"))
    assert badge.colour == "red"
    assert ":31:07" in badge.text
    assert "unknown" in badge_of(replace(LIVE, state="stopped", committed_at=None)).text


def test_at_rest_the_slower_facts_are_still_read_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent run counts as failed without any further event: only the clock changes it."""
    now = 1000.0
    monkeypatch.setattr("runstream_dashboard.live.time.monotonic", lambda: now)
    idle = replace(LIVE, state="idle")
    read = live.slow(idle)
    assert live.slow(replace(idle, commit_no=idle.commit_no + 1)) != read
    now += live.SLOW_S
    assert live.slow(idle) == read
    now += live.IDLE_S
    assert live.slow(idle) != read
