"""What outlives runs, in the journal: written by producers that serve no run, and closed without telling of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream_schemas.catalog import CatalogEvent, CatalogTag
from runstream_schemas.home import Home
from runstream_schemas.recovery import recover
from runstream_schemas.segment import CLOSING
from runstream_schemas.topics import Topic
from tests import journals, scripts

TAGS_A_MODEL = """
from runstream import config, process
from runstream_schemas.catalog import CatalogEvent, CatalogTag
from runstream_schemas.events import Created
producer = process.open_producer(config.read(), "", Created("", ""))
for value in ("1", "2"):
    producer.append(
        lambda sequence, at: CatalogEvent(
            "", producer.producer_id, sequence, at, "w", "model", "m", CatalogTag("a", value)
        )
    )
"""


@pytest.mark.parametrize(("end", "is_recovered"), [("", False), ("os._exit(0)", True)])
def test_a_producer_without_a_run_says_nothing_of_one(home_path: Path, end: str, is_recovered: bool) -> None:
    """Its journal holds its events and a bare closing frame, whether it closed itself or recovery did it."""
    scripts.execute(home_path, TAGS_A_MODEL + end)
    [folder] = Home(home_path).producers()

    assert (recover(folder) is not None) == is_recovered
    *events, last = journals.frames(folder)
    assert [Topic(frame.topic) for frame in events] == [Topic.CATALOG, Topic.CATALOG]
    assert (last.flags, len(last.payload)) == (CLOSING, 0)
    assert [event.change for event in journals.events(home_path) if isinstance(event, CatalogEvent)] == [
        CatalogTag("a", "1"),
        CatalogTag("a", "2"),
    ]
    assert journals.untold(home_path) == []
