"""Running the consumer as a process: logging first, then the loop, and how it ended."""

from __future__ import annotations

import logging
import signal
import sys
import threading

import structlog

from runstream_consumer.config import Config
from runstream_consumer.loop import Consumer
from runstream_consumer.memory import keep_memory
from runstream_schemas.errors import BrokerUnreachable

PAUSE_S = 1.0
"""Between two tries to reach a broker; each takes up to five seconds itself."""

_log = structlog.get_logger(__name__)


def consume(config: Config) -> bool:
    """
    Fold until told to stop; a broker that is away at the start is waited for.

    Returns:
        Whether it was told to. False: it ended so that a fresh process goes on, and whoever supervises starts one.

    Raises:
        StoreLocked: a consumer of this home runs already.
        SourceError, StoreError: it cannot go on; the message says what to do.
    """
    log_to(config.settings.log_level)
    keep_memory()
    config.home.ensure()
    while True:
        consumer = Consumer(config)
        try:
            consumer.run()
        except BrokerUnreachable as error:
            if not error.retriable:
                raise
            _log.warning("waiting for the broker", brokers=error.brokers, cause=str(error))
            if consumer.stopping.is_set() or _is_told_to_stop(PAUSE_S):
                return True
            continue
        return consumer.stopping.is_set()


def _is_told_to_stop(within_s: float) -> bool:
    """Wait, and say whether SIGTERM or SIGINT came; a running consumer looks after these itself."""
    if threading.current_thread() is not threading.main_thread():
        threading.Event().wait(within_s)
        return False
    told = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: told.set()) for number in numbers]
    try:
        return told.wait(within_s)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def log_to(level: str) -> None:
    """Write structured lines to standard error: coloured for a terminal, JSON for whatever collects them."""
    is_terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=not is_terminal),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
