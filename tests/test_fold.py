"""The fold: every kind of value as it went in, and the same tables whatever the log does to the events."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream_consumer.fold import Fold, Folded
from runstream_consumer.folding import DOOR_ONE_POINTS
from runstream_consumer.state import FoldState
from runstream_schemas.events import (
    Change,
    Created,
    Event,
    Heartbeat,
    MetricEvent,
    ProducerClosed,
    PropertiesAdded,
    RunEvent,
    StatusChanged,
    TagEvent,
)
from runstream_schemas.ids import run_key, series_id
from runstream_schemas.points import VOID, pack_code
from tests.folded import NOW_US, START_NS, Point, fold_into, items, metric_event, number_key, ranges_of, scalar
from tests.log_streams import delivered, logged
from tests.store_kills import opened


def fold_once(events: Sequence[Event], **options: Any) -> tuple[Fold, Folded]:
    """A fresh fold with ``events`` folded and accepted."""
    fold = Fold(FoldState())
    folded = fold.fold(items(events), NOW_US, **options)
    fold.accept(folded)
    return fold, folded


def rows_of(folded: Folded, table: str) -> list[dict[str, Any]]:
    """The rows of one table of a fold."""
    columns = {
        name: column.to_pylist() if hasattr(column, "to_pylist") else column
        for name, column in folded.tables.get(table, {}).items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def points_of(folded: Folded) -> list[tuple[Any, ...]]:
    """(step, index, value, kind, text) of every point, in the order of the table."""
    names = ("step", "index", "value", "kind", "text")
    return [tuple(row[name] for name in names) for row in rows_of(folded, "point_live")]


def test_every_kind_of_value_keeps_its_type_and_its_digits() -> None:
    """Floats, integers of any size, booleans, None and text come out as kind, number and exact text."""
    values = [0.5, -0.0, math.inf, 3, 2**53, 2**53 + 1, -(2**63), True, False, None, "word", "", 2**80, -(10**400)]
    points: list[Point] = [(0, step, value) for step, value in enumerate(values)]
    _, folded = fold_once([metric_event(points, [scalar()])])
    found = points_of(folded)
    assert [kind for *_, kind, _ in found] == [1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5, 5, 6, 6]
    numbers = [0.5, -0.0, math.inf, 3.0, 2.0**53, 2.0**53, -(2.0**63), 1.0, 0.0, None, None, None, 2.0**80, -math.inf]
    assert [number_key(value) for _, _, value, _, _ in found] == [number_key(value) for value in numbers]
    exact = {1: "-0.0", 5: str(2**53 + 1), 6: str(-(2**63)), 10: "word", 11: "", 12: str(2**80), 13: str(-(10**400))}
    assert {i: text for i, (*_, text) in enumerate(found) if text is not None} == exact


def test_nan_is_a_number_and_none_is_not() -> None:
    """NaN is kept as a value; None leaves the value NULL."""
    _, folded = fold_once([metric_event([(0, 0, math.nan), (0, 1, None)], [scalar()])])
    (first, second) = (value for _, _, value, _, _ in points_of(folded))
    assert math.isnan(first)
    assert second is None


def test_points_without_a_step_are_numbered_per_series_over_all_folds() -> None:
    """A point without a step gets the number of such points that its series had before, and a mark in its kind."""
    series = [scalar(0, "a"), scalar(1, "b")]
    first = metric_event([(0, None, 1.0), (1, None, 2.0), (0, 7, 3.0), (0, None, 4.0)], series)
    second = metric_event([(1, None, 5.0), (0, None, 6)], series, sequence=1, first_index=4)
    fold = Fold(FoldState())
    found = []
    for position, event in enumerate((first, second)):
        folded = fold.fold(items([event], position), NOW_US)
        fold.accept(folded)
        found += [(row["index"], row["step"], row["kind"]) for row in rows_of(folded, "point_live")]
    assert sorted(found) == [(0, 0, 9), (1, 0, 9), (2, 7, 1), (3, 1, 9), (4, 1, 9), (5, 2, 10)]


def test_rows_are_sorted_by_run_series_step_and_index() -> None:
    """Steps that run backwards and repeat are sorted, ties by index, and only inside their series."""
    series = [scalar(0, "a"), scalar(1, "b")]
    points: list[Point] = [(0, 5, 0.0), (1, 1, 1.0), (0, 3, 2.0), (0, 5, 3.0), (1, 2, 4.0), (0, -(2**63) + 1, 5.0)]
    _, folded = fold_once([metric_event(points, series)])
    rows = rows_of(folded, "point_live")
    keys = [(row["run_key"], row["series_id"], row["step"], row["index"]) for row in rows]
    assert keys == sorted(keys)
    by_index = {row["index"]: (row["step"], row["value"]) for row in rows}
    assert by_index == {i: (step, value) for i, (_, step, value) in enumerate(points)}


def test_void_slots_are_covered_but_are_no_points() -> None:
    """A slot that was given up keeps its index out of the table and is not missing afterwards."""
    event = metric_event([(0, 0, 1.0), (0, 1, 2.0)], [scalar()])
    void = bytearray(event.points)
    void[24:32] = pack_code(0, VOID).to_bytes(8, "little")
    fold, folded = fold_once([replace(event, points=bytes(void))])
    assert [index for _, index, *_ in points_of(folded)] == [1]
    assert ranges_of(fold)["p1", 0] == [(0, 2)]
    assert folded.rejected == []


def test_of_an_event_that_is_partly_folded_only_the_rest_counts() -> None:
    """Points are told apart by index: an event that overlaps what is folded brings its new points alone."""
    old: list[Point] = [(0, step, float(step)) for step in range(3)]
    new: list[Point] = [(0, step, "x") for step in range(1, 5)]
    fold, _ = fold_once([metric_event(old, [scalar()])])
    folded = fold.fold(items([metric_event(new, [scalar()], sequence=1, first_index=1)], 1), NOW_US)
    assert [(index, text) for _, index, _, _, text in points_of(folded)] == [(3, "x"), (4, "x")]
    assert [(row["first_index"], row["n"]) for row in rows_of(folded, "batch")] == [(3, 2)]


def test_a_filled_hole_is_folded_when_it_comes() -> None:
    """An index that was stepped over and written later is new, although later ones are folded."""
    whole = [metric_event([(0, i, float(i))], [scalar()], sequence=n, first_index=i) for n, i in enumerate((0, 2, 1))]
    fold, folded = fold_once(whole)
    assert [(step, index) for step, index, *_ in points_of(folded)] == [(0, 0), (1, 1), (2, 2)]
    assert ranges_of(fold)["p1", 0] == [(0, 3)]


def test_a_series_without_points_is_told_once() -> None:
    """An event that only declares series (an empty list) makes them known."""
    event = metric_event([], [scalar(0, "empty", form="list")])
    fold, folded = fold_once([event, event])
    assert [(row["name"], row["form"]) for row in rows_of(folded, "series_log")] == [("empty", "list")]
    assert len(rows_of(folded, "batch")) == 1
    assert "series_log" not in fold.fold(items([event], 2), NOW_US).tables


def test_a_new_description_is_a_new_row_and_an_old_event_does_not_bring_it_back() -> None:
    """The description of a metric follows its newest event; a resent one changes nothing."""
    described = [
        metric_event([(0, i, 1.0)], [scalar(description=text)], sequence=i, first_index=i)
        for i, text in enumerate(("", "first", "first", "second"))
    ]
    _, folded = fold_once([*described, described[1]])
    rows = [(row["sequence"], row["description"]) for row in rows_of(folded, "series_log")]
    assert rows == [(0, ""), (1, "first"), (3, "second")]


def test_another_form_of_a_metric_is_refused_and_the_rest_of_its_event_is_folded() -> None:
    """Of two forms of one metric in a run the first folded holds; other series of the same event go on."""
    first = metric_event([(0, 0, 1.0)], [scalar()])
    clash = [scalar(0, form="list"), scalar(1, "other")]
    second = metric_event([(0, 0, 2.0), (1, 0, 3.0)], clash, producer_id="p2")
    third = metric_event([(1, 1, 4.0)], clash, producer_id="p2", sequence=1, first_index=2)
    fold, folded = fold_once([first, second, third, second])
    assert [value for _, _, value, _, _ in sorted(points_of(folded), key=str)] == [1.0, 3.0, 4.0]
    ((record, reason),) = folded.rejected
    assert record.position == 1
    assert "'loss'" in reason
    assert "scalar" in reason
    assert "list" in reason
    assert ranges_of(fold)["p2", 0] == [(0, 3)]


def test_a_declared_series_of_another_form_is_refused() -> None:
    """A declaration that clashes is told, although it has no points."""
    first = metric_event([(0, 0, 1.0)], [scalar()])
    _, folded = fold_once([first, metric_event([], [scalar(form="table")], producer_id="p2")])
    assert [record.position for record, _ in folded.rejected] == [1]


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (metric_event([(3, 0, 1.0)], [scalar()]), "series 3"),
        (metric_event([(0, 0, 1.0)], [scalar(2**40)]), "series 0"),
        (metric_event([(2**60, 0, 1.0)], [scalar()]), f"series {2**60}"),
        (replace(metric_event([(0, 0, 1.0)], [scalar()]), count=2), "32 bytes of points"),
    ],
)
def test_points_that_nothing_describes_become_dead_letters(event: MetricEvent, says: str) -> None:
    """An event whose points and dictionary do not fit together is refused with its reason; others go on."""
    good = metric_event([(0, 0, 1.0)], [scalar()], producer_id="p2")
    _, folded = fold_once([event, good])
    assert [record.position for record, _ in folded.rejected] == [0]
    assert says in folded.rejected[0][1]
    assert len(points_of(folded)) == 1
    assert folded.ranges[0].to_position == 2


def test_runs_with_the_same_key_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs whose hashes collide the first is folded and the other refused."""
    monkeypatch.setattr("runstream_consumer.state.run_key", lambda run_id: 5)
    tags = [TagEvent(run, "p" + run, 0, START_NS, "k", "v") for run in ("a", "b")]
    _, folded = fold_once(tags)
    assert [row["run_id"] for row in rows_of(folded, "tag_event")] == ["a"]
    assert "'a'" in folded.rejected[0][1]


def test_series_with_the_same_id_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two series whose hashes collide the first is folded and points of the other are refused."""
    monkeypatch.setattr("runstream_consumer.state.series_id", lambda *parts: 7)
    _, folded = fold_once([metric_event([(0, 0, 1.0), (1, 0, 2.0)], [scalar(0, "a"), scalar(1, "b")])])
    assert [value for _, _, value, _, _ in points_of(folded)] == [1.0]
    assert "same id" in folded.rejected[0][1]


def test_a_fold_that_is_not_accepted_leaves_nothing_behind() -> None:
    """Folding is pure: what was not committed is folded again to the same tables, series numbers included."""
    fold = Fold(FoldState())
    other = metric_event([(0, 0, 9.0), (1, 0, 9.0)], [scalar(0, "x"), scalar(1, "y")], run_id="r2", producer_id="p2")
    event = metric_event([(0, None, 1.0), (1, None, 2.0)], [scalar(0, "a"), scalar(1, "b")])
    fold.fold(items([other, event]), NOW_US)
    again = fold.fold(items([event]), NOW_US)
    fold.accept(again)
    assert points_of(again) == points_of(fold_once([event])[1])
    assert len(rows_of(again, "series_log")) == 2
    with pytest.raises(ValueError, match="fold again"):
        fold.accept(again)


def test_points_without_any_number_go_through_door_one_too(tmp_path: Path) -> None:
    """A fold of text alone is sealed, with no block to draw."""
    with opened(tmp_path) as store:
        folded = fold_into(store, Fold(store.load_state()), [metric_event([(0, 0, "a"), (0, 1, None)], [scalar()])])
        assert "block" not in folded.tables
        event = metric_event([(0, 2, "b")], [scalar()], sequence=1, first_index=2)
        fold_into(store, Fold(store.load_state()), [event], door_one=True)
        texts = store.connection.execute("SELECT text FROM point UNION ALL SELECT text FROM point_live ORDER BY 1")
        assert texts.fetchall() == [("a",), ("b",), (None,)]


def test_a_large_fold_goes_through_door_one_and_a_small_one_does_not() -> None:
    """The number of points decides the door; both doors give the same rows, sealed ones with a block."""
    points: list[Point] = [(0, step, float(step)) for step in range(100)]
    _, small = fold_once([metric_event(points, [scalar()])])
    _, large = fold_once([metric_event(points, [scalar()])], door_one=True)
    assert "point" not in small.tables
    sealed = rows_of(large, "point")
    assert [row.pop("block") for row in sealed] == [0] * 100
    assert sealed == rows_of(small, "point_live")
    assert rows_of(large, "seal") == [{"first_block": 0, "last_block": 0, "n": 100}]
    assert rows_of(large, "block")[0]["n"] == 100
    assert DOOR_ONE_POINTS > 100


def test_statistics_are_written_once_a_second_and_all_together_when_asked() -> None:
    """A fold within a second of the last statistics writes none; ``statistics`` brings what is owed, once."""
    fold = Fold(FoldState())
    times_us = (NOW_US, NOW_US + 500_000, NOW_US + 1_000_000)
    written = []
    for i, now_us in enumerate(times_us):
        event = metric_event([(0, i, float(i))], [scalar()], sequence=i, first_index=i)
        folded = fold.fold(items([event], i), now_us)
        written.append([row["n"] for row in rows_of(folded, "series_stat_live")])
        fold.accept(folded)
    assert written == [[1], [], [3]]
    assert fold.statistics(NOW_US) is None
    fold.accept(fold.fold(items([metric_event([(0, 9, 9.0)], [scalar()], sequence=3, first_index=3)], 3), NOW_US))
    late = fold.statistics(NOW_US)
    assert late is not None
    assert [(row["n"], row["last_value"]) for row in rows_of(late, "series_stat_live")] == [(4, 9.0)]
    assert [(moved.from_position, moved.to_position) for moved in late.ranges] == [(4, 4)]
    fold.accept(late)
    assert fold.statistics(NOW_US) is None


def test_statistics_follow_the_rules_for_last_lowest_and_highest() -> None:
    """Last = logged last; lowest and highest are finite, ties at the lower step; counts by kind."""
    points: list[Point] = [(0, 4, 1.0), (0, 2, math.nan), (0, 9, 5), (0, 1, 5)]
    points += [(0, 3, "note"), (0, 0, None), (0, 2, -math.inf), (0, 7, True)]
    _, folded = fold_once([metric_event(points, [scalar()])])
    (row,) = rows_of(folded, "series_stat_live")
    expected: dict[str, Any] = {
        "n": 8,
        "n_numeric": 6,
        "nonfinite": 2,
        "low_step": 0,
        "high_step": 9,
        "last_step": 7,
        "last_index": 7,
    }
    expected |= {"last_value": 1.0, "last_kind": 3, "last_text": None, "min_value": 1.0, "min_step": 4}
    expected |= {"max_value": 5.0, "max_step": 1, "n_stepless": 0, "run_key": run_key("run")}
    assert {name: row[name] for name in expected} == expected
    assert row["series_id"] == series_id("run", "p1", "loss", None)


def test_changes_of_a_run_become_rows() -> None:
    """Each change of a run is one row with its own fields; properties are one row a key beside it."""
    changes: list[Change] = [
        Created("w", "e", display_name="n", host="h", user="u", pid=4),
        StatusChanged("Failed", error_type="ValueError", error_message="m"),
        PropertiesAdded({"a": "1", "b": "2"}),
        Heartbeat(),
        ProducerClosed(5, 1),
    ]
    _, folded = fold_once([RunEvent("run", "p1", i, START_NS + i, change) for i, change in enumerate(changes)])
    rows = rows_of(folded, "run_event")
    names = ["created", "status", "properties", "heartbeat", "producer_closed"]
    assert [row["change"] for row in rows] == names
    assert (rows[0]["experiment"], rows[0]["pid"], rows[1]["error_type"], rows[4]["n_dropped"]) == (
        "e",
        4,
        "ValueError",
        1,
    )
    assert [(row["key"], row["value"]) for row in rows_of(folded, "property_event")] == [("a", "1"), ("b", "2")]
    assert rows[0]["received_at"] == NOW_US


def rows_over(batches: Sequence[Sequence[Event]], doors: Iterator[bool | None]) -> dict[str, Counter[Any]]:
    """All rows of all folds without what depends on the split, and the last statistics of each series."""
    fold = Fold(FoldState())
    found: dict[str, Counter[Any]] = {}
    statistics: dict[int, Any] = {}
    position = 0
    for batch in batches:
        folded = fold.fold(items(batch, position), NOW_US + position, door_one=next(doors))
        fold.accept(folded)
        assert folded.rejected == []
        position += len(batch)
        for table in folded.tables:
            for row in rows_of(folded, table):
                if table == "series_stat_live":
                    statistics[row["series_id"]] = _frozen(row)
                elif table not in ("block", "seal", "batch"):
                    row.pop("block", None)
                    found.setdefault("point" if table == "point_live" else table, Counter())[_frozen(row)] += 1
    late = fold.statistics(NOW_US)
    if late is not None:
        statistics |= {row["series_id"]: _frozen(row) for row in rows_of(late, "series_stat_live")}
    return found | {"statistics": Counter(statistics.values()), "ranges": Counter(map(str, ranges_of(fold).items()))}


def _frozen(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple((name, number_key(cell) if isinstance(cell, float) else cell) for name, cell in sorted(row.items()))


@given(st.data())
@settings(max_examples=150)
def test_tables_do_not_depend_on_interleaving_duplicates_or_batches(data: st.DataObject) -> None:
    """Any interleaving of topics, any duplication, any split and either door: the same rows and statistics."""
    events = data.draw(logged())
    batches = data.draw(delivered(events))
    doors = data.draw(st.lists(st.sampled_from([None, True]), min_size=len(batches), max_size=len(batches)))
    assert rows_over(batches, iter(doors)) == rows_over([events], iter([None]))
