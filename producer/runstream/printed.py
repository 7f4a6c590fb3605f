"""What a program prints: read from its pipe as it comes, kept in a file, its end kept in memory."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import IO, Final

TAIL_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024


class Printed:
    """Reads a pipe until nobody can write to it any more; a program that prints never waits for long."""

    def __init__(self, pipe: IO[bytes], path: Path) -> None:
        self._pipe = pipe
        self._file = path.open("ab", buffering=0)
        self._tail = bytearray()
        self._thread = threading.Thread(target=self._read, name=f"runstream-{path.name}", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while chunk := os.read(self._pipe.fileno(), _CHUNK_BYTES):
            self._tail += chunk
            del self._tail[:-TAIL_BYTES]
            self._file.write(chunk)
        self._file.close()
        self._pipe.close()

    def end(self, timeout_s: float) -> str:
        """Wait for the pipe's end, no longer than *timeout_s*; return the last of what came."""
        self._thread.join(timeout_s)
        return bytes(self._tail).decode("utf-8", "replace")
