"""Statuses: their order and colours, and what is said of runs that fell silent."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from runstream_dashboard import statuses, tables
from tests.test_pages_tables import NOW, run


def test_statuses_are_offered_in_the_order_of_a_runs_life() -> None:
    """The known ones always, those that only a user knows after them; each has a colour."""
    offered = statuses.offered({"Warming up": 2, "Failed": 1}, ["Odd"])

    assert offered[:4] == ["Preparing", "Running", "CancelRequested", "NotResponding"]
    assert offered[-2:] == ["Warming up", "Odd"]
    assert len({statuses.colour(name) for name in offered[:-2]}) == 7
    assert statuses.colour("Odd") == "gray"


def test_a_silent_run_says_since_when() -> None:
    """With the time, how long ago, and where it ran; other runs are not silent."""
    row = replace(run(1.0), status="NotResponding", host="gpu1")

    said = statuses.silence(row, NOW + dt.timedelta(minutes=3))

    assert said.startswith("No heartbeat since 02 Jan 2026, 00:00:00 UTC (3 min ago). Its process on gpu1")
    assert statuses.silence(run(1.0), NOW) == ""


def test_a_run_that_was_found_dead_is_told_from_one_that_failed() -> None:
    """By the words of the history, which no failing run writes."""
    dead = replace(run(1.0), status="Failed", error_message="no heartbeat since 2026-01-02 00:00:00 UTC")

    assert statuses.is_found_dead(dead)
    assert not statuses.is_found_dead(replace(dead, status="NotResponding"))
    assert not statuses.is_found_dead(replace(dead, error_message="ValueError"))
    assert not statuses.is_found_dead(replace(dead, error_message=None))


def test_children_are_marked_and_counted() -> None:
    """A child without its parent's name before its own; a parent with the number of its children."""
    child = replace(run(1.0), run_id="c", display_name="sweep>alpha 1", parent_run_id="r")
    rows = [run(1.0), child]
    table = tables.run_table(rows, [], {}, dark=False)

    family = tables.with_family(table, rows, {"r": 3})

    assert family["name"].tolist() == ["r", "↳ alpha 1"]
    assert family["children"].tolist()[0] == 3
    assert "children" not in tables.with_family(table, rows, {})
