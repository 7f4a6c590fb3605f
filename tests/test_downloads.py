"""What of a run is read for its page and its downloads: lines page after page, each once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from runstream_consumer.history import LogPage, LogPiece
from runstream_dashboard import downloads, live
from runstream_dashboard.log_reads import Tails

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


class Printed:
    """A history of n pieces of one stream, which counts the pieces that it gives."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.n_given = 0

    def log_lines(
        self, _run_id: str, stream: str, after: Mapping[str, int], limit: int, *, newest: bool = False
    ) -> LogPage:
        """Give pieces as the history does."""
        rest = [LogPiece(stream, at, f"line {at}\n", NOW, "p", at) for at in range(after.get("p", -1) + 1, self.n)]
        shown = rest[-limit:] if newest else rest[:limit]
        self.n_given += len(shown)
        return LogPage(shown, {"p": shown[-1].sequence} if shown else after, newest or len(shown) == len(rest))


def test_a_download_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line once and in order, however many pages there are."""
    printed = Printed(450)

    def ask(question: Callable[[Any], Any]) -> Any:
        return question(printed)

    monkeypatch.setattr(live, "ask", ask)
    pages = list(downloads.log_lines("run", "stdout"))

    assert len(pages) == 3
    assert b"".join(pages).decode().splitlines() == [f"line {n}" for n in range(450)]
    assert printed.n_given == 450


def test_a_tail_goes_on_where_it_ended() -> None:
    """What one viewer has read is not read again for the next one; of a forgotten stream the newest lines are."""
    tails, printed = Tails(kept=1), Printed(1000)
    first: Any = printed
    assert tails.grown(first, "run", "stdout").lines[-1] == "line 999"
    printed.n, printed.n_given = 1003, 0
    assert tails.grown(first, "run", "stdout").lines[-4:] == ("line 999", "line 1000", "line 1001", "line 1002")
    assert printed.n_given == 3
    tails.grown(first, "run", "stderr")
    printed.n_given = 0
    tails.grown(first, "run", "stdout")
    assert printed.n_given == 400


def test_only_the_secret_opens_a_download() -> None:
    """It is in every address of this process, with the run and the stream as they are named."""
    address = downloads.log_address("run", "logs/a b&c.txt")

    assert downloads.is_secret(address.split("/")[2])
    assert not downloads.is_secret("guessed")
    assert not downloads.is_secret("한글")
    assert address.endswith("/log/run?stream=logs%2Fa%20b%26c.txt")
    assert downloads.snapshot_address("run").endswith("/snapshot/run")


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("run-1", "stdout"), "run-1-stdout.txt"),
        (("run", "logs/a\r\nb.txt"), "run-logs-a-b.txt.txt"),
        (("../..", "한글"), "run-run.txt"),
    ],
)
def test_a_download_has_a_plain_name(parts: tuple[str, ...], name: str) -> None:
    """Whatever streams and runs are called: no path, no header of its own."""
    assert downloads.file_name(*parts, suffix=".txt") == name
