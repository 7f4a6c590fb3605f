"""What a supervisor does when it cannot do its work: it goes on trying, and never leaves a run untold."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from runstream import status, supervisor
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import StatusChanged


def telling(append: Callable[[StatusChanged], None]) -> supervisor.Supervisor:
    """Return a supervisor at the end of its run, whose journal is *append*."""
    made = supervisor.Supervisor.__new__(supervisor.Supervisor)
    made._run = SimpleNamespace(_append_change=append)  # type: ignore[assignment]
    return made


def test_a_full_disk_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's end is written as soon as the journal takes it."""
    monkeypatch.setattr(supervisor, "_RETRY_S", 0.0)
    written: list[StatusChanged] = []
    refusals = [JournalUnavailable(path="journal", cause="No space left on device")] * 3

    def append(change: StatusChanged) -> None:
        if refusals:
            raise refusals.pop()
        written.append(change)

    telling(append)._tell(status.completed())
    assert written == [status.completed()]


def test_a_disk_that_stays_full_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time the supervisor ends with the error; recovery then tells that it is gone."""
    monkeypatch.setattr(supervisor, "DELIVERY_WAIT_S", 0.0)

    def append(change: StatusChanged) -> None:
        raise JournalUnavailable(path="journal", cause=f"no room for {change.status}")

    with pytest.raises(JournalUnavailable, match="no room for Completed"):
        telling(append)._tell(status.completed())
