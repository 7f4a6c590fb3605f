"""The read API: typed reads through a running consumer and without one, with the same answers."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream_consumer import access, serve
from runstream_consumer.fold import Fold
from runstream_consumer.history import FilterError, History, StatementFailed, connect
from runstream_consumer.maintain import Maintainer
from runstream_consumer.store import Store
from runstream_schemas.errors import ArtifactNotFound, HistoryUnreachable, InvalidLiteral, NotYetFolded, RunNotFound
from runstream_schemas.events import (
    ArtifactEvent,
    Change,
    Created,
    Event,
    Heartbeat,
    MetricEvent,
    PropertiesAdded,
    RunEvent,
    Series,
    StatusChanged,
    TagEvent,
)
from runstream_schemas.home import Home
from runstream_schemas.topics import Topic
from tests.folded import START_NS, Point, fold_into, metric_event, scalar
from tests.served import serving

MINUTE_NS = 60_000_000_000
LOSSES = {"alpha": 0.9, "beta": 0.1, "gamma": 0.5}


def changed(run_id: str, sequence: int, at_ns: int, change: Change) -> RunEvent:
    """A run event of the run's only producer."""
    return RunEvent(run_id, f"p-{run_id}", sequence, at_ns, change)


def run_events(place: int, run_id: str, loss: float) -> list[Event]:
    """One small run: created, a property, a tag, two metrics, a file, completed (the third one goes on)."""
    at_ns = START_NS + place * MINUTE_NS
    producer = f"p-{run_id}"
    series = (scalar(0, "val/loss"), scalar(1, "optimizer name"))
    points: list[Point] = [(0, 0, 2.0), (0, 1, loss), (1, 0, "adamw" if place else "sgd")]
    created = Created("default", f"exp{place % 2}", f"Run {run_id}", None, None, None, "host", "user", 7, None)
    events: list[Event] = [
        changed(run_id, 0, at_ns, created),
        changed(run_id, 1, at_ns + 1, StatusChanged("Running", None, None, None, None)),
        changed(run_id, 2, at_ns + 2, PropertiesAdded({"lr": str(0.1 * (place + 1)), "model": "cnn"})),
        TagEvent(run_id, producer, 0, at_ns + 3, "sweep" if place else "probe", None, False),
        metric_event(points, series, run_id=run_id, producer_id=producer, time_ns=at_ns),
        ArtifactEvent(run_id, producer, 0, at_ns + 4, "a.txt", 3, "0" * 64, "text/plain", None, b"old", None),
        ArtifactEvent(run_id, producer, 1, at_ns + 5, "a.txt", 3, "1" * 64, "text/plain", None, b"new", None),
    ]
    if place < 2:
        events.append(changed(run_id, 3, at_ns + 10 * MINUTE_NS, StatusChanged("Completed", None, None, None, None)))
    return events


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A served history of three runs."""
    home = Home(tmp_path_factory.mktemp("history")).ensure()
    with serving(home) as (store, history):
        fold = Fold(store.load_state())
        for place, (run_id, loss) in enumerate(LOSSES.items()):
            fold_into(store, fold, run_events(place, run_id, loss))
        Maintainer(store, fold).write_statistics()
        yield history


def test_a_run_row_says_what_the_events_said(past: History) -> None:
    """One run comes with its times in UTC, its properties and its tags."""
    row = past.run("beta")

    began = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=(START_NS + MINUTE_NS) // 1000)
    assert (row.run_id, row.experiment, row.display_name, row.status, row.number) == (
        "beta", "exp1", "Run beta", "Completed", 1,
    )  # fmt: skip
    assert (row.created_at, row.duration_s, row.user, row.host) == (began, 600.0, "user", "host")
    assert (row.properties, row.tags) == ({"lr": "0.2", "model": "cnn"}, {"sweep": None})
    assert row.n_points == 3


def test_a_run_that_has_been_silent_for_long_has_failed(past: History) -> None:
    """The third run never ended, and its last event is older than ten minutes: that is what it is told to end with."""
    row = past.run("gamma")

    assert row.status == "Failed"
    assert row.error_message is not None
    assert row.error_message.startswith("no heartbeat since 20")


def test_numbers_count_within_an_experiment(past: History) -> None:
    """The first and the third run are number 1 and 2 of their experiment."""
    assert [past.run(run_id).number for run_id in LOSSES] == [1, 1, 2]


def test_an_unknown_run_is_not_found(past: History) -> None:
    """Reading an id that nobody logged raises, and several ids give those that exist, in their order."""
    with pytest.raises(RunNotFound, match="delta"):
        past.run("delta")
    assert [row.run_id for row in past.run_many(["gamma", "delta", "alpha"])] == ["gamma", "alpha"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "gamma beta alpha"),
        ("val/loss < 0.6", "gamma beta"),
        ("val/loss < 0.6 and lr > 0.25", "gamma"),
        ("min(val/loss) >= 0.5 and max(val/loss) = 2", "gamma alpha"),
        ("lr = 0.1", "alpha"),
        ("model = CNN and lr != 0.1", "gamma beta"),
        ("'optimizer name' = adamw", "gamma beta"),
        ('"optimizer name" ~ SG', "alpha"),
        ("tag = sweep", "gamma beta"),
        ("tag != sweep", "alpha"),
        ("BET", "beta"),
        ("run alpha", "alpha"),
        ("name ~ gam", "gamma"),
        ("id = alpha", "alpha"),
        ("status = completed", "beta alpha"),
        ("experiment = exp0 and status != Completed", "gamma"),
        ("user = user and duration >= 10m", "gamma beta alpha"),
        ("started > 2000-01-01 and started < 2001-01-01", ""),
        ("number == 2", "gamma"),
        ("n_points > 2 and pid = 7", "gamma beta alpha"),
        ("probe ~ x", ""),
    ],
)
def test_filters_pick_runs(past: History, text: str, expected: str) -> None:
    """Terms on metrics, properties, tags, fields of the run and bare words, joined by `and`, newest run first."""
    page = past.runs(text)

    assert " ".join(row.run_id for row in page.rows if row.run_id != "gamma" or "gamma" in expected) == expected
    assert page.total == len(page.rows)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("val/loss <", "val/loss <"),
        ("< 3", "< 3"),
        ("a < b < c", "a < b < c"),
        ("beta or alpha", "beta or alpha"),
        ("lr > 0.1 and and", "lr > 0.1 and and"),
        ("lr > 0.1 and nosuch = 3", "nosuch = 3"),
        ("min(val/loss) = low", "min(val/loss) = low"),
        ("number = two", "number = two"),
        ("duration > long", "duration > long"),
        ("started > yesterday", "started > yesterday"),
        ("number ~ 3", "number ~ 3"),
        ("tag < sweep", "tag < sweep"),
        ("name = 'open", "'open"),
        ("big loss = 3", "big loss = 3"),
    ],
)
def test_a_bad_term_is_named(past: History, text: str, term: str) -> None:
    """A filter that means nothing raises with the term that is to blame."""
    with pytest.raises(FilterError) as caught:
        past.runs(text)
    assert caught.value.term == term


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("-created_at", ["gamma", "beta", "alpha"]),
        ("created_at", ["alpha", "beta", "gamma"]),
        ("val/loss", ["beta", "gamma", "alpha"]),
        ("-val/loss", ["alpha", "gamma", "beta"]),
        ("max(val/loss)", ["gamma", "beta", "alpha"]),
        ("-lr", ["gamma", "beta", "alpha"]),
        ("name", ["alpha", "beta", "gamma"]),
        ("optimizer name", ["gamma", "beta", "alpha"]),
    ],
)
def test_sorting_is_over_all_runs(past: History, sort: str, expected: list[str]) -> None:
    """By a column, a metric or a property, both ways; equals stand newest first."""
    assert [row.run_id for row in past.runs(sort=sort).rows] == expected


def test_pages_do_not_overlap_and_count_everything(past: History) -> None:
    """Two pages of two hold the three runs once; total, statuses and experiments are those of all pages."""
    first, second = (past.runs(page=page, page_size=2, metrics=["val/loss"]) for page in (1, 2))

    assert [row.run_id for row in [*first.rows, *second.rows]] == ["gamma", "beta", "alpha"]
    assert (first.total, first.experiments) == (3, ["exp0", "exp1"])
    assert first.counts_by_status == {"Completed": 2, "Failed": 1}
    stat = second.rows[0].metrics["val/loss"]
    assert (stat.n, stat.last_value, stat.last_step, stat.min_value, stat.min_step, stat.max_value, stat.max_step) == (
        2, 0.9, 1, 0.9, 1, 2.0, 0,
    )  # fmt: skip


def test_status_and_experiment_narrow_the_page_but_not_the_counts(past: History) -> None:
    """The numbers on the status pills do not change when one is pressed."""
    page = past.runs(status=["Failed"], experiment="exp0")

    assert [row.run_id for row in page.rows] == ["gamma"]
    assert page.counts_by_status == {"Completed": 1, "Failed": 1}


def test_metrics_of_a_run_are_listed_as_logged(past: History) -> None:
    """Each metric with its form, its count and what it comes to; text has no number."""
    loss, optimizer = past.metric_list(["beta"])

    assert (loss.name, loss.form, loss.n, loss.last_value, loss.min_step, loss.high_step) == (
        "val/loss",
        "scalar",
        2,
        0.1,
        1,
        1,
    )
    assert (optimizer.name, optimizer.n_numeric, optimizer.last_text, optimizer.last_value) == (
        "optimizer name", 0, "adamw", None,
    )  # fmt: skip


def test_figures_on_a_page_are_those_of_the_view(tmp_path: Path) -> None:
    """Two processes that log without steps count on: the page's last, least and greatest stand at the view's steps."""
    home = Home(tmp_path).ensure()
    store = Store.open(home.history_path, "journal", f"journal:{home.identity()}")
    fold = Fold(store.load_state())
    created = Created("default", "exp", None, None, None, None, "host", "user", 7, None)
    for producer, values in (("p1", (5.0, 1.0)), ("p2", (3.0, 9.0, 2.0))):
        points: list[Point] = [(0, None, value) for value in values]
        event = metric_event(points, (scalar(0, "loss"),), run_id="r", producer_id=producer)
        fold_into(store, fold, [RunEvent("r", producer, 0, START_NS, created), event])
    Maintainer(store, fold).write_statistics()
    store.close()
    with connect(home.root) as past:
        stat = past.runs(metrics=["loss", "nowhere"]).rows[0].metrics["loss"]
        seen = past.sql("SELECT sum(n), arg_max(last_step, producer_id), arg_min(min_step, min_value), "
                        "arg_max(max_step, max_value) FROM series WHERE name = 'loss'").fetchall()[0]  # fmt: skip

    assert (stat.n, stat.last_step, stat.min_step, stat.max_step) == seen == (5, 4, 1, 3)
    assert (stat.last_value, stat.min_value, stat.max_value) == (2.0, 1.0, 9.0)


def test_files_show_their_newest_version(past: History) -> None:
    """One row a path, with all versions when asked; the bytes of a small file come with it; a missing one is named."""
    assert [(row.path, row.version, row.content) for row in past.artifacts("alpha")] == [("a.txt", 2, None)]
    assert [row.version for row in past.artifacts("alpha", versions=True)] == [1, 2]
    assert past.artifact("alpha", "a.txt").content == b"new"
    assert past.artifact("alpha", "a.txt", version=1).content == b"old"
    with pytest.raises(ArtifactNotFound, match=r"a\.txt"):
        past.artifact("alpha", "b.txt")


def test_the_events_of_a_run_are_its_history(past: History) -> None:
    """What changed a run, oldest first; heartbeats are not among it."""
    changes = [(event.change, event.detail) for event in past.events("beta")]

    assert [change for change, _ in changes] == [
        "created", "status", "property", "property", "tag", "artifact", "artifact", "status",
    ]  # fmt: skip
    assert changes[-1][1] == "Completed"


def test_sql_answers_with_a_relation(past: History) -> None:
    """fetchall, df and arrow all work, again and again, and parameters are rendered."""
    relation = past.sql("SELECT run_id, value FROM metric WHERE name = $name AND step = $step ORDER BY ALL",
                        {"name": "val/loss", "step": 1})  # fmt: skip

    assert relation.fetchall() == [("alpha", 0.9), ("beta", 0.1), ("gamma", 0.5)]
    assert relation.df()["value"].tolist() == [0.9, 0.1, 0.5]
    assert relation.arrow().read_all().num_rows == 3
    assert past.sql("SELECT sum(1)::HUGEINT, now() IS NOT NULL, 'x'::BLOB").fetchall() == [(1, True, b"x")]


def test_sql_errors_are_about_the_readers_own_statement(past: History) -> None:
    """The message names the mistake and shows the reader's line, not the one it was wrapped in."""
    with pytest.raises(StatementFailed, match="nosuch") as caught:
        past.sql("SELECT nosuch FROM run")
    assert "query(" not in str(caught.value)
    assert "LINE 1: SELECT nosuch FROM run" in str(caught.value)
    with pytest.raises(StatementFailed, match="read-only"):
        past.sql("DROP TABLE meta")
    with pytest.raises(InvalidLiteral):
        past.sql("SELECT ?", ["\0"])


def test_a_file_that_nobody_serves_is_read_only_too(home_path: Path) -> None:
    """Without a consumer a statement that changes something is refused in the same words."""
    with connect(home_path) as past, pytest.raises(StatementFailed, match="read-only, and this is a DROP statement"):
        past.sql("DROP TABLE meta")


def test_the_public_views_are_documented(past: History) -> None:
    """Every public view and each of its columns says what it means."""
    docs = {doc.name: doc for doc in past.tables()}

    assert {"run", "metric", "series", "tag", "property", "artifact", "dead_letter", "position"} <= docs.keys()
    assert [doc.name for doc in docs.values() if not doc.comment] == []
    assert [(doc.name, column.name) for doc in docs.values() for column in doc.columns if not column.comment] == []


def test_waiting_ends_when_the_history_covers_it(past: History) -> None:
    """What is folded is there at once; what is not raises with both numbers after the wait."""
    past.wait_for({("p-beta", Topic.RUNS): 3, ("p-beta", Topic.METRICS): 0}, 5.0)
    with pytest.raises(NotYetFolded, match="event 9") as caught:
        past.wait_for({("p-beta", Topic.RUNS): 9}, 0.0)
    assert caught.value.run_id == "beta"


def test_charts_come_through_the_server(past: History) -> None:
    """Several curves in one statement, in the order asked, on any axis."""
    keys = [(run_id, "val/loss", None) for run_id in LOSSES]
    charts = past.charts(keys)

    assert [chart.last.tolist() for chart in charts] == [[2.0, 0.9], [2.0, 0.1], [2.0, 0.5]]
    assert past.chart("beta", "val/loss", x="relative").first_x.tolist() == [0.0, 0.001]
    assert past.chart("beta", "nothing").n == 0


def test_the_pipeline_counts(past: History) -> None:
    """Positions, storage and dead letters are those of the tables."""
    facts = past.pipeline()

    assert [(one.experiment, one.n_runs, one.n_points) for one in facts.storage] == [("exp0", 2, 6), ("exp1", 1, 3)]
    assert [row.partition for row in past.positions()] == ["log"]
    assert (facts.n_dead_letters, past.dead_letters()) == (0, [])
    assert past.watermark().n_events == 23


def test_with_kafka_and_no_server_reading_says_what_to_set(home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is folded from journals when events go to Kafka: the error names the two variables."""
    monkeypatch.setenv("RUNSTREAM_BROKERS", "localhost:1")

    with pytest.raises(HistoryUnreachable, match=r"RUNSTREAM_SERVER.*RUNSTREAM_TOKEN_FILE"):
        connect(home_path)


def test_without_a_consumer_reading_leaves_nothing_open(home_path: Path) -> None:
    """An empty home reads as no runs; between two calls nobody holds the file, so a writer can open it."""
    with connect(home_path) as past:
        assert past.runs().rows == []
        assert past.sql("SELECT run_id FROM run").fetchall() == []
        writer = Store.open(Home(home_path).history_path, *_source_of(home_path))
        writer.close()
        assert past.watermark().state == "idle"


def _source_of(home: Path) -> tuple[str, str]:
    """Kind and identity of the source that the home's history was folded from."""
    with connect(home) as past:
        facts = dict(past.sql("SELECT key, value FROM meta").fetchall())
    return facts["source_kind"], facts["source_identity"]


def test_a_stale_server_file_does_not_stop_reading(home_path: Path) -> None:
    """server.json of a process that lives but serves nothing: the journals are read instead."""
    home = Home(home_path).ensure()
    serve.read_or_make_token(home)
    serve.write_server(home, serve.ServerInfo(1, "127.0.0.1", serve.free_port("127.0.0.1"), str(home.token_path), 0.0))

    with connect(home_path) as past:
        assert past.runs().total == 0
    assert json.loads(home.server_json.read_text())["pid"] == 1


def test_what_was_logged_as_nan_stays_nan(tmp_path: Path) -> None:
    """Values come back bit for bit, -0.0 and integers beyond 2**53 included, in the order of logging."""
    values = [-0.0, math.nan, -math.inf, 2**53 + 1, 2**70, True, None, "text", 1, 1.0]
    series = (Series(0, "mix", None, "scalar", ""),)
    store = Store.open(tmp_path / "history.duckdb", "journal", "journal:test")
    fold = Fold(store.load_state())
    event: MetricEvent = metric_event([(0, None, value) for value in values], series, run_id="r")
    fold_into(store, fold, [event, changed("r", 0, START_NS, Heartbeat())])
    server = serve.serve(store.connection, Home(tmp_path))
    with connect(tmp_path) as past:
        found = past.metrics("r")["mix"]
    server.close()
    store.close()

    assert [repr(value) for value in found] == [repr(value) for value in values]


def test_a_slow_statement_draws_nothing_into_the_answer(tmp_path: Path) -> None:
    """DuckDB's bar for statements of two seconds is off, both where a history is written and where it is read."""
    asks = "SELECT current_setting('enable_progress_bar')"
    store = Store.open(tmp_path / "history.duckdb", "journal", "journal:test")
    with store.connection.cursor() as writing, access._instance(os.getpid()).cursor() as reading:
        assert [cursor.execute(asks).fetchall() for cursor in (writing, reading)] == [[(False,)], [(False,)]]
    store.close()
