"""Experiments and models as this process writes them into the journal, and reads them back from the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from runstream.config import Config, LogKey
from runstream_schemas.catalog import CatalogChange, CatalogEvent, registration_id
from runstream_schemas.events import Created

if TYPE_CHECKING:
    from runstream.producer import Producer
    from runstream.reading import History, Written
    from runstream_schemas.topics import Topic

NO_RUN: Final = ""
"""The run id of a producer that serves none; it writes nothing but the catalog."""

_awaited: dict[LogKey, dict[tuple[str, Topic], int]] = {}


def append(producer: Producer, workspace: str, subject: str, name: str, change: CatalogChange) -> str:
    """
    Append an event about an experiment or a model; it is in the journal when this returns.

    Args:
        producer: that writes it: a run's, or `producer_of(config)`.
        workspace, subject, name: of what it is about.
        change: what happened.

    Returns:
        The id of the registration that this event is, if it is one.

    Raises:
        EncodeError: the event is malformed or too large.
        JournalUnavailable: it is not in the journal.
    """
    made: list[str] = []

    def make(sequence: int, at: int) -> CatalogEvent:
        made.append(registration_id(producer.producer_id, at))
        return CatalogEvent(producer.run_id, producer.producer_id, sequence, at, workspace, subject, name, change)

    producer.append(make)
    return made[0]


def producer_of(config: Config) -> Producer:
    """Return this process's producer for what belongs to no run."""
    from runstream import process

    return process.open_producer(config, NO_RUN, Created(workspace="", experiment=""))


def note(config: Config, written: Written) -> None:
    """Have every later look into the catalog wait for these events of runs: models were made of them."""
    _awaited.setdefault(config.log_key, {}).update(written)


@contextmanager
def history(config: Config, what: str) -> Iterator[History]:
    """
    Open the history once it covers what this process has told of experiments and models.

    Args:
        config: says where it is.
        what: is done with it, for the error where the packages are missing.

    Raises:
        ExtraMissing: the packages that read it are not installed here.
        HistoryUnreachable: no server answers.
        NotYetFolded: it took too long.
    """
    from runstream import process, reading

    written: Mapping[tuple[str, Topic], int] = {**process.written(config, NO_RUN), **_awaited.get(config.log_key, {})}
    with reading.opened(config, what, written) as opened:
        yield opened
