"""A real Apache Kafka broker for tests: one KRaft node in one JVM, from Maven artifacts.

The fixture `broker` is one for each process that runs tests (or the one named by RUNSTREAM_TEST_BROKERS), shared:
tests keep apart by `topic_prefix`. The fixture `own_broker` is one that a test may kill, restart and reconfigure.
Jars, a formatted data folder and a class-data archive are cached below ~/.cache/runstream-test, outside the repository.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from kafka.admin import ConfigResource, KafkaAdminClient
from kafka.errors import KafkaError

from tests.waiting import until

HERE = Path(__file__).parent / "kafka"
CACHE = Path(os.environ.get("RUNSTREAM_TEST_CACHE", "~/.cache/runstream-test")).expanduser()
CLUSTER_ID = "RdyFZVYNQ-WTnJ1jIcAVuA"
JVM_FLAGS = [
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
]
START_TIMEOUT_S = 90.0


class BrokerUnavailableError(RuntimeError):
    """The real broker cannot run on this machine; the message names what is missing."""


class Broker:
    """One broker process with its own ports and data folder.

    Attributes:
        servers: the address for clients, "127.0.0.1:PORT".
        folder: its data and log files; gone after `close()`.
    """

    def __init__(self, folder: Path, properties: Mapping[str, str]) -> None:
        self.folder = folder
        self.port, self._controller_port = free_port(), free_port()
        self.servers = f"127.0.0.1:{self.port}"
        self._properties = dict(properties)
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start_new(cls, properties: Mapping[str, str] | None = None) -> Broker:
        """Start a broker of its own; `properties` are added to tests/kafka/server.properties.

        Raises:
            BrokerUnavailableError: Java, Maven or the artifacts are missing, or the process died.
        """
        formatted = prepare()
        folder = Path(tempfile.mkdtemp(prefix="runstream-broker-"))
        shutil.copytree(formatted, folder / "data")
        broker = cls(folder, properties or {})
        atexit.register(broker.close)
        broker.start()
        return broker

    def start(self) -> None:
        """Start the process (again), on the same ports and data, and wait until it answers."""
        write_properties(self.folder, self.port, self._controller_port, self._properties)
        self._process = launch(self.folder, archive_flags())
        until(self._answers, timeout_s=START_TIMEOUT_S, what="the broker answers")

    def kill(self) -> None:
        """SIGKILL: what a crash leaves behind."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait until the process has ended."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Start again after `kill()` or `stop()`; a running broker is stopped first."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End the process and remove its folder."""
        self._end(signal.SIGKILL)
        atexit.unregister(self.close)
        shutil.rmtree(self.folder, ignore_errors=True)

    def config(self, topic: str, settings: Mapping[str, str]) -> None:
        """Change settings of a topic while the broker runs."""
        change_config(self.servers, topic, settings)

    def log_folder(self, topic: str, partition: int) -> Path:
        """The folder with the segments of one partition; touch it only while the broker is down."""
        return self.folder / "data" / f"{topic}-{partition}"

    def log_tail(self, n_lines: int = 30) -> str:
        """The last lines that the broker wrote to standard error."""
        path = self.folder / "stderr.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-n_lines:]) if path.exists() else ""

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise BrokerUnavailableError(f"the broker process ended while starting:\n{self.log_tail()}")
        return answers(self.servers)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(timeout=30)
        self._process = None


class GivenBroker:
    """A broker that somebody else runs (RUNSTREAM_TEST_BROKERS): used, never stopped."""

    def __init__(self, servers: str) -> None:
        self.servers = servers

    def config(self, topic: str, settings: Mapping[str, str]) -> None:
        """Change settings of a topic while the broker runs."""
        change_config(self.servers, topic, settings)


@functools.cache
def shared_broker() -> Broker | GivenBroker:
    """The broker of this test session, started at the first call; tests keep apart by topic prefix."""
    given = os.environ.get("RUNSTREAM_TEST_BROKERS")
    return GivenBroker(given) if given else Broker.start_new()


def new_prefix() -> str:
    """A topic prefix that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}"


@contextlib.contextmanager
def admin(servers: str, **options: object) -> Iterator[KafkaAdminClient]:
    """An admin client for one use: one that lived through a restart raises at its next call."""
    client = KafkaAdminClient(
        bootstrap_servers=servers, bootstrap_timeout_ms=5000, reconnect_backoff_max_ms=1000, **options
    )
    try:
        yield client
    finally:
        client.close()


def change_config(servers: str, topic: str, settings: Mapping[str, str]) -> None:
    """Change settings of a topic, and wait until the broker shows them: it says yes a little earlier."""
    wanted = ConfigResource("TOPIC", topic, dict.fromkeys(settings))
    with admin(servers) as client:
        client.alter_configs([ConfigResource("TOPIC", topic, dict(settings))])

        def is_shown() -> bool:
            rows = client.describe_configs([wanted], config_filter="all")["topic"][topic]
            return all(rows[name]["value"] == value for name, value in settings.items())

        until(is_shown, what=f"the new settings of {topic} hold")


def answers(servers: str) -> bool:
    """Whether a broker there can describe its cluster."""
    try:
        client = KafkaAdminClient(bootstrap_servers=servers, bootstrap_timeout_ms=1000, reconnect_backoff_max_ms=200)
    except KafkaError:
        return False
    try:
        return bool(client.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        client.close()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def write_properties(folder: Path, port: int, controller_port: int, added: Mapping[str, str]) -> None:
    """Fill in tests/kafka/server.properties for one broker."""
    # What is added may use the marks, and of two lines with one key the later holds.
    text = (HERE / "server.properties").read_text() + "".join(f"{key}={value}\n" for key, value in added.items())
    for mark, value in (("@PORT@", port), ("@CONTROLLER_PORT@", controller_port), ("@LOG_DIR@", folder / "data")):
        text = text.replace(mark, str(value))
    (folder / "server.properties").write_text(text)


def launch(folder: Path, flags: list[str]) -> subprocess.Popen[bytes]:
    """Start the JVM in a session of its own, so that a Ctrl-C on the tests does not reach it first."""
    with open(folder / "stderr.log", "ab") as errors:
        return subprocess.Popen(
            [*java(), *flags, "-cp", f"{CACHE / 'lib'}/*", "kafka.Kafka", str(folder / "server.properties")],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def prepare() -> Path:
    """Fill the cache where needed: jars, class-data archive, formatted data folder (which is returned)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        # Two test sessions on one machine must not fill the cache at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetch_jars()
        formatted = CACHE / f"formatted-{cache_key()}"
        if not formatted.exists():
            format_folder(formatted)
        if not archive_path().exists():
            write_archive(formatted)
    return formatted


def fetch_jars() -> None:
    """Resolve the class path with Maven unless the cached jars verify against SHA256SUMS.

    Raises:
        BrokerUnavailableError: Maven is missing or fails, or what it brought does not verify.
    """
    lib = CACHE / "lib"
    if not damaged_jars(lib):
        return
    if shutil.which("mvn") is None:
        raise BrokerUnavailableError("Maven is missing: install the package 'maven' (apt-get install maven)")
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={lib}"]
    done = run("mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), *goal)
    if done.returncode != 0:
        raise BrokerUnavailableError(f"Maven could not fetch the broker:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if damaged := damaged_jars(lib):
        raise BrokerUnavailableError(f"these jars do not match tests/kafka/SHA256SUMS: {', '.join(damaged)}")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and keep what it says."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def damaged_jars(lib: Path) -> list[str]:
    """Names of jars that are missing or differ from the committed list."""
    lines = (HERE / "SHA256SUMS").read_text().splitlines()
    wanted = {name: digest for digest, name in (line.split() for line in lines)}
    return [name for name, digest in wanted.items() if file_digest(lib / name) != digest]


def file_digest(path: Path) -> str:
    """The sha256 of a file in hex, "" where there is none."""
    if not path.exists():
        return ""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


@functools.cache
def java() -> list[str]:
    """The command that starts the JVM with the flags of every start.

    Raises:
        BrokerUnavailableError: no Java 17 or later.
    """
    found = shutil.which("java")
    if found is None:
        raise BrokerUnavailableError(
            "Java is missing: install a Java 17 runtime (apt-get install openjdk-17-jre-headless)"
        )
    return [found, *JVM_FLAGS]


@functools.cache
def cache_key() -> str:
    """Archive and format hold for one JVM build and one list of jars."""
    version = run(java()[0], "-version").stderr
    return hashlib.sha256(version.encode() + (HERE / "SHA256SUMS").read_bytes()).hexdigest()[:12]


def archive_path() -> Path:
    """The class-data archive: it halves the start."""
    return CACHE / f"kafka-{cache_key()}.jsa"


def archive_flags() -> list[str]:
    """Use the archive where there is one; a missing file would only make the start slower."""
    return [f"-XX:SharedArchiveFile={archive_path()}"] if archive_path().exists() else []


def format_folder(target: Path) -> None:
    """Format a data folder once; brokers start on copies of it."""
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        write_properties(folder, free_port(), free_port(), {})
        tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID]
        done = run(*java(), "-cp", f"{CACHE / 'lib'}/*", *tool, "-c", str(folder / "server.properties"))
        if done.returncode != 0:
            raise BrokerUnavailableError(
                f"formatting the broker's folder failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}"
            )
        os.rename(folder / "data", target)


def write_archive(formatted: Path) -> None:
    """Start a broker once to record the classes that it loads."""
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        shutil.copytree(formatted, folder / "data")
        port = free_port()
        write_properties(folder, port, free_port(), {})
        written = folder / "kafka.jsa"
        process = launch(folder, [f"-XX:ArchiveClassesAtExit={written}"])
        until(lambda: answers(f"127.0.0.1:{port}"), timeout_s=START_TIMEOUT_S, what="the recording broker answers")
        process.terminate()
        process.wait(timeout=60)
        if written.exists():
            os.rename(written, archive_path())


@pytest.fixture(scope="session")
def broker() -> Broker | GivenBroker:
    """Give the broker that all tests of the session share; nobody stops it before the end."""
    return shared_broker()


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """Give a fresh broker that this test alone uses and may break."""
    own = Broker.start_new()
    yield own
    own.close()


@pytest.fixture
def topic_prefix(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a topic prefix that no other test uses, and set it in the environment."""
    prefix = new_prefix()
    monkeypatch.setenv("RUNSTREAM_TOPIC_PREFIX", prefix)
    return prefix
