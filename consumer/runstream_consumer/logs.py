"""Where log lines go when the consumer's code runs inside somebody else's program."""

import structlog


def as_library() -> None:
    """
    Hand log lines to the standard `logging`, logger by module, unless the program has configured structlog itself.

    structlog's own default prints to standard output, which is not a library's to write to.
    """
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.processors.format_exc_info,
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )
