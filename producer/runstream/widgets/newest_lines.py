"""The newest lines that a run printed, of each stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from runstream_consumer.history import History, LogStream

MAX_LINES: Final = 200
MAX_LINE_CHARACTERS: Final = 2_000
MAX_STREAMS: Final = 12
_MAX_PIECES: Final = 200


@dataclass(slots=True)
class Lines:
    """
    The end of one stream.

    Attributes:
        name: of the stream.
        n_lines: how many it has in all.
        n_seen: how many of them have been among `newest` so far.
        newest: the last ones, without their ends.
    """

    name: str
    n_lines: int = 0
    n_seen: int = 0
    newest: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_LINES))

    def add(self, text: str) -> None:
        """Add whole lines."""
        for line in text.removesuffix("\n").split("\n"):
            # What a progress bar has overwritten was not there to stay.
            self.newest.append(line.rstrip("\r").rpartition("\r")[2][:MAX_LINE_CHARACTERS])
            self.n_seen += 1

    def since(self, n_seen: int) -> list[str] | None:
        """Return the lines that came after *n_seen* of them; None where some of these are gone already."""
        n_new = self.n_seen - n_seen
        if n_new > len(self.newest):
            return None
        return list(self.newest)[len(self.newest) - n_new :]


class NewestLines:
    """Reads the ends of one run's streams, each time only what is new."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._lines: dict[str, Lines] = {}
        self._pieces: dict[str, int] = {}
        self._cursors: dict[str, dict[str, int]] = {}

    def read(self, history: History) -> list[Lines]:
        """Return the streams, the one written to first first; of many those that were written to last."""
        streams = history.log_streams(self._run_id)
        latest = sorted(streams, key=lambda stream: stream.last_at)[-MAX_STREAMS:]
        shown = [stream for stream in streams if stream in latest]
        for stream in shown:
            if self._pieces.get(stream.name) != stream.n_pieces:
                self._read_stream(history, stream)
        return [self._lines[stream.name] for stream in shown]

    def _read_stream(self, history: History, stream: LogStream) -> None:
        page = history.log_lines(
            self._run_id, stream.name, self._cursors.get(stream.name), limit=_MAX_PIECES, newest=True
        )
        self._cursors[stream.name] = dict(page.cursor)
        self._pieces[stream.name] = stream.n_pieces
        lines = self._lines.setdefault(stream.name, Lines(stream.name))
        lines.n_lines = stream.n_lines
        for piece in page.pieces:
            lines.add(piece.text)
