"""Printed text, cut into the lines that log events hold."""

from __future__ import annotations

from collections.abc import Iterator

MAX_PIECE_CHARACTERS = 16_000
"""Of one event's text, at most 64,000 bytes of UTF-8; a longer line is cut into several."""


class Lines:
    """
    One stream's text, fed as it comes, taken as whole lines.

    A carriage return starts its line anew, as on a terminal: of a progress bar the last state stays.

    Attributes:
        n_taken: lines that were taken so far.
    """

    __slots__ = ("_rest", "n_taken")

    def __init__(self) -> None:
        self._rest = ""
        self.n_taken = 0

    def feed(self, text: str) -> Iterator[tuple[int, str]]:
        """Add *text*; yield (number of the first line, lines with their ends) for what is whole."""
        whole, end, rest = (self._rest + text).rpartition("\n")
        # What is overwritten need not be kept, however long the bar runs; a last "\r" may be half of a line end.
        self._rest = rest[rest.rfind("\r", 0, -1) + 1 :]
        if len(self._rest) > MAX_PIECE_CHARACTERS:
            whole, end, self._rest = f"{whole}{end}{self._rest}", "\n", ""
        if end:
            yield from self._pieces(whole)

    def finish(self) -> Iterator[tuple[int, str]]:
        """Yield what is left when the stream ends without a line end."""
        rest, self._rest = self._rest, ""
        if rest:
            yield from self._pieces(rest)

    def _pieces(self, text: str) -> Iterator[tuple[int, str]]:
        """Cut lines into pieces that fit one event."""
        first, piece = self.n_taken, ""
        for line in _cut(text):
            if piece and len(piece) + len(line) > MAX_PIECE_CHARACTERS:
                yield first, piece
                first, piece = self.n_taken, ""
            piece += line
            self.n_taken += 1
        yield first, piece


def _cut(text: str) -> Iterator[str]:
    """Yield each line as it ends up on the screen, cut where it is too long, and ended."""
    for line in text.split("\n"):
        shown = _shown(line)
        for start in range(0, max(1, len(shown)), MAX_PIECE_CHARACTERS - 1):
            yield f"{shown[start : start + MAX_PIECE_CHARACTERS - 1]}\n"


def _shown(line: str) -> str:
    """Return what stays of a line after its carriage returns."""
    line = line.removesuffix("\r")
    return line[line.rfind("\r") + 1 :]
