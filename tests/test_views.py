"""The public views: newest and oldest by the events' stamps, steps over several processes, fast by run and name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runstream_consumer.fold import Fold
from runstream_consumer.maintain import Maintainer
from runstream_consumer.source import Record
from runstream_consumer.store import Store
from runstream_schemas.events import (
    Archived,
    Change,
    Created,
    Deleted,
    Event,
    Gap,
    Heartbeat,
    ProducerClosed,
    ProducerLost,
    PropertiesAdded,
    RunEvent,
    Series,
    StatusChanged,
    TagEvent,
    topic_for,
)
from tests.folded import START_NS, items, metric_event, open_store, scalar

Folding = Callable[[Sequence[Event]], duckdb.DuckDBPyConnection]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty history."""
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def fold(store: Store) -> Folding:
    """Fold events, received now, and return the connection to look at the views with."""
    folding = Fold(store.load_state())

    def fold_now(events: Sequence[Event], received_ns: int = 0) -> duckdb.DuckDBPyConnection:
        known = store.positions().get("log")
        first = known.next_position if known else 0
        at = received_ns or time.time_ns()
        rows = [(Record(topic_for(e), "log", first + i, b"", b"", at), e) for i, e in enumerate(events)]
        folded = folding.fold(rows, at // 1000)
        store.commit(folded)
        folding.accept(folded)
        Maintainer(store, folding).write_statistics()
        return store.connection

    return fold_now


def created(run_id: str = "run", experiment: str = "exp", host: str = "host") -> Created:
    """A `created` change; `host` tells several apart."""
    return Created("default", experiment, None, None, None, None, host, "user", 1, None)


def status(word: str) -> StatusChanged:
    """A `status` change without an error."""
    return StatusChanged(word, None, None, None, None)


def changed(change: Change, at: int, producer_id: str = "p1", sequence: int = 0, run_id: str = "run") -> RunEvent:
    """A run event `at` ns after the start."""
    return RunEvent(run_id, producer_id, sequence, START_NS + at, change)


def rows(connection: duckdb.DuckDBPyConnection, statement: str) -> list[tuple[Any, ...]]:
    """All rows of an answer."""
    return connection.execute(statement).fetchall()


TAGS = [
    TagEvent("run", producer, sequence, START_NS + at, "k", f"{producer}-{sequence}", removed)
    for producer, sequence, at, removed in [("p1", 0, 5, False), ("p2", 0, 9, False), ("p1", 1, 9, False),
                                            ("p3", 0, 9, True), ("p3", 1, 12, False), ("p2", 1, 12, False)]
]  # fmt: skip


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(TAGS), upto=st.integers(1, len(TAGS)))
def test_the_newest_tag_holds_in_any_order_of_arrival(
    tmp_path_factory: pytest.TempPathFactory, order: list[TagEvent], upto: int
) -> None:
    """By (stamp, producer, sequence), whatever was folded first; a removed tag is not there."""
    store = open_store(tmp_path_factory.mktemp("tags"))
    folding = Fold(store.load_state())
    folded = folding.fold(items(order[:upto]), START_NS // 1000)
    store.commit(folded)
    found = rows(store.connection, "SELECT value FROM tag")
    store.close()

    newest = max(order[:upto], key=lambda e: (e.logged_at_ns, e.producer_id, e.sequence))
    assert found == ([] if newest.removed else [(newest.value,)])


def test_the_oldest_created_and_property_hold(fold: Folding) -> None:
    """Who created the run first stays its creator, and a property keeps the value it got first."""
    connection = fold([
        changed(created(host="late"), 9, "p2"), changed(created(host="early"), 5, "p1"),
        changed(PropertiesAdded({"lr": "0.2"}), 20, "p2", 1), changed(PropertiesAdded({"lr": "0.1"}), 10, "p1", 1),
    ])  # fmt: skip

    assert rows(connection, "SELECT host FROM run") == [("early",)]
    assert rows(connection, "SELECT value FROM property") == [("0.1",)]
    assert rows(connection, "SELECT change, detail FROM event WHERE change LIKE 'property%' ORDER BY logged_at_ns") == [
        ("property", "lr = 0.1"), ("property refused", "lr = 0.2"),
    ]  # fmt: skip


def test_the_newest_status_holds_and_ends_the_run(fold: Folding) -> None:
    """The end is the time of the newest status if that is one that ends, and the duration runs to it."""
    failure = StatusChanged("Failed", "ValueError", "bad", "trace", "UserError")
    connection = fold([
        changed(created(), 0), changed(failure, 3_000_000_000, sequence=2), changed(status("Running"), 10, sequence=1),
    ])  # fmt: skip

    assert rows(connection, "SELECT status, round(duration_s, 3), error_type, error_code FROM run") == [
        ("Failed", 3.0, "ValueError", "UserError")
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(created(), "p1")], "Running"),
        ([(created(), "p1"), (ProducerLost("gone"), "p1")], "Failed"),
        ([(created(), "p1"), (created(), "p2"), (ProducerLost("gone"), "p1")], "Running"),
        ([(created(), "p1"), (created(), "p2"), (ProducerLost("gone"), "p1"), (ProducerLost("gone"), "p2")],
         "Failed"),
        ([(created(), "p1"), (ProducerLost("gone"), "p1"), (created(), "p2")], "Running"),
        ([(created(), "p1"), (ProducerLost("gone"), "p1"), (status("Completed"), "p2")], "Completed"),
        ([(created(), "p1"), (ProducerClosed(3, 0), "p1")], "Running"),
    ],
)  # fmt: skip
def test_a_run_whose_processes_are_dead_has_failed(
    fold: Folding, changes: list[tuple[Change, str]], expected: str
) -> None:
    """Lost means: no process of it is left and the last one did not close; an end that was told holds."""
    events = [changed(change, at, producer, sequence=at) for at, (change, producer) in enumerate(changes)]

    assert rows(fold(events), "SELECT status FROM run") == [(expected,)]


def submitted(pid: int) -> Created:
    """A producer of a submitted run, in a process of its own."""
    return Created("w", "e", run_type="azureml.scriptrun", host="h", pid=pid)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(submitted(1), "p1"), (submitted(2), "p2"), (ProducerLost("gone"), "p1")], "Failed"),
        ([(submitted(1), "p1"), (submitted(2), "p2"), (ProducerLost("gone"), "p2")], "Running"),
        ([(submitted(1), "p1"), (ProducerLost("gone"), "p1"), (submitted(2), "p2")], "Failed"),
        ([(submitted(1), "p1"), (ProducerClosed(0, 0), "p1"), (submitted(1), "p3"), (ProducerLost("gone"), "p3"),
          (submitted(2), "p2")], "Failed"),
    ],
)  # fmt: skip
def test_a_submitted_run_lives_as_long_as_its_supervisor(
    fold: Folding, changes: list[tuple[Change, str]], expected: str
) -> None:
    """The process that made the run counts; its script, and notebooks that log to it, keep nobody alive."""
    events = [changed(change, at, producer, sequence=at) for at, (change, producer) in enumerate(changes)]

    assert rows(fold(events), "SELECT status FROM run") == [(expected,)]


def test_only_the_supervisors_silence_counts(fold: Callable[..., Any]) -> None:
    """A submitted run whose supervisor is silent does not respond, however much others log to it."""
    fold([changed(submitted(1), 0, "p1")], time.time_ns() - 61 * 1_000_000_000)

    assert rows(fold([changed(submitted(2), 1, "p2")]), "SELECT status FROM run") == [("NotResponding",)]
    resumed = [changed(status("Running"), 2, "p2", sequence=1)]
    assert rows(fold(resumed), "SELECT status FROM run") == [("Running",)]


@pytest.mark.parametrize(("silent_s", "expected"), [(61, "NotResponding"), (599, "NotResponding"), (601, "Failed")])
def test_a_run_that_is_silent_does_not_respond_then_has_failed_and_may_recover(
    fold: Callable[..., Any], silent_s: int, expected: str
) -> None:
    """Measured by when the consumer got its last event, of whatever kind, and not by the clock of its machine."""
    last_ns = time.time_ns() - silent_s * 1_000_000_000
    before = rows(fold([changed(created(), 0)], last_ns), "SELECT status, ended_at IS NULL, error_message FROM run")
    after = rows(fold([changed(Heartbeat(), 1, sequence=1)]), "SELECT status, ended_at, error_message FROM run")

    since = f"no heartbeat since {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(last_ns // 10**9))} UTC"
    assert before == [(expected, expected != "Failed", since if expected == "Failed" else None)]
    assert after == [("Running", None, None)]


def test_numbers_rank_the_runs_of_an_experiment(fold: Folding) -> None:
    """By (created, run id), from 1, in each experiment of its own."""
    connection = fold([
        changed(created(experiment=experiment), at, f"p-{run_id}", 0, run_id)
        for run_id, at, experiment in [("c", 5, "x"), ("b", 7, "x"), ("a", 7, "x"), ("d", 1, "y")]
    ])  # fmt: skip

    assert rows(connection, "SELECT run_id, number FROM run ORDER BY 1") == [("a", 2), ("b", 3), ("c", 1), ("d", 1)]


def test_archived_runs_are_marked_and_deleted_ones_gone(fold: Folding) -> None:
    """The newest of hidden and brought back holds; a deleted run is in no list."""
    events = [changed(created(), 0, f"p-{run_id}", 0, run_id) for run_id in ("a", "b", "c")]
    more = [changed(Archived(flag), at, "p-a", at, "a") for at, flag in ((1, True), (2, False), (3, True))]
    connection = fold([*events, *more, changed(Deleted(), 4, "p-c", 1, "c")])

    assert rows(connection, "SELECT run_id, archived FROM run ORDER BY 1") == [("a", True), ("b", False)]


def test_lost_points_are_counted_once(fold: Folding) -> None:
    """What gaps told and what the closing event sums up is the same loss."""
    connection = fold([
        changed(created(), 0), changed(Gap(5, "full"), 1, sequence=1), changed(Gap(7, "full"), 2, sequence=2),
        changed(ProducerClosed(100, 12), 3, sequence=3),
    ])  # fmt: skip

    assert rows(connection, "SELECT n_lost FROM run") == [(12,)]


def test_steps_are_counted_on_over_the_processes_of_a_run(fold: Folding) -> None:
    """Points without a step count through in the order of processes; given steps stay as they are."""
    one = metric_event([(0, None, 1.0), (0, None, 2.0), (0, 50, 3.0)], [scalar()], producer_id="p1")
    two = metric_event([(0, None, 4.0), (0, 50, 5.0), (0, None, 6.0)], [scalar()], producer_id="p2")
    connection = fold([two, one])

    assert rows(connection, 'SELECT step, value, step_counted FROM metric ORDER BY producer_id, "index"') == [
        (0, 1.0, True), (1, 2.0, True), (50, 3.0, False), (2, 4.0, True), (50, 5.0, False), (3, 6.0, True),
    ]  # fmt: skip
    assert rows(connection, "SELECT n, step_offset, last_step FROM series ORDER BY producer_id") == [
        (3, 0, 50),
        (3, 2, 3),
    ]


def test_every_kind_of_value_has_its_row(fold: Folding) -> None:
    """Kinds are named, numbers are in value, text and the digits of large integers in text."""
    values = [1.5, 3, True, None, "x", 2**53 + 1, 2**70]
    connection = fold([metric_event([(0, i, value) for i, value in enumerate(values)], [scalar()])])

    assert rows(connection, "SELECT kind, value, text FROM metric ORDER BY step") == [
        ("float", 1.5, None), ("int", 3.0, None), ("bool", 1.0, None), ("none", None, None), ("text", None, "x"),
        ("int", float(2**53), str(2**53 + 1)), ("int", float(2**70), str(2**70)),
    ]  # fmt: skip


def test_sealed_and_live_points_are_one_table(store: Store) -> None:
    """A seal moves points and changes no answer."""
    folding = Fold(store.load_state())
    folded = folding.fold(items([metric_event([(0, i, float(i)) for i in range(100)], [scalar()])]), 0)
    store.commit(folded)
    folding.accept(folded)
    before = rows(store.connection, "SELECT * EXCLUDE (logged_at) FROM metric ORDER BY step")
    Maintainer(store, folding).seal()

    assert len(before) == 100
    assert rows(store.connection, "SELECT * EXCLUDE (logged_at) FROM metric ORDER BY step") == before
    assert rows(store.connection, "SELECT sum(1) FROM point_live") == [(None,)]


def test_a_run_and_a_name_read_only_their_part(store: Store) -> None:
    """A filter on run_id and name reaches the sorted table: other runs' row groups are not scanned."""
    folding = Fold(store.load_state())
    n = 200_000
    step = [(0, i, 1.0) for i in range(n)]
    for run in range(4):
        event = metric_event(step, [Series(0, "loss", None, "scalar", "")], run_id=f"r{run}", producer_id=f"p{run}")
        folded = folding.fold(items([event], run), 0, door_one=True)
        store.commit(folded)
        folding.accept(folded)
    store.connection.execute("CHECKPOINT")
    answer = store.connection.execute(
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT avg(value) FROM metric WHERE run_id = 'r2' AND name = 'loss'"
    ).fetchall()[0][1]

    def scanned(node: dict[str, Any]) -> int:
        own = node.get("operator_rows_scanned", 0) if "point" in str(node.get("extra_info", {}).get("Table", "")) else 0
        return int(own) + sum(scanned(child) for child in node.get("children", []))

    assert n <= scanned(json.loads(answer)) < 2 * n + 122_880
