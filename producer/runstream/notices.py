"""What the library tells its user through logging: each cause once a process."""

from __future__ import annotations

import logging
from collections.abc import Hashable

_logger = logging.getLogger("runstream")
_told: set[Hashable] = set()


def once(cause: Hashable, message: str, *arguments: object) -> None:
    """Log a warning unless the same *cause* was told before; *message* is a %-format over *arguments*."""
    if cause not in _told:
        _told.add(cause)
        _logger.warning(message, *arguments)
