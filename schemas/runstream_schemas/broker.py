"""Connecting to a broker: one way for producer and consumer, with the cause told and nothing left behind.

kafka-python reports every failed bootstrap, from a closed port to a wrong password, with the same exception after the
same time; the cause stands only in its log lines. A constructor that fails also leaves a thread and four descriptors.
Producer and consumer never import each other and both connect, so this lives here; it imports no Kafka itself.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from runstream_schemas.errors import BrokerMismatch, BrokerUnreachable

N_LINES_KEPT: Final = 8
#: what differs from try to try: without it the lines of ten tries are those of one, and the telling one stays
_VARYING: Final = re.compile(r" \(backoff [0-9.]+ secs\)$|<-[0-9]+(?=\])")

_CHECK_LOGIN: Final = "check RUNSTREAM_KAFKA_USERNAME and RUNSTREAM_KAFKA_PASSWORD_FILE"

#: (text in a log line, what it means), the most telling first: these come from a setting, and waiting does not help
MISTAKES: Final[tuple[tuple[str, str], ...]] = (
    ("CERTIFICATE_VERIFY_FAILED", "the broker's certificate is not signed by RUNSTREAM_KAFKA_CA_FILE"),
    ("UNEXPECTED_EOF_WHILE_READING", "the port does not speak TLS; set RUNSTREAM_KAFKA_SECURITY to what it speaks"),
    ("WRONG_VERSION_NUMBER", "the port does not speak TLS; set RUNSTREAM_KAFKA_SECURITY to what it speaks"),
    ("IllegalSaslState", "the port expects no login; set RUNSTREAM_KAFKA_SECURITY to what it speaks"),
    ("UnsupportedSaslMechanism", "the broker does not offer that login; set RUNSTREAM_KAFKA_SASL_MECHANISM"),
    ("SaslAuthenticationFailed", f"the broker refused the login; {_CHECK_LOGIN}"),
    ("Invalid frame length", "the port speaks another protocol than Kafka"),
    ("does not support the 'MetadataRequest'", "that is the controller's port; give a broker's"),
)

#: the same of what may pass
TROUBLES: Final[tuple[tuple[str, str], ...]] = (
    ("DNS lookup failed", "the host name is not known here"),
    ("ECONNREFUSED", "nothing listens at that address"),
    ("socket disconnected", "the broker closed the connection: a wrong RUNSTREAM_KAFKA_SECURITY looks so"),
    ("RequestTimedOutError", "the address accepts connections and does not answer"),
)


class _Ear(logging.Handler):
    """Keeps the newest distinct messages of the client that is made while it listens.

    Each client logs in a thread of its own: what threads say that ran before is another client's trouble.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        # The threads, not their numbers, which the system gives again.
        self._others = {*threading.enumerate()} - {threading.current_thread()}

    def emit(self, record: logging.LogRecord) -> None:
        """Note one record; never let a broken message end the caller's work."""
        if threading.current_thread() in self._others:
            return
        try:
            line = record.getMessage()
        except (TypeError, ValueError):
            line = str(record.msg)
        line = _VARYING.sub("", line)
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
        BrokerMismatch: one answered that these settings do not fit.
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
                raise explained(options, ear.lines or [str(error)]) from error
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


def explained(options: Mapping[str, Any], lines: Sequence[str]) -> BrokerUnreachable:
    """The error behind a client's log lines: the likely cause, where one is known, and the last line; else all."""
    text = "\n".join(lines)
    likely = next((meaning for mark, meaning in (*MISTAKES, *TROUBLES) if mark in text), None)
    # The client overlooks a refusal that comes together with the end of the connection, as it often does.
    if "sasl_mechanism" in options and likely == dict(TROUBLES)["socket disconnected"]:
        likely = (
            f"the broker closed the connection during the login; {_CHECK_LOGIN} (RUNSTREAM_KAFKA_SASL_MECHANISM, too)"
        )
    told = tuple(lines) if likely is None else (likely, lines[-1])
    # A broker that goes down in the middle of a handshake looks like one that speaks another protocol.
    is_mistaken = likely in dict(MISTAKES).values() and "ECONNREFUSED" not in text
    return (BrokerMismatch if is_mistaken else BrokerUnreachable)(brokers_of(options), told)


def quiet() -> None:
    """Keep the client's lines off the user's terminal where the program has set up no logging."""
    logger = logging.getLogger("kafka")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
