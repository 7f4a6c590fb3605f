"""From journal to Kafka: outboxes of this process and of dead ones, on a real broker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from kafka.errors import KafkaTimeoutError

from runstream import courier
from runstream.outbox import Outbox, read_mark, write_mark
from runstream.sender import Sender, sync
from runstream_consumer import archive
from runstream_schemas.codec import decode
from runstream_schemas.errors import FlushTimeout
from runstream_schemas.events import MetricEvent
from runstream_schemas.home import Home, locked
from runstream_schemas.topics import Topic, topic_name
from tests.broker import free_port
from tests.kafka_log import N_PARTITIONS, EventLog
from tests.outbox_writer import Writer, settings_for
from tests.waiting import until

pytestmark = pytest.mark.kafka


def values(log: EventLog, topic: Topic) -> list[bytes]:
    """What the broker has of one topic, in order."""
    return [record.value for record in log.read_all(topic_name(topic, log.prefix))]


def test_events_arrive_once_in_order_with_key_and_frame(log: EventLog, home: Home) -> None:
    """What is in the journal arrives as it lies there: same bytes, same order, the run as key, the frame as header."""
    writer = Writer(home)
    writer.tag(200)
    sender = Sender(settings_for(log.servers, log.prefix), home)
    sender.add(writer.folder, lambda _: None)

    sender.wait(writer.folder.producer_id, writer.last_frame, 60)

    sender.close()
    records = log.read_all(log.tags)
    assert [r.value for r in records] == writer.events[Topic.TAGS]
    assert {r.key for r in records} == {b"run"}
    assert [dict(r.headers)["runstream.frame"] for r in records] == [b"%d" % n for n in range(200)]
    assert len({r.partition for r in records}) == 1


def test_a_growing_journal_is_followed_over_segments(log: EventLog, home: Home) -> None:
    """Frames written later, and those in later segments, are sent as they come."""
    writer = Writer(home)
    sender = Sender(settings_for(log.servers, log.prefix), home)
    sender.add(writer.folder, lambda _: None)
    for _ in range(4):
        writer.tag(5)
        sender.wake(writer.folder.producer_id)
        sender.wait(writer.folder.producer_id, writer.last_frame, 60)
        writer.rotate()

    sender.close()
    assert values(log, Topic.TAGS) == writer.events[Topic.TAGS]


def test_partition_is_the_java_clients(log: EventLog, home: Home) -> None:
    """A run's partition is the one that Kafka's Java client chooses: hashes as its own tests have them."""
    hashes = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107}
    for run_id in hashes:
        writer = Writer(home, run_id)
        writer.tag(1)
        writer.close()

    sync(settings_for(log.servers, log.prefix), home)

    placed = {r.key.decode(): r.partition for r in log.read_all(log.tags)}
    assert placed == {run_id: (value & 0x7FFFFFFF) % N_PARTITIONS for run_id, value in hashes.items()}


def test_dead_outboxes_are_shipped_and_removed(log: EventLog, home: Home) -> None:
    """`sync` sends what a dead process left, then nothing of it remains in the home."""
    writers = [Writer(home, f"run-{n}") for n in range(3)]
    for writer in writers:
        writer.tag(10)
        writer.rotate()
        writer.tag(10)
        writer.close()

    done = sync(settings_for(log.servers, log.prefix), home)

    assert (done.n_producers, done.n_sent, done.n_unfinished, done.trouble) == (3, 63, 0, None)
    assert home.producers() == []
    assert sorted(values(log, Topic.TAGS)) == sorted(v for w in writers for v in w.events[Topic.TAGS])


def test_an_unfinished_outbox_is_completed_first(log: EventLog, home: Home) -> None:
    """A process that died without a word: recovery closes its journal, and the loss is told on the run."""
    writer = Writer(home)
    writer.tag(3)

    sync(settings_for(log.servers, log.prefix), home)

    assert values(log, Topic.TAGS) == writer.events[Topic.TAGS]
    assert len(values(log, Topic.RUNS)) == 1
    assert home.producers() == []


def test_an_outbox_with_a_damaged_header_is_sent_whole(log: EventLog, home: Home) -> None:
    """One bit of the newest segment's header is wrong: its events and a closing one of an heir still reach Kafka."""
    writer = Writer(home)
    writer.tag(3)
    writer.rotate()
    writer.tag(2)
    path = writer.folder.segments()[-1][1]
    data = bytearray(path.read_bytes())
    data[511] ^= 1
    path.write_bytes(data)

    done = sync(settings_for(log.servers, log.prefix), home)

    assert (done.n_producers, done.n_unfinished) == (2, 0)
    assert values(log, Topic.TAGS) == writer.events[Topic.TAGS]
    assert len(values(log, Topic.RUNS)) == 1
    assert home.producers() == []


def test_a_second_sync_sends_nothing_again(log: EventLog, home: Home) -> None:
    """What is acknowledged is remembered: embedded journals stay, and go out once."""
    writer = Writer(home, role="log")
    writer.tag(10)
    writer.close()
    settings = settings_for(log.servers, log.prefix)

    first, second = (sync(settings, home, to_kafka=True) for _ in range(2))

    assert (first.n_sent, second.n_sent) == (11, 0)
    assert (first.n_unfinished, second.n_unfinished) == (0, 0)
    assert values(log, Topic.TAGS) == writer.events[Topic.TAGS]
    assert [path.name for _, path in writer.folder.segments()] == ["00000000000000000000.journal"]


def test_archived_parts_of_embedded_journals_are_sent_too(log: EventLog, home: Home) -> None:
    """What the consumer has folded and archived belongs to the log like the rest: --to-kafka sends all of it, once."""
    writers = [Writer(home, f"run-{n}", role="log") for n in range(2)]
    for writer in writers:
        writer.tag(10)
        writer.rotate()
        writer.tag(10)
        writer.close()
        first = writer.folder.segments()[0][1]
        archive.archive_segment(home, writer.folder.producer_id, first)
        first.unlink(missing_ok=True)
    last = writers[1].folder.segments()[-1][1]
    archive.archive_segment(home, writers[1].folder.producer_id, last)
    shutil.rmtree(writers[1].folder.path)
    settings = settings_for(log.servers, log.prefix)

    first_time, second_time = (sync(settings, home, to_kafka=True, archive=archive) for _ in range(2))

    assert (first_time.n_producers, first_time.n_sent, first_time.n_unfinished) == (2, 42, 0)
    assert second_time.n_sent == 0
    assert sorted(values(log, Topic.TAGS)) == sorted(v for w in writers for v in w.events[Topic.TAGS])
    assert {r.key for r in log.read_all(log.tags)} == {b"run-0", b"run-1"}


def test_embedded_journals_are_left_alone_unless_asked(log: EventLog, home: Home) -> None:
    """Without --to-kafka an embedded journal is neither sent nor touched."""
    writer = Writer(home, role="log")
    writer.tag(2)
    writer.close()

    done = sync(settings_for(log.servers, log.prefix), home)

    assert (done.n_producers, done.n_sent) == (0, 0)
    assert values(log, Topic.TAGS) == []


def test_the_outbox_of_a_living_process_is_left_to_it(log: EventLog, home: Home) -> None:
    """Whoever holds the folder's lock sends its outbox itself."""
    writer = Writer(home)
    writer.tag(2)

    with locked(writer.folder.lock):
        done = sync(settings_for(log.servers, log.prefix), home)

    assert done.n_producers == 0
    assert values(log, Topic.TAGS) == []


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_journal_that_another_process_has_sent_and_removed_is_let_go(
    log: EventLog, home: Home, is_taken: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its owner has ended and let go of the lock; the sender goes on with the others, and waits for none of it."""
    gone, other = Writer(home, "gone"), Writer(home, "other")
    sender = Sender(settings_for(log.servers, log.prefix), home)
    gone.tag(3)
    gone.close()
    with locked(gone.folder.lock), locked(other.folder.lock):
        if is_taken:
            sender.add(gone.folder, lambda _: None)
            sender.wait(gone.folder.producer_id, gone.last_frame, 60)
        shutil.rmtree(gone.folder.path)
        if not is_taken:
            sender.add(gone.folder, lambda _: None)
        other.tag(2)
        sender.add(other.folder, lambda _: None)
        sender.wait(other.folder.producer_id, other.last_frame, 60)
        until(lambda: sender.finish({gone.folder.producer_id: 9}, wait_s=0) == 0, what="it is let go")
        sender.close()

    assert set(other.events[Topic.TAGS]) <= set(values(log, Topic.TAGS))
    assert "No such file" not in capsys.readouterr().err


def test_segments_are_trimmed_behind_acknowledgements(log: EventLog, home: Home) -> None:
    """The journal hears how far Kafka has it, and the mark survives the process."""
    writer = Writer(home)
    writer.tag(50)
    marks: list[int] = []
    sender = Sender(settings_for(log.servers, log.prefix), home)
    sender.add(writer.folder, marks.append)

    sender.wait(writer.folder.producer_id, 49, 60)
    sender.close()

    assert marks[-1] == 50
    assert marks == sorted(marks)
    assert read_mark(writer.folder.path / "acked") == 50


def test_an_outbox_goes_on_at_its_mark(log: EventLog, home: Home) -> None:
    """Frames below the stored mark are not sent a second time."""
    writer = Writer(home)
    writer.tag(10)
    writer.close()
    write_mark(writer.folder.path / "acked", 6)

    sync(settings_for(log.servers, log.prefix), home)

    assert values(log, Topic.TAGS) == writer.events[Topic.TAGS][6:]


def test_a_torn_mark_sends_again_rather_than_lose(home: Home) -> None:
    """A mark whose bytes cannot be trusted counts as none."""
    writer = Writer(home)
    write_mark(writer.folder.path / "acked", 5)
    path = writer.folder.path / "acked"
    path.write_bytes(b"\7" + path.read_bytes()[1:])

    assert read_mark(writer.folder.path / "acked") == 0


def test_acknowledgements_in_any_order_move_the_mark_over_whole_prefixes(home: Home) -> None:
    """The mark stands below the first frame that is not acknowledged, whatever came first."""
    writer = Writer(home)
    writer.tag(5)
    outbox = Outbox(writer.folder)
    frames = [frame.frame for frame in outbox.take(1 << 20)]
    marks = []
    for frame in (3, 0, 4, 2, 1):
        outbox.acknowledge([frame])
        marks.append(outbox.acked)

    assert frames == [0, 1, 2, 3, 4]
    assert marks == [0, 1, 1, 1, 5]


def test_rewinding_takes_again_what_was_not_acknowledged(home: Home) -> None:
    """After a lost connection everything above the mark is taken once more."""
    writer = Writer(home)
    writer.tag(6)
    outbox = Outbox(writer.folder)
    outbox.take(1 << 20)
    outbox.acknowledge([0, 1, 4])

    outbox.rewind()

    assert [frame.frame for frame in outbox.take(1 << 20)] == [2, 3, 4, 5]


def test_a_torn_tail_waits_for_its_rest(home: Home) -> None:
    """Half a frame at the end is not sent; when the writer has gone on, it is."""
    writer = Writer(home)
    writer.tag(3)
    path = writer.folder.segment(0)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    outbox = Outbox(writer.folder)

    first = [frame.frame for frame in outbox.take(1 << 20)]
    path.write_bytes(whole)
    second = [frame.frame for frame in outbox.take(1 << 20)]

    assert (first, second) == ([0, 1], [2])


def test_damage_in_the_middle_is_stepped_over_and_kept(
    log: EventLog, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """One flipped bit costs one event: the others are sent, the damaged file stays, and the user is told."""
    writer = Writer(home)
    writer.tag(10)
    writer.close()
    path = writer.folder.segment(0)
    data = bytearray(path.read_bytes())
    data[data.index(writer.events[Topic.TAGS][4])] ^= 1
    path.write_bytes(data)

    done = sync(settings_for(log.servers, log.prefix), home)

    assert done.n_unfinished == 0
    assert values(log, Topic.TAGS) == writer.events[Topic.TAGS][:4] + writer.events[Topic.TAGS][5:]
    assert [entry.name for entry in writer.folder.path.glob("*.damaged")] == ["00000000000000000000.journal.damaged"]
    assert "cannot be sent; the file is kept as *.damaged" in caplog.text


def test_what_is_in_flight_is_bounded(log: EventLog, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka's client takes any amount; the courier hands it no more than the bound before it hears back."""
    monkeypatch.setattr(courier, "IN_FLIGHT_BYTES", 1 << 20)
    monkeypatch.setattr(courier, "_TAKE_BYTES", 1 << 18)
    writer = Writer(home)
    writer.log(100, 60_000)
    care = courier.Courier(settings_for(log.servers, log.prefix))
    care.add(courier.Ward(Outbox(writer.folder)))
    highest = 0

    def all_acked() -> bool:
        nonlocal highest
        care.step(0.05)
        highest = max(highest, care._in_flight_bytes)
        return care.acked(writer.folder.producer_id) == 100

    until(all_acked, every_s=0)
    care.close()

    assert 0 < highest < (1 << 20) + (1 << 18)
    assert values(log, Topic.LOGS) == writer.events[Topic.LOGS]


def test_results_of_a_dropped_link_do_not_count(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an old link says after it was replaced neither moves the mark nor frees room: its frames are sent again."""
    links: list[FakeLink] = []

    def make(*_: object) -> FakeLink:
        links.append(FakeLink())
        return links[-1]

    monkeypatch.setattr(courier, "_link_class", lambda: make)
    writer = Writer(home)
    writer.tag(3)
    care = courier.Courier(settings_for("nowhere:1", "p"))
    care.add(courier.Ward(Outbox(writer.folder)))
    care.step(0)
    first, second, third = (sent.done for sent in links[0].sent)
    first(None)
    second(KafkaTimeoutError("expired"))
    care.step(0)
    acked = care.acked(writer.folder.producer_id)

    def is_sent_again() -> bool:
        care.step(0.01)
        return len(links) == 2 and len(links[1].sent) == 2

    until(is_sent_again, what="the rest is sent again")
    in_flight_bytes = care._in_flight_bytes
    # The old client tells of its last record only now.
    third(None)
    second(None)
    care.step(0)

    assert (acked, care.acked(writer.folder.producer_id)) == (1, 1)
    assert care._in_flight_bytes == in_flight_bytes
    assert [sent.frame for sent in links[1].sent] == [1, 2]
    for sent in links[1].sent:
        sent.done(None)
    care.step(0)
    assert care.acked(writer.folder.producer_id) == 3
    care.close()
    assert [link.is_closed for link in links] == [True, True]


@dataclass(frozen=True, slots=True)
class Handed:
    """One frame that a link was given."""

    frame: int
    done: Callable[[BaseException | None], None]


@dataclass(slots=True)
class FakeLink:
    """Takes everything and answers when the test says so."""

    sent: list[Handed] = field(default_factory=list)
    is_closed: bool = False

    def send(self, topic: Topic, run_id: str, frame: int, value: bytes, done: Callable[..., None]) -> None:
        """Note the frame; the test calls `done`."""
        assert (topic, run_id, value) == (Topic.TAGS, "run", value)
        self.sent.append(Handed(frame, done))

    def close(self) -> None:
        """Note that it was let go of."""
        self.is_closed = True


def test_a_handler_may_add_an_outbox_while_one_is_being_added(home: Home) -> None:
    """`add` waits for no lock: whoever interrupts it in the middle adds its own, and one thread sends both."""
    sender = Sender(settings_for(f"127.0.0.1:{free_port()}", "p"), home)
    before = set(threading.enumerate())
    with sender._is_started:
        sender.add(Writer(home).folder, lambda _: None)
    sender.add(Writer(home).folder, lambda _: None)
    sender.add(Writer(home).folder, lambda _: None)

    senders = [thread for thread in set(threading.enumerate()) - before if thread.name == "runstream-sender"]
    sender.close(30)
    assert len(senders) == 1


def test_waiting_without_a_broker_ends_with_the_cause(home: Home) -> None:
    """flush() against a dead address ends on time, says how many events wait and why; nothing is lost."""
    writer = Writer(home)
    writer.tag(3)
    sender = Sender(settings_for(f"127.0.0.1:{free_port()}", "p"), home)
    sender.add(writer.folder, lambda _: None)
    until(lambda: sender.trouble, what="the trouble is seen")

    with pytest.raises(FlushTimeout, match="nothing listens at that address") as caught:
        sender.wait(writer.folder.producer_id, writer.last_frame, 0.2)

    sender.close()
    assert caught.value.pending == 3
    assert writer.folder.segment(0).exists()


def test_leaving_without_a_broker_says_where_the_rest_lies(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """At exit progress is shown after a second, then where the events lie and which command sends them."""
    writer = Writer(home)
    writer.tag(3)
    sender = Sender(settings_for(f"127.0.0.1:{free_port()}", "p"), home)
    sender.add(writer.folder, lambda _: None)

    left = sender.finish({writer.folder.producer_id: 2}, wait_s=1.5)

    sender.close()
    said = capsys.readouterr().err
    assert left == 3
    assert "waiting for Kafka to acknowledge 3 events" in said
    assert str(home.journal_dir) in said
    assert "runstream sync" in said


def test_leaving_is_silent_when_all_is_acknowledged(
    log: EventLog, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process whose events are in Kafka ends without a word."""
    writer = Writer(home)
    writer.tag(3)
    sender = Sender(settings_for(log.servers, log.prefix), home)
    sender.add(writer.folder, lambda _: None)
    sender.wait(writer.folder.producer_id, 2, 60)

    left = sender.finish({writer.folder.producer_id: 2}, wait_s=30)

    sender.close()
    assert (left, capsys.readouterr().err) == (0, "")


def test_closing_ends_the_thread(log: EventLog, home: Home) -> None:
    """After close() neither our thread nor the client's is left."""
    before = set(threading.enumerate())
    writer = Writer(home)
    writer.tag(3)
    sender = Sender(settings_for(log.servers, log.prefix), home)
    sender.add(writer.folder, lambda _: None)
    sender.wait(writer.folder.producer_id, 2, 60)

    sender.close()

    until(lambda: set(threading.enumerate()) <= before, what="all threads have ended")
    assert set(threading.enumerate()) <= before


FORKING = """
import os
from runstream import Experiment, Workspace
run = Experiment(Workspace(), "fork").start_logging(run_id="forked")
for i in range(1000):
    run.log("parent", i, step=i)
{parent_first}
child = os.fork()
if child == 0:
    for i in range(1000):
        run.log("child", i, step=i)
    run.flush(60)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
for i in range(1000, 2000):
    run.log("parent", i, step=i)
run.complete()
"""


@pytest.mark.parametrize("parent_first", ["run.flush(60)", ""], ids=["connected", "connecting"])
def test_a_forked_child_sends_for_itself(log: EventLog, home: Home, parent_first: str) -> None:
    """A child forked beside a busy sender, or while it is still connecting, sends what it logs; both arrive whole."""
    environment = os.environ | {
        "RUNSTREAM_HOME": str(home.root),
        "RUNSTREAM_BROKERS": log.servers,
        "RUNSTREAM_TOPIC_PREFIX": log.prefix,
    }
    code = FORKING.format(parent_first=parent_first)

    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    sync(settings_for(log.servers, log.prefix), home)

    events = [decode(value) for value in values(log, Topic.METRICS)]
    n_points = dict.fromkeys({event.producer_id for event in events}, 0)
    for event in events:
        assert isinstance(event, MetricEvent)
        n_points[event.producer_id] += event.count
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(n_points.values()) == [1000, 2000]
    assert home.producers() == []
