"""What the library tells its user through logging: each cause once a process."""

from __future__ import annotations

from collections.abc import Hashable

_told: set[Hashable] = set()


def once(cause: Hashable, message: str, *arguments: object) -> None:
    """Log a warning unless the same *cause* was told before; *message* is a %-format over *arguments*."""
    if cause not in _told:
        # Imported at the first warning: most runs have none, and `import runstream` shall be quick.
        import logging

        _told.add(cause)
        logging.getLogger("runstream").warning(message, *arguments)
