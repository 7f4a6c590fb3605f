"""Every RUNSTREAM_* variable in one table: name, default, how it is read, what it does."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runstream_schemas.errors import ConfigError

PREFIX = "RUNSTREAM_"

MAX_SNAPSHOT_BYTES = 2 * 1024**3
"""Of all files together: a forged list must not have a reader fill its disk."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: `field` names it in Settings, `parse` reads its text (a ValueError says what is wrong with it)."""

    name: str
    field: str
    default: str
    parse: Callable[[str], object]
    doc: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The parsed environment. Where a field is None, the variable is not set."""

    home: Path
    brokers: str | None
    server: str | None
    token_file: Path | None
    journal_bytes: int | None
    exit_wait_s: float
    read_wait_s: float
    sql_timeout_s: float
    topic_prefix: str
    artifacts: str | None
    capture: frozenset[str]
    kafka_security: str
    kafka_sasl_mechanism: str | None
    kafka_username: str | None
    kafka_password_file: Path | None
    kafka_ca_file: Path | None
    log_level: str
    run_id: str | None
    workspace: str
    experiment: str | None
    snapshot_files: int
    snapshot_bytes: int
    cancel_wait_s: float
    keep_code: bool
    failpoint: str | None

    def kafka_options(self) -> dict[str, object]:
        """The keyword arguments that every kafka-python client gets.

        Raises:
            ConfigError: the password file cannot be read.
        """
        options: dict[str, object] = {
            "bootstrap_servers": (self.brokers or "").split(","),
            "security_protocol": self.kafka_security,
            # The client's own defaults cost ten seconds of silence after an outage.
            "reconnect_backoff_max_ms": 1000,
            "bootstrap_timeout_ms": 5000,
        }
        if self.kafka_ca_file is not None:
            options["ssl_cafile"] = str(self.kafka_ca_file)
        if self.kafka_sasl_mechanism is not None:
            options["sasl_mechanism"] = self.kafka_sasl_mechanism
            options["sasl_plain_username"] = self.kafka_username
            options["sasl_plain_password"] = self._password()
        return options

    def _password(self) -> str | None:
        if self.kafka_password_file is None:
            return None
        try:
            return self.kafka_password_file.read_text(encoding="utf-8").strip()
        except OSError as e:
            raise ConfigError(
                "RUNSTREAM_KAFKA_PASSWORD_FILE", str(self.kafka_password_file), f"cannot be read ({e.strerror})"
            ) from e


def _optional(parse: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: parse(text) if text else None


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.upper() not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return text.upper()

    return parse


def _path(text: str) -> Path:
    path = Path(text).expanduser()
    return path if path.is_absolute() else Path.cwd() / path


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("is no number of seconds") from None
    if not 0 <= seconds < float("inf"):
        raise ValueError("is no number of seconds from 0 on")
    return seconds


def _size(text: str) -> int:
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
    number, unit = (text[:-1], units[text[-1].lower()]) if text[-1:].lower() in units else (text, 1)
    if not number.isdecimal() or not int(number):
        raise ValueError("is no size: give bytes, or a number with K, M, G or T")
    return int(number) * unit


def _snapshot_size(text: str) -> int:
    size_bytes = _size(text)
    if size_bytes > MAX_SNAPSHOT_BYTES:
        raise ValueError(f"is more than {MAX_SNAPSHOT_BYTES >> 30}G, the most that a snapshot is restored from")
    return size_bytes


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ValueError("is no number from 1 on")
    return int(text)


def _switch(text: str) -> bool:
    switches = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
    if text.lower() not in switches:
        raise ValueError("is neither yes nor no")
    return switches[text.lower()]


def _hosts(text: str) -> str:
    for host in text.split(","):
        _host(host.strip())
    return ",".join(host.strip() for host in text.split(","))


def _host(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not host:port")
    return text


def _parts(text: str) -> frozenset[str]:
    asked = frozenset(part for part in (part.strip().lower() for part in text.split(",")) if part)
    if asked <= {"all", "none"} and len(asked) == 1:
        return frozenset(CAPTURED) if asked == {"all"} else frozenset()
    if not asked <= frozenset(CAPTURED):
        raise ValueError(f"is neither all nor none nor a list of {', '.join(CAPTURED)}")
    return asked


def _prefix(text: str) -> str:
    if not text.replace("-", "").replace("_", "").replace(".", "").isalnum() or len(text) > 100 or not text.isascii():
        raise ValueError("is no topic prefix: use up to 100 letters, digits, '.', '_' and '-'")
    return text


CAPTURED = ("outputs", "logs", "console", "git", "host")
"""What a run keeps without being asked."""

SETTINGS: tuple[Setting, ...] = (
    Setting("RUNSTREAM_HOME", "home", "~/.runstream", _path, "folder of journals, history, artifacts and token"),
    Setting("RUNSTREAM_BROKERS", "brokers", "", _optional(_hosts), "Kafka brokers host:port,...; unset = embedded"),
    Setting("RUNSTREAM_SERVER", "server", "", _optional(_host), "host:port of the consumer that serves the history"),
    Setting("RUNSTREAM_TOKEN_FILE", "token_file", "", _optional(_path), "file with that server's token"),
    Setting("RUNSTREAM_JOURNAL_BYTES", "journal_bytes", "", _optional(_size), "quota of the home's outboxes: 10G"),
    Setting(
        "RUNSTREAM_EXIT_WAIT", "exit_wait_s", "10", _seconds, "seconds a process waits for acknowledgements at exit"
    ),
    Setting("RUNSTREAM_READ_WAIT", "read_wait_s", "30", _seconds, "seconds a read waits for what this process logged"),
    Setting("RUNSTREAM_SQL_TIMEOUT", "sql_timeout_s", "60", _seconds, "seconds a statement on the SQL page may take"),
    Setting("RUNSTREAM_TOPIC_PREFIX", "topic_prefix", "runstream", _prefix, "first part of the Kafka topics' names"),
    Setting(
        "RUNSTREAM_ARTIFACTS", "artifacts", "", _optional(str), "folder or fsspec URI of files; unset = in the home"
    ),
    Setting(
        "RUNSTREAM_CAPTURE",
        "capture",
        "all",
        _parts,
        "what runs keep by themselves: all, none, or a list of outputs, logs, console, git, host",
    ),
    Setting(
        "RUNSTREAM_KAFKA_SECURITY",
        "kafka_security",
        "PLAINTEXT",
        _one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "security protocol of the brokers",
    ),
    Setting(
        "RUNSTREAM_KAFKA_SASL_MECHANISM",
        "kafka_sasl_mechanism",
        "",
        _optional(_one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")),
        "how to log in at the brokers",
    ),
    Setting("RUNSTREAM_KAFKA_USERNAME", "kafka_username", "", _optional(str), "user at the brokers"),
    Setting("RUNSTREAM_KAFKA_PASSWORD_FILE", "kafka_password_file", "", _optional(_path), "file with that password"),
    Setting("RUNSTREAM_KAFKA_CA_FILE", "kafka_ca_file", "", _optional(_path), "certificates that sign the brokers'"),
    Setting("RUNSTREAM_LOG_LEVEL", "log_level", "INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR"), "what is logged"),
    Setting("RUNSTREAM_RUN_ID", "run_id", "", _optional(str), "set for submitted scripts: the run that they belong to"),
    Setting("RUNSTREAM_WORKSPACE", "workspace", "default", str, "the workspace of that run, or of Run.get_context()'s"),
    Setting(
        "RUNSTREAM_EXPERIMENT", "experiment", "", _optional(str), "the experiment of it; unset = the script's name"
    ),
    Setting("RUNSTREAM_SNAPSHOT_FILES", "snapshot_files", "2000", _count, "most files that a snapshot may have"),
    Setting("RUNSTREAM_SNAPSHOT_BYTES", "snapshot_bytes", "300M", _snapshot_size, "most bytes of a snapshot, up to 2G"),
    Setting("RUNSTREAM_CANCEL_WAIT", "cancel_wait_s", "10", _seconds, "seconds a canceled script may take to end"),
    Setting("RUNSTREAM_KEEP_CODE", "keep_code", "no", _switch, "yes: copies of submitted code outlive their runs"),
    Setting("RUNSTREAM_FAILPOINT", "failpoint", "", _optional(str), "tests: name:n kills the process at the n-th pass"),
)

TEST_PREFIX = "RUNSTREAM_TEST_"
"""Variables that only the tests read."""


def parse(environ: Mapping[str, str]) -> Settings:
    """Read the table's variables out of `environ`; empty counts as not set.

    Raises:
        ConfigError: a value cannot be used.
    """
    values: dict[str, object] = {}
    for setting in SETTINGS:
        text = environ.get(setting.name) or setting.default
        try:
            values[setting.field] = setting.parse(text)
        except ValueError as e:
            raise ConfigError(setting.name, text, str(e)) from None
    return Settings(**values)  # type: ignore[arg-type]


def unknown(environ: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """The RUNSTREAM_* variables that nothing reads, each with the nearest valid name."""
    names = {setting.name.removeprefix(PREFIX): setting.name for setting in SETTINGS}
    strangers = [
        name
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in names.values() and not name.startswith(TEST_PREFIX)
    ]
    # Compared without the prefix, which would make everything alike.
    nearest = [difflib.get_close_matches(name.removeprefix(PREFIX), names, 1, 0.6) for name in strangers]
    return [(name, names[near[0]] if near else None) for name, near in zip(strangers, nearest, strict=True)]
