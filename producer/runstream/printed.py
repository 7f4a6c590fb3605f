"""What a program prints: read from its pipe as it comes, handed on, and its end kept in memory."""

from __future__ import annotations

import codecs
import os
import threading
from typing import IO, Final

from runstream.console import Write

TAIL_CHARACTERS: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024


class Printed:
    """
    Reads a pipe until nobody can write to it any more; a program that prints never waits for long.

    Args:
        pipe: its reading end; closed at the end.
        stream: its name.
        write: takes (stream, text), and neither waits nor raises; None = the text is not handed on.
    """

    def __init__(self, pipe: IO[bytes], stream: str, write: Write | None) -> None:
        self._pipe = pipe
        self._stream = stream
        self._write = write
        self._tail = ""
        self._thread = threading.Thread(target=self._read, name=f"runstream-{stream}", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with self._pipe as pipe:
            while chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
                self._take(decoder.decode(chunk))
            self._take(decoder.decode(b"", final=True))

    def _take(self, text: str) -> None:
        self._tail = (self._tail + text)[-TAIL_CHARACTERS:]
        if self._write is not None:
            self._write(self._stream, text)

    def end(self, timeout_s: float) -> str:
        """Wait for the pipe's end, no longer than *timeout_s*; return the last of what came."""
        self._thread.join(timeout_s)
        return self._tail
