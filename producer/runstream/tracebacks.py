"""The exception that ended a Python program, found in what it wrote to stderr."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_HEAD: Final = re.compile(r"^( {2}\+ Exception Group )?Traceback \(most recent call last\):[ ]*\n", re.MULTILINE)
_ERROR: Final = re.compile(r"([A-Za-z_][\w.]*)(?:: ?(.*))?")
_COLOR: Final = re.compile(r"\x1b\[[0-9;]*m")
_GROUPED: Final = "  | "
# A SyntaxError of the script itself has no head.
_HEADLESS: Final = re.compile(
    r'^ {2}File ".*", line \d+\n(?: {4}.*\n)*((?:Syntax|Indentation|Tab)Error): (.*)$', re.MULTILINE
)
_LINKS: Final = (
    "\n\nDuring handling of the above exception, another exception occurred:\n\n",
    "\n\nThe above exception was the direct cause of the following exception:\n\n",
)
MAX_LINES_BEHIND: Final = 20
"""More lines than these after the exception's own were written by somebody else: it did not end the program."""


@dataclass(frozen=True, slots=True)
class Told:
    """An exception: its type's name, its message, and its traceback, with those of the exceptions it came from."""

    kind: str
    message: str
    traceback: str


def last(text: str) -> Told | None:
    """Return the exception at the end of *text*, which may be coloured; None when it does not end in one."""
    text = _COLOR.sub("", text)
    heads = list(_HEAD.finditer(text))
    if not heads:
        headless = list(_HEADLESS.finditer(text))
        return _told(text, headless[-1].start(), headless[-1].start(1)) if headless else None
    head = heads.pop()
    start, prefix = head.start(), _GROUPED if head[1] else ""
    line = _error_line(text, head.end(), prefix)
    if line is None:
        return None
    while heads and text[:start].endswith(_LINKS):
        start = heads.pop().start()
    return _told(text, start, line, prefix)


def _error_line(text: str, at: int, prefix: str) -> int | None:
    """Return where the line with the exception begins: the first one behind the frames that is not indented."""
    while at < len(text):
        end = text.find("\n", at)
        line = text[at : len(text) if end < 0 else end]
        told = line.removeprefix(prefix)
        if told and line.startswith(prefix) and not told.startswith((" ", "\t")):
            return at + len(prefix)
        at += len(line) + 1
    return None


def _told(text: str, start: int, line: int, prefix: str = "") -> Told | None:
    first, *behind = text[line:].rstrip().splitlines()
    match = _ERROR.fullmatch(first)
    if match is None or (len(behind) > MAX_LINES_BEHIND and not prefix):
        return None
    # What follows in a group are the exceptions in it; elsewhere it is the rest of the message.
    message = "\n".join([match[2] or "", *([] if prefix else behind)]).strip()
    return Told(match[1], message, text[start:].rstrip() + "\n")
