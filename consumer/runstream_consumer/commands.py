"""Running the consumer as a process: logging first, then the loop, and how it ended."""

from __future__ import annotations

import logging
import sys

import structlog

from runstream_consumer.config import Config
from runstream_consumer.loop import Consumer


def consume(config: Config) -> bool:
    """
    Fold until told to stop.

    Returns:
        Whether it was told to. False: it ended so that a fresh process goes on, and whoever supervises starts one.

    Raises:
        StoreLocked: a consumer of this home runs already.
        SourceError, StoreError: it cannot go on; the message says what to do.
    """
    log_to(config.settings.log_level)
    config.home.ensure()
    consumer = Consumer(config)
    consumer.run()
    return consumer.stopping.is_set()


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
