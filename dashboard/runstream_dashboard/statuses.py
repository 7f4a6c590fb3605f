"""The statuses of runs: their order, their colours, and what is said of runs that fell silent. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

from runstream_consumer.history import RunRow
from runstream_dashboard import formats

Colour = Literal["violet", "blue", "yellow", "green", "red", "gray", "orange"]
COLOURS: Final[dict[str, Colour]] = {
    "Preparing": "violet",
    "Running": "blue",
    "CancelRequested": "yellow",
    "NotResponding": "orange",
    "Completed": "green",
    "Failed": "red",
    "Canceled": "gray",
}
_OTHER: Final[Colour] = "gray"
_SILENCE: Final = "no heartbeat since"


def colour(status: str) -> Colour:
    """Return the colour of a status; one that only its user knows is grey."""
    return COLOURS.get(status, _OTHER)


def offered(*seen: Iterable[str]) -> list[str]:
    """Return the statuses to choose from: the known ones in the order of a run's life, then what else was seen."""
    return list(dict.fromkeys([*COLOURS, *(name for names in seen for name in names)]))


def silence(row: RunRow, now: datetime) -> str:
    """Return a sentence on a run that is not over and is not heard of; empty for any other."""
    if row.status != "NotResponding":
        return ""
    since = f"{formats.moment(row.last_seen_at, now.tzinfo)} ({formats.ago(row.last_seen_at, now)})"
    host = f" on {row.host}" if row.host else ""
    causes = f"Its process{host} may be stopped, cut off, or dead; if it is heard of again, the run goes on."
    return f"No heartbeat since {since}. {causes}"


def is_found_dead(row: RunRow) -> bool:
    """Say whether a run counts as failed because its processes are gone, not because somebody said so."""
    return row.status == "Failed" and (row.error_message or "").startswith(_SILENCE)
