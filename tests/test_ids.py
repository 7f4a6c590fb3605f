"""Ids: computed the same everywhere, in the order of time, and only from names that can be kept."""

from __future__ import annotations

import os
import threading
import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runstream_schemas import ids
from runstream_schemas.errors import InvalidName
from tests.strategies import NAMES, TEXTS


def test_keys_never_change() -> None:
    """The hashes are part of the stored history: these values must hold for ever."""
    assert ids.run_key("run-1") == 6696917019530301539
    assert ids.series_id("run-1", "p", "loss", None) == 6444854379349059518
    assert ids.series_id("run-1", "p", "loss", "") == 4881270391574703476


@given(st.tuples(TEXTS, TEXTS, TEXTS, st.none() | TEXTS), st.tuples(TEXTS, TEXTS, TEXTS, st.none() | TEXTS))
def test_different_parts_give_different_series(
    one: tuple[str, str, str, str | None], other: tuple[str, str, str, str | None]
) -> None:
    """Moving a letter between two parts, or a missing column, changes the id; it fits a signed 64-bit column."""
    assume(one != other)

    assert ids.series_id(*one) != ids.series_id(*other)
    assert -(2**63) <= ids.series_id(*one) < 2**63


def test_producer_ids_rise_within_a_process() -> None:
    """Each new id is above all before it, also when many are made in one millisecond, from several threads."""
    made: list[list[str]] = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=lambda mine=mine: mine.extend(ids.new_producer_id() for _ in range(2000)))
        for mine in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(mine == sorted(mine) for mine in made)
    assert len({one for mine in made for one in mine}) == 8000


def test_producer_ids_are_uuids_of_version_7() -> None:
    """Other tools see a UUIDv7 with the time of its making."""
    parsed = uuid.UUID(ids.new_producer_id())

    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


@given(st.integers(0, 2**122 - 1), st.integers(0, 2**122 - 1))
def test_uuid7_keeps_the_order_of_its_value(one: int, other: int) -> None:
    """Text order is the order of the number behind it, and that number comes back."""
    assert ids.uuid7_value(ids.uuid7(one)) == one
    assert (ids.uuid7(one) < ids.uuid7(other)) == (one < other)


def test_a_forked_child_makes_other_ids() -> None:
    """Parent and child never count on from the same number."""
    ids.new_producer_id()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write_end, "\n".join(ids.new_producer_id() for _ in range(100)).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        theirs = set(pipe.read().split())
    os.waitpid(pid, 0)
    ours = {ids.new_producer_id() for _ in range(100)}

    assert len(theirs) == 100
    assert not ours & theirs


@pytest.mark.parametrize("run_id", ["a", "A.b-c_9", "0" * 128])
def test_usual_run_ids_are_accepted(run_id: str) -> None:
    """Letters, digits and three signs, up to 128."""
    assert ids.check_run_id(run_id) == run_id


@pytest.mark.parametrize("run_id", ["", ".", "..", "-a", "a/b", "a b", "ä", "0" * 129, "a\n"])
def test_other_run_ids_are_refused(run_id: str) -> None:
    """Nothing that could be a path, be empty or be too long names a run."""
    with pytest.raises(InvalidName) as raised:
        ids.check_run_id(run_id)

    assert raised.value.name == run_id


@given(NAMES)
def test_any_printable_text_is_a_name(name: str) -> None:
    """Names in every script are kept as they are."""
    assert ids.check_name("metric", name) == name


@pytest.mark.parametrize("name", ["", "a\0b", "tab\t", "half \udc80", "ä" * 129, "\x85"])
def test_names_that_cannot_be_kept_are_refused(name: str) -> None:
    """Empty, control characters, half surrogate pairs and more than 256 bytes raise, naming what it was for."""
    with pytest.raises(InvalidName, match="tag"):
        ids.check_name("tag", name)


def test_an_id_may_be_made_by_a_handler_that_interrupts_another() -> None:
    """Whoever holds the clock's lock may make an id: a signal handler would otherwise wait for its own thread."""
    before = ids.new_producer_id()
    with ids._clock.lock:
        inside = ids.new_producer_id()
    after = ids.new_producer_id()

    assert before < inside < after
