"""What a run has put into the journal, by kind; and a small picture to put there."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TypeVar

from matplotlib.figure import Figure

from runstream_schemas.events import Change, Event, MetricEvent, RunEvent, StatusChanged
from tests import journals

E = TypeVar("E", bound=Event)
C = TypeVar("C", bound=Change)


def events(home: Path, kind: type[E]) -> list[E]:
    """Read every event of one type out of a home's journals, in the order of producers and frames."""
    return [event for event in journals.events(home) if isinstance(event, kind)]


def changes(home: Path, kind: type[C]) -> list[C]:
    """Read every change of one type to the runs of a home."""
    return [event.change for event in events(home, RunEvent) if isinstance(event.change, kind)]


def statuses(home: Path) -> list[str]:
    """Read the statuses set in a home, in order."""
    return [change.status for change in changes(home, StatusChanged)]


def forms(home: Path) -> dict[tuple[str, str | None], tuple[str, str]]:
    """Read the form and description of every series in a home."""
    return {
        (series.name, series.column_name): (series.form, series.description)
        for event in events(home, MetricEvent)
        for series in event.series
    }


def png() -> bytes:
    """Return a small picture as matplotlib writes it."""
    figure, buffer = Figure(), BytesIO()
    figure.subplots().plot([1, 2])
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
