"""One value from `run.log()` to the chart, and the same promises on both event logs: journals and Apache Kafka."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from runstream import Experiment, Run, Workspace
from runstream_consumer.chart import Chart
from tests.broker import Broker, GivenBroker, new_prefix
from tests.browser import start_stack
from tests.pipeline import Pipeline
from tests.pipeline_kills import kill_broker, kill_consumer, kill_producers, over_kafka
from tests.waiting import until


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def pipeline(request: pytest.FixtureRequest, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """A pipeline without a running consumer; what this test logs goes into it."""
    pipeline = Pipeline(home_path)
    if request.param == "kafka":
        broker: Broker | GivenBroker = request.getfixturevalue("broker")
        pipeline = Pipeline(home_path, {"RUNSTREAM_BROKERS": broker.servers, "RUNSTREAM_TOPIC_PREFIX": new_prefix()})
        pipeline.command("topics", "create")
    for name, value in pipeline.settings.items():
        monkeypatch.setenv(name, value)
    yield pipeline
    pipeline.stop()


@pytest.fixture
def consumed(pipeline: Pipeline) -> Pipeline:
    """The pipeline with its consumer running."""
    pipeline.start()
    return pipeline


def start(name: str = "path") -> Run:
    """A run in the experiment `path`."""
    return Experiment(Workspace(), "path").start_logging(display_name=name)


@pytest.mark.browser
def test_a_value_travels_from_the_call_to_the_chart(pipeline: Pipeline, chromium: Browser) -> None:
    """A logged value reaches the SQL table, the chart statement and the page; one logged later arrives by itself."""
    stack = start_stack(pipeline.home, pipeline.settings)
    until((pipeline.home / "server.json").exists, what="the consumer's address")
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    try:
        run = start("traveller")
        for step in range(100):
            run.log("train/loss", 1.0 / (step + 1), step=step)
        sql = "SELECT value FROM metric WHERE run_id = ? AND name = 'train/loss' AND step = 99"
        until(lambda: pipeline.rows(sql, [run.id]) == [(0.01,)], what="the value in the table")
        with pipeline.read() as reader:
            chart: Chart = reader.chart(run.id, "train/loss")
        page = context.new_page()
        page.goto(f"{stack.url}/charts?runs={run.id}")
        drawn = page.locator('[data-testid=rs-chart][data-metric="train/loss"]')
        expect(drawn).to_have_attribute("data-points", "100", timeout=60_000)
        run.log("train/loss", 0.005, step=100)
        expect(drawn).to_have_attribute("data-points", "101", timeout=60_000)
        run.complete()
    finally:
        context.close()
        stack.close()

    assert chart.n == 100
    assert list(chart.last) == [1.0 / (step + 1) for step in range(100)]


def test_every_kind_of_value_comes_back_as_it_went_in(consumed: Pipeline) -> None:
    """Numbers of any size, NaN, infinities, -0.0, strings, None, lists, rows and tables read back equal, in order."""
    run = start()
    values = [1, 2.5, True, None, "text", 2**63 - 1, -(2**80), math.inf, -0.0, 1e-310]
    for value in values:
        run.log("mixed", value)
    run.log("nan", math.nan)
    run.log_list("list", ["a", 1, None])
    run.log_row("row", x=1, y=0.5)
    run.log_row("row", x=2)
    run.log_table("table", {"a": [1, 2], "b": ["p", "q"]})
    metrics = run.get_metrics()
    run.complete()

    assert metrics["mixed"] == values
    assert [type(value) for value in metrics["mixed"]] == [type(value) for value in values]
    assert math.copysign(1.0, metrics["mixed"][8]) == -1.0
    assert math.isnan(metrics["nan"])
    assert metrics["list"] == ["a", 1, None]
    assert metrics["row"] == {"x": [1, 2], "y": [0.5, None]}
    assert metrics["table"] == {"a": [1, 2], "b": ["p", "q"]}


def test_what_belongs_to_a_run_is_read_back(consumed: Pipeline, tmp_path: Path) -> None:
    """Tags, properties, files and status come back through the history, also what was added after the end."""
    file = tmp_path / "model.bin"
    file.write_bytes(b"\x00weights")
    run = start()
    run.tag("optimizer", "adam")
    run.add_properties({"commit": "abc"})
    run.upload_file("outputs/model.bin", str(file))
    run.complete()
    run.tag("best", "yes")

    assert run.get_tags() == {"optimizer": "adam", "best": "yes"}
    assert run.get_properties() == {"commit": "abc"}
    assert run.get_file_names() == ["outputs/model.bin"]
    assert run.get_status() == "Completed"


def test_a_consumer_that_starts_late_finds_everything(pipeline: Pipeline) -> None:
    """Runs that logged and ended before any consumer ran are complete once one does."""
    with start() as run:
        for step in range(10_000):
            run.log("loss", float(step), step=step)
    run.flush()
    pipeline.start()

    def complete() -> bool:
        return pipeline.rows("SELECT count(step), sum(value) FROM metric WHERE run_id = ?", [run.id]) == [
            (10_000, 49_995_000.0)
        ]

    assert until(complete, what="the run in the history")
    assert pipeline.rows("SELECT status FROM run WHERE run_id = ?", [run.id]) == [("Completed",)]


def test_an_open_history_moves_to_the_consumer_that_starts(home_path: Path) -> None:
    """A history opened over the files asks the consumer as soon as one has taken them."""
    pipeline = Pipeline(home_path)
    with start() as run, pipeline.read() as reader:
        run.log("loss", 1.0)
        before = reader.metrics(run.id)
        pipeline.start()
        try:
            run.log("loss", 2.0)
            until(lambda: reader.metrics(run.id) == {"loss": [1.0, 2.0]}, what="the second point")
        finally:
            pipeline.stop()

    assert before == {"loss": 1.0}


def test_killed_producers_lose_and_double_nothing(consumed: Pipeline) -> None:
    """After kills at random moments, 1 and 4 threads, every returned point is in the history exactly once."""
    n_points, faults = kill_producers(consumed, count=10)

    assert faults == []
    assert n_points > 0


def test_a_killed_consumer_loses_and_doubles_nothing(consumed: Pipeline) -> None:
    """A consumer killed three times while points arrive folds each of them exactly once."""
    n_points, faults = kill_consumer(consumed, count=3)

    assert faults == []
    assert n_points > 0


def test_a_killed_broker_loses_and_doubles_nothing(own_broker: Broker, home_path: Path) -> None:
    """A broker killed and restarted while points arrive costs none of them, and doubles none."""
    pipeline = over_kafka(home_path, own_broker, new_prefix())
    pipeline.start()
    try:
        n_points, faults = kill_broker(pipeline, own_broker, count=1)
    finally:
        pipeline.stop()

    assert faults == []
    assert n_points > 0
