"""Tags and properties as they lie in the journal, and what is refused."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from runstream import Run, tags
from runstream_schemas.errors import InvalidName, InvalidValue, PropertyExists, TooLarge
from runstream_schemas.events import PropertiesAdded, TagEvent
from tests.run_events import changes, events


def test_tags_become_text(run: Run, home_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Tags are strings or None; other values become their text, with one warning a type."""
    run.tag("selected", "yes")
    run.tag("Competition Rank", 1)  # type: ignore[arg-type]
    run.set_tags({"Best Run": None, "Rank": 2})  # type: ignore[dict-item]
    run.remove_tags("selected")
    run.remove_tags(["Rank", "never there"])
    found = [(event.key, event.value, event.removed) for event in events(home_path, TagEvent)]
    assert found == [
        ("selected", "yes", False),
        ("Competition Rank", "1", False),
        ("Best Run", None, False),
        ("Rank", "2", False),
        ("selected", None, True),
        ("Rank", None, True),
        ("never there", None, True),
    ]
    assert len([record for record in caplog.records if "stored as text" in record.message]) <= 1


def test_bad_tags_and_properties_are_refused_whole(run: Run, home_path: Path) -> None:
    """A bad key or a too long value raises, and none of the call's tags or properties was written."""
    with pytest.raises(InvalidName):
        run.set_tags({"good": "1", "": "2"})
    with pytest.raises(TooLarge):
        run.set_tags({"good": "1", "long": "x" * 70_000})
    with pytest.raises(TypeError):
        run.set_tags([("a", "b")])  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        run.add_properties({"good": "1", "none": None})  # type: ignore[dict-item]
    with pytest.raises(TooLarge, match="add_properties"):
        run.add_properties({str(n): "x" * 60_000 for n in range(7)})
    assert events(home_path, TagEvent) == []
    assert changes(home_path, PropertiesAdded) == []


def test_properties_are_written_once(run: Run, home_path: Path) -> None:
    """A second value for a property raises, nothing of that call is written, and other keys still can be added."""
    run.add_properties({"commit": "abc", "data": "v1"})
    with pytest.raises(PropertyExists, match="commit"):
        Run(run.experiment, run.id).add_properties({"other": "x", "commit": "def"})
    run.add_properties({"other": "x"})
    assert changes(home_path, PropertiesAdded) == [
        PropertiesAdded({"commit": "abc", "data": "v1"}),
        PropertiesAdded({"other": "x"}),
    ]


def test_of_many_threads_one_adds_a_property(run: Run, home_path: Path) -> None:
    """When eight threads add one key, one succeeds and the others are told."""
    told: list[str] = []

    def add(value: str) -> None:
        try:
            run.add_properties({"key": value})
        except PropertyExists:
            told.append(value)

    threads = [threading.Thread(target=add, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 7
    assert len(changes(home_path, PropertiesAdded)) == 1


class Racing(dict[str, object]):
    """What another thread fills between the look at it and the claim."""

    def __contains__(self, key: object) -> bool:
        return False


def test_a_key_that_another_thread_claims_meanwhile_is_left_to_it() -> None:
    """When a key is claimed between the look and the claim, the call raises and gives back what it had claimed."""
    claimed = Racing(b="the other's")
    with pytest.raises(PropertyExists, match="'b'"):
        tags.claim("run", claimed, {}, {"a": "1", "b": "2", "c": "3"})
    assert dict(claimed) == {"b": "the other's"}
