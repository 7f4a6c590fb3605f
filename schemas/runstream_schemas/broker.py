"""Connecting to a broker: one way for producer and consumer, with the cause told and nothing left behind.

kafka-python reports every failed bootstrap, from a closed port to a wrong password, with the same exception after the
same time; the cause stands only in its log lines. A constructor that fails also leaves a thread and four descriptors.
Producer and consumer never import each other and both connect, so this lives here; it imports no Kafka itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from runstream_schemas.errors import BrokerUnreachable

N_LINES_KEPT: Final = 8
_BACKOFF: Final = re.compile(r" \(backoff [0-9.]+ secs\)$")

#: (text in a log line, what it means), the most telling first
CAUSES: Final[tuple[tuple[str, str], ...]] = (
    ("CERTIFICATE_VERIFY_FAILED", "the broker's certificate is not signed by RUNSTREAM_KAFKA_CA_FILE"),
    ("UNEXPECTED_EOF_WHILE_READING", "the port does not speak TLS; set RUNSTREAM_KAFKA_SECURITY to what it speaks"),
    ("WRONG_VERSION_NUMBER", "the port does not speak TLS; set RUNSTREAM_KAFKA_SECURITY to what it speaks"),
    ("IllegalSaslState", "the port expects no login; set RUNSTREAM_KAFKA_SECURITY to what it speaks"),
    ("UnsupportedSaslMechanism", "the broker does not offer that login; set RUNSTREAM_KAFKA_SASL_MECHANISM"),
    ("SaslAuthenticationFailed", "the broker refused user name or password"),
    ("Invalid frame length", "the port speaks another protocol than Kafka"),
    ("does not support the 'MetadataRequest'", "that is the controller's port; give a broker's"),
    ("DNS lookup failed", "the host name is not known here"),
    ("ECONNREFUSED", "nothing listens at that address"),
    ("RequestTimedOutError", "the address accepts connections and does not answer"),
    ("socket disconnected", "the broker closed the connection: a wrong password or a wrong security protocol looks so"),
)


class _Ear(logging.Handler):
    """Keeps the newest distinct messages."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note one record; never let a broken message end the caller's work."""
        try:
            line = record.getMessage()
        except (TypeError, ValueError):
            line = str(record.msg)
        line = _BACKOFF.sub("", line)
        if line not in self.lines and "not ready; waiting" not in line:
            self.lines = [*self.lines, line][-N_LINES_KEPT:]


def connect(client: Callable[..., Any], options: Mapping[str, Any], failure: type[Exception]) -> Any:
    """Construct a client of kafka-python; blocks for at most `bootstrap_timeout_ms`.

    Args:
        client: `KafkaProducer`, `KafkaConsumer` or `KafkaAdminClient`.
        options: its keyword arguments.
        failure: `kafka.errors.KafkaError`.

    Raises:
        BrokerUnreachable: no broker answered; carries the likely cause and the client's last log lines.
    """
    quiet()
    made: list[Any] = []
    network = client.DEFAULT_CONFIG["kafka_client"]  # type: ignore[attr-defined]

    def remember(**settings: Any) -> Any:
        made.append(network(**settings))
        return made[0]

    with _overheard() as ear:
        try:
            return client(**options, kafka_client=remember)
        except BaseException as error:
            for part in made:
                part.close()
            if isinstance(error, failure):
                raise BrokerUnreachable(brokers_of(options), explained(ear.lines or [str(error)])) from error
            raise


def force_close(producer: Any, failure: type[Exception], timeout_s: float = 1.0) -> None:
    """Close a `KafkaProducer` now, with the broker there or away; what was not acknowledged fails.

    Its own `close()` closes nothing at all while the broker is away, and its finaliser would then wait and complain.
    """
    thread = getattr(producer, "_sender", None)
    if thread is not None:
        thread.force_close()
        thread.join(timeout_s)
    try:
        producer.close(timeout_s)
    except failure:
        producer._closed = True


def brokers_of(options: Mapping[str, Any]) -> str:
    """The addresses in a client's options, as the user wrote them."""
    servers = options.get("bootstrap_servers", "")
    return servers if isinstance(servers, str) else ",".join(servers)


@contextmanager
def _overheard() -> Iterator[_Ear]:
    logger = logging.getLogger("kafka")
    ear = _Ear()
    logger.addHandler(ear)
    try:
        yield ear
    finally:
        logger.removeHandler(ear)


def explained(lines: Sequence[str]) -> tuple[str, ...]:
    """The likely cause, where one is known, and the last log line; else all lines."""
    text = "\n".join(lines)
    likely = next((meaning for mark, meaning in CAUSES if mark in text), None)
    return tuple(lines) if likely is None else (likely, lines[-1])


def quiet() -> None:
    """Keep the client's lines off the user's terminal where the program has set up no logging."""
    logger = logging.getLogger("kafka")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
