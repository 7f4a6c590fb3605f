"""Results as files: written once, found by token only, the newest kept."""

from __future__ import annotations

import duckdb

from runstream_consumer.history import Answer
from runstream_dashboard.exports import Exports, address


def answer(n: int = 3) -> Answer:
    """Return n rows."""
    return Answer(duckdb.connect().sql(f"SELECT i FROM range({n}) t(i)"), 100)


def test_a_file_is_written_once() -> None:
    """The second fetch is answered from the same file; no other kind and no other token has one."""
    exports = Exports()
    token = exports.offer(answer())
    path = exports.file(token, "csv")
    assert path is not None
    written = path.stat().st_mtime_ns

    assert exports.file(token, "csv") == path
    assert (path.read_text(), path.stat().st_mtime_ns) == ("i\n0\n1\n2\n", written)
    assert exports.file(token, "exe") is None
    assert exports.file("another", "csv") is None
    exports.close()
    assert not path.exists()
    assert address(token, "csv").endswith(f"/{token}/result.csv")


def test_only_the_newest_results_are_kept() -> None:
    """An older one and its file are gone."""
    exports = Exports(kept=1)
    first = exports.offer(answer())
    path = exports.file(first, "parquet")
    assert path is not None
    second = exports.offer(answer())

    assert exports.file(first, "parquet") is None
    assert not path.exists()
    assert exports.file(second, "csv") is not None
    exports.close()
