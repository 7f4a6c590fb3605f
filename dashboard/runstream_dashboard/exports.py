"""
Whole results of the SQL page as files: written once, by DuckDB, and streamed to the browser from disk.

A result is offered under a token that nobody can guess, which is all that its address holds. Only the newest are kept.
"""

from __future__ import annotations

import atexit
import secrets
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from runstream_consumer.history import Answer

PATH = "/runstream-export"
KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
GONE = "This result is no longer kept: run the statement again.\n"
_KEPT = 12


@dataclass(slots=True)
class _Offer:
    answer: Answer
    folder: tempfile.TemporaryDirectory[str]
    lock: threading.Lock = field(default_factory=threading.Lock)


class Exports:
    """The results that may be fetched as files."""

    def __init__(self, kept: int = _KEPT) -> None:
        """Keep at most `kept` results; the file of an older one goes with it."""
        self._kept = kept
        self._lock = threading.Lock()
        self._offers: OrderedDict[str, _Offer] = OrderedDict()

    def offer(self, answer: Answer) -> str:
        """Return the token of a result."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._offers[token] = _Offer(answer, tempfile.TemporaryDirectory(prefix="runstream-export-"))
            while len(self._offers) > self._kept:
                self._offers.popitem(last=False)[1].folder.cleanup()
        return token

    def close(self) -> None:
        """Forget all results and remove their files."""
        with self._lock:
            while self._offers:
                self._offers.popitem()[1].folder.cleanup()

    def file(self, token: str, kind: str) -> Path | None:
        """Return the file of a result, written at its first call; None if it is not kept, or of no such kind."""
        with self._lock:
            offer = self._offers.get(token)
        if offer is None or kind not in KINDS:
            return None
        path = Path(offer.folder.name) / f"result.{kind}"
        with offer.lock:
            if not path.exists():
                fresh = path.with_suffix(".part")
                (offer.answer.write_csv if kind == "csv" else offer.answer.write_parquet)(fresh)
                fresh.rename(path)
        return path


@cache
def shelf() -> Exports:
    """Return those of this process; their files go when it ends."""
    exports = Exports()
    atexit.register(exports.close)
    return exports


def address(token: str, kind: str) -> str:
    """Return the path of a result's file on this server."""
    return f"{PATH}/{token}/result.{kind}"
