"""Registering from several processes at once, and from processes that die: on both event logs, with a consumer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream import Experiment, Model, Workspace, config, registry
from runstream_schemas.codec import decode
from runstream_schemas.topics import Topic, topic_name
from tests import scripts
from tests.broker import Broker, GivenBroker, new_prefix
from tests.kafka_log import EventLog
from tests.pipeline import Pipeline
from tests.waiting import until

N_EACH = 8

REGISTERS = f"""
from io import BytesIO
from runstream import Model
who = sys.argv[-1] if len(sys.argv) > 1 else str(os.getpid())
run.upload_file("m.bin", BytesIO(who.encode()))
folder = os.environ["TEST_FOLDER"]
with open(os.path.join(folder, who), "w") as file:
    file.write(who)
print("ready", flush=True)
sys.stdin.readline()
for number in range({N_EACH}):
    if number % 2:
        run.register_model("net", "m.bin", tags={{"who": who, "n": str(number)}})
    else:
        Model.register(Workspace(), os.path.join(folder, who), "net", tags={{"who": who, "n": str(number)}})
"""


@pytest.fixture
def pipeline(pipeline: Pipeline) -> Iterator[Pipeline]:
    """The same; nothing of it is left to be sent when this process ends, long after the broker."""
    yield pipeline
    producer = registry.producer_of(config.read())
    producer.close()
    producer.flush(60)


def test_two_processes_that_register_at_once_get_two_versions(pipeline: Pipeline, tmp_path: Path) -> None:
    """Every registration has a version of its own, in each process they rise, and each holds its maker's bytes."""
    folder = tmp_path / "folder"
    folder.mkdir()
    started = [scripts.start(pipeline.home, REGISTERS, TEST_FOLDER=str(folder), **pipeline.settings) for _ in range(2)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        ended = scripts.finish(process)
        assert ended.status == 0, ended.err
    pipeline.send_leftovers()

    def all_there() -> list[Model]:
        found = Model.list(Workspace(), "net")
        return found if len(found) == 2 * N_EACH else []

    models = until(all_there, what="every version")
    assert sorted(model.version for model in models) == list(range(1, 2 * N_EACH + 1))
    for process in started:
        own = [model for model in models if model.tags["who"] == str(process.pid)]
        assert [model.tags["n"] for model in sorted(own, key=lambda model: model.version)] == [
            str(number) for number in range(N_EACH)
        ]
    for model in models[::3]:
        place = Path(model.download(tmp_path / model.id.replace(":", "-")))
        assert place.read_text() == model.tags["who"]


def test_a_model_is_read_back_at_once_by_its_maker(pipeline: Pipeline, tmp_path: Path) -> None:
    """The version is there in the next line, also of what was registered without a run; tags and deletion likewise."""
    (tmp_path / "m.bin").write_bytes(b"one")
    run = Experiment(Workspace(), "e").start_logging()
    run.upload_file("outputs/m.bin", tmp_path / "m.bin")

    for version in (1, 3):
        model = run.register_model("net", "outputs/m.bin")
        assert (model.version, Path(model.download(tmp_path / str(version))).read_bytes()) == (version, b"one")
        model = Model.register(Workspace(), tmp_path / "m.bin", "net")
        assert model.version == version + 1
    model.add_tags({"stage": "live"})
    assert model.tags == {"stage": "live"}
    model.delete()
    run.complete()
    assert [one.version for one in Model.list(Workspace(), "net")] == [3, 2, 1]


def test_what_was_registered_survives_the_death_of_its_process(pipeline: Pipeline, tmp_path: Path) -> None:
    """A process that is killed right after register() returned leaves the version; no run appears by it."""
    (tmp_path / "m.bin").write_bytes(b"one")
    code = (
        f"from runstream import Model\nExperiment(Workspace(), 'bare').tag('a', 'b')\n"
        f"Model.register(Workspace(), {str(tmp_path / 'm.bin')!r}, 'net')\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert scripts.execute(pipeline.home, code, **pipeline.settings).status == -9
    pipeline.send_leftovers()

    [model] = until(lambda: Model.list(Workspace(), "net"), what="the model")

    assert Path(model.download(tmp_path / "back")).read_bytes() == b"one"
    assert [one.name for one in Experiment.list(Workspace())] == ["bare"]
    assert pipeline.rows("SELECT run_id FROM run") == []
    assert pipeline.rows("SELECT run_id FROM dead_letter") == []
    assert pipeline.rows("SELECT sum(1) FROM run_event WHERE run_id = ''") == [(None,)]


@pytest.mark.kafka
def test_what_was_registered_in_an_embedded_home_can_go_to_kafka(
    home_path: Path, tmp_path: Path, broker: Broker | GivenBroker
) -> None:
    """`runstream sync --to-kafka` sends the journals of producers without a run like all others."""
    (tmp_path / "m.bin").write_bytes(b"one")
    code = f"from runstream import Model; Model.register(Workspace('ws'), {str(tmp_path / 'm.bin')!r}, 'net')"
    assert scripts.execute(home_path, code).status == 0
    prefix = new_prefix()
    sent = Pipeline(home_path, {"RUNSTREAM_BROKERS": broker.servers, "RUNSTREAM_TOPIC_PREFIX": prefix})
    sent.command("topics", "create")

    sent.command("sync", "--to-kafka")

    records = EventLog(broker.servers, prefix).read_all(topic_name(Topic.CATALOG, prefix))
    assert [(record.key, decode(record.value).run_id) for record in records] == [(b"ws/net", "")]


@pytest.mark.parametrize("pipeline", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_the_catalog_s_events_lie_under_what_they_are_about(pipeline: Pipeline) -> None:
    """On Kafka the key is workspace and name, whichever producer wrote the event, and a run's events keep the run's."""
    run = Experiment(Workspace("ws"), "exp").start_logging()
    run.experiment.tag("a", "1")
    run.upload_file("m.bin", __file__)
    run.register_model("net", "m.bin")
    run.complete()
    run.flush(60)
    assert Experiment(Workspace("ws"), "exp").tags == {"a": "1"}

    log = EventLog(pipeline.settings["RUNSTREAM_BROKERS"], pipeline.settings["RUNSTREAM_TOPIC_PREFIX"])
    keys = {record.key for record in log.read_all(topic_name(Topic.CATALOG, log.prefix))}
    assert keys == {b"ws/exp", b"ws/net"}
    assert {record.key for record in log.read_all(topic_name(Topic.RUNS, log.prefix))} == {run.id.encode()}
