"""
What runs printed, as a page may show it: the newest lines, without anything that a terminal would obey. Pure.

Colours of terminals are dropped; every other sign that is not seen, or changes what is seen, is written out:
^G, or its number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final

from runstream_consumer.history import FoundLines, LogPage, LogStream
from runstream_dashboard import formats

MAX_LINES: Final = 400
# A page of lines stays small enough to be sent at every tick; the download has every character.
MAX_LINE_CHARACTERS: Final = 2_000
MAX_CHARACTERS: Final = 200_000
# What styles text or moves the cursor (CSI), sets a title (OSC), or selects a character set.
_TERMINAL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]")
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class Tail:
    """
    The newest lines of one stream, without their ends.

    Attributes:
        cursor: how far was read.
    """

    lines: tuple[str, ...] = ()
    cursor: dict[str, int] = field(default_factory=dict)

    def grown(self, page: LogPage) -> Tail:
        """Return the tail with a further page of the stream."""
        if not page.pieces:
            return self
        fresh = [line for piece in page.pieces for line in piece.text.removesuffix("\n").split("\n")]
        return Tail((*self.lines, *fresh)[-MAX_LINES:], dict(page.cursor))

    def text(self) -> str:
        """Return the lines as a page shows them; where they are too much for one, the newest."""
        return _joined([shown(line) for line in self.lines])


def shown(line: str) -> str:
    """Return one line without what a terminal would obey, and cut where it is endless."""
    plain = _TERMINAL.sub("", line[: 4 * MAX_LINE_CHARACTERS])
    rest = len(line) - MAX_LINE_CHARACTERS
    cut = f" … {rest:,} characters more" if rest > 0 else ""
    return _HIDDEN.sub(_pictured, plain[:MAX_LINE_CHARACTERS]) + cut


def _pictured(match: re.Match[str]) -> str:
    code = ord(match[0])
    # As terminals write them: ^G is a bell, ^[ an escape, ^? a delete.
    return f"^{chr(code ^ 0x40)}" if code < 0x20 or code == 0x7F else f"⟨U+{code:04X}⟩"


def _joined(lines: Sequence[str]) -> str:
    """Return lines as one text of at most MAX_CHARACTERS, the newest."""
    kept, n = 0, 0
    for line in reversed(lines):
        n += len(line) + 1
        if n > MAX_CHARACTERS:
            break
        kept += 1
    return "\n".join(lines[len(lines) - kept :])


def found_text(found: FoundLines) -> str:
    """Return lines that were found, each after its number, from 1."""
    width = max((len(str(line.number + 1)) for line in found.lines), default=1)
    return _joined([f"{line.number + 1:>{width}}  {shown(line.text)}" for line in found.lines])


def found_summary(found: FoundLines, wanted: str) -> str:
    """Return how many lines were found."""
    if not found.n:
        return f"No line holds “{wanted}”."
    n = f"{formats.count(found.n)} line{' holds' if found.n == 1 else 's hold'} “{wanted}”"
    return n if len(found.lines) == found.n else f"{n} · the newest {formats.count(len(found.lines))} shown"


def summary(stream: LogStream, zone: tzinfo | None = None) -> str:
    """Return how much of a stream there is, and how much of it is shown."""
    n = f"{formats.count(stream.n_lines)} line{'' if stream.n_lines == 1 else 's'}"
    more = f" · the newest {MAX_LINES} shown" if stream.n_lines > MAX_LINES else ""
    return f"{n}{more} · last written {formats.moment(stream.last_at, zone)}"


def ordered(streams: Sequence[LogStream]) -> list[LogStream]:
    """Return streams as they are offered: stdout, stderr, what prepared the run, then files by name."""
    first = {"stdout": 0, "stderr": 1, "environment": 2}
    return sorted(streams, key=lambda stream: (first.get(stream.name, 3), stream.name))
