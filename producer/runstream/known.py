"""What this process knows about a run without asking: shared by all handles on the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from runstream.artifacts import Upload
    from runstream.config import Config, RunKey
    from runstream_schemas.topics import Topic


@dataclass(slots=True, weakref_slot=True, eq=False)
class Known:
    """
    Facts about one run.

    Attributes:
        properties: keys that this process has added, each with a mark of the call that did.
        uploads: the newest upload of each path by this process.
        awaited: events of other processes that this one was told of: (producer id, topic) -> sequence; a read
            waits for them as for its own.
    """

    properties: dict[str, object] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    awaited: dict[tuple[str, Topic], int] = field(default_factory=dict)


_known: WeakValueDictionary[RunKey, Known] = WeakValueDictionary()


def of(config: Config, run_id: str) -> Known:
    """Return what is known about a run of a home; it is forgotten with the last handle on the run."""
    return _known.setdefault(config.key_of(run_id), Known())


def all_awaited(config: Config) -> dict[tuple[str, Topic], int]:
    """Return the events of other processes that this one was told of, over all runs of a home that it holds."""
    awaited: dict[tuple[str, Topic], int] = {}
    for key, known in list(_known.items()):
        if key[:2] == config.log_key:
            awaited |= known.awaited
    return awaited
