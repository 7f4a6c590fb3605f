"""How a run ends: the statuses that its user sets, and what is kept of an error."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import replace

from runstream_schemas.events import MAX_TEXT_BYTES, StatusChanged

PREPARING, RUNNING, CANCEL_REQUESTED = "Preparing", "Running", "CancelRequested"
COMPLETED, FAILED, CANCELED = "Completed", "Failed", "Canceled"
TERMINAL = frozenset((COMPLETED, FAILED, CANCELED))

USER_ERROR = "UserError"
MAX_LAST_LINES = 50


def completed() -> StatusChanged:
    """Return the change to Completed."""
    return StatusChanged(COMPLETED)


def canceled(reason: str | None = None) -> StatusChanged:
    """Return the change to Canceled, with the reason if there is one to tell."""
    return StatusChanged(CANCELED, error_message=reason)


def ended_by(error: BaseException) -> StatusChanged:
    """Return the change that an exception calls for where it ends a run: Ctrl-C cancels, every other one fails."""
    change = failed(error, None)
    return replace(change, status=CANCELED, error_code=None) if isinstance(error, KeyboardInterrupt) else change


def failed(error_details: object, error_code: str | None) -> StatusChanged:
    """
    Return the change to Failed with what is known about the error.

    Args:
        error_details: a message, or an exception, of which type, message and traceback are kept.
        error_code: a word that sorts errors, "UserError" unless given.

    Raises:
        TypeError: *error_details* is neither a string nor an exception.
    """
    code = _clipped(USER_ERROR if error_code is None else str(error_code))
    if isinstance(error_details, BaseException):
        # It asks the exception for its text just once, and survives one whose __str__ raises.
        told = traceback.TracebackException.from_exception(error_details)
        kind = type(error_details)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        return StatusChanged(FAILED, _clipped(name), _clipped(str(told)), _clipped("".join(told.format())), code)
    if error_details is not None and not isinstance(error_details, str):
        message = f"fail(error_details) takes a string or an exception, not {type(error_details).__name__}"
        raise TypeError(message)
    return StatusChanged(FAILED, None, None if error_details is None else _clipped(error_details), None, code)


def raised(kind: str, message: str, shown: str, error_code: str) -> StatusChanged:
    """Return the change to Failed for an exception of another process, whose traceback *shown* is."""
    return StatusChanged(FAILED, _clipped(kind), _clipped(message), _clipped(shown), error_code)


def failed_process(message: str, error_code: str, last_lines: Sequence[str]) -> StatusChanged:
    """Return the change to Failed for a process that did not end by an exception, with what it wrote last."""
    shown = "\n".join(last_lines[-MAX_LAST_LINES:])
    return StatusChanged(FAILED, None, _clipped(message), _clipped(shown) or None, error_code)


def is_clean_exit(error: BaseException | None) -> bool:
    """Tell whether a with-statement ended well: without an exception, or by sys.exit() with success."""
    return error is None or (isinstance(error, SystemExit) and error.code in (None, 0))


def _clipped(text: str) -> str:
    """Return *text* as it fits into an event: its end, where a traceback says what happened, and valid Unicode."""
    encoded = text.encode("utf-8", "backslashreplace")
    return encoded[-MAX_TEXT_BYTES:].decode("utf-8", "ignore")
