"""Opening the history file: made, checked, or, where it cannot be read, set aside and made anew from the log.

Nothing is ever deleted here. A file that does not open is first tried without its write-ahead log (the last
checkpoint is a consistent earlier state, and the positions in it say where to read on), then set aside whole.
"""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from runstream_schemas.errors import ConfigError, StoreForeign, StoreLocked, StoreUnopenable, StoreVersion
from runstream_schemas.home import make_private, network_filesystem

TABLES_VERSION = 3
STORAGE_VERSION = "v1.5.0"
MEMORY_LIMIT = "1GB"
THREADS = 1
"""A statement takes one core, whoever asks. With a second one DuckDB's Python client waits in a busy loop for what that
thread does: commits and charts took half as much CPU again, and on a busy machine longer."""
WAL_CHECKPOINT = "64MB"
"""With DuckDB's 16 MB live points are written to the file several times before they are sealed: 1.1 us CPU, not 0.9."""
BLOCK_BYTES = 64 << 10
"""DuckDB's default 256 KiB leave blocks half empty where columns compress well: 10.7 bytes a point against 9.6."""
WRITE_BUFFER = 1
"""Row groups that wait to be written together. DuckDB's 5 hold so much memory that a third of an insert's page faults,
each some microseconds, come from them; the file becomes no smaller by them."""

_INCOMING = "incoming_rows"
_SQL = Path(__file__).parent
_VIEWS = "".join((_SQL / name).read_text(encoding="utf-8") for name in ("views.sql", "catalog_views.sql"))
_LOCKED = re.compile(r"Could not set lock on file(?:.*held in (?P<holder>.*?\(PID \d+\)))?", re.DOTALL)
_NEWER_FORMAT = re.compile(r"database file with version number (?P<found>\d+)")
_ENVIRONMENT = re.compile(
    r"No space left|Permission denied|Read-only file system|Too many open files|Cannot allocate|out of memory|"
    r"Is a directory|Not a directory|Input/output error|disk is full|not enough space",
    re.IGNORECASE,
)


def open_file(
    path: Path, source_kind: str, source_identity: str, may_rebuild: bool
) -> tuple[duckdb.DuckDBPyConnection, list[str]]:
    """Open or make the file; see ``Store.open``. Also returns notes on what had to be done."""
    notes: list[str] = []
    network = network_filesystem(path.parent)
    if network:
        raise ConfigError(
            "RUNSTREAM_HOME",
            str(path.parent),
            f"{path.name} cannot lie on a network file system ({network}); choose a folder on a local disk",
        )
    connection = _connect_or_set_aside(path, notes)
    try:
        facts = read_facts(connection)
        if facts and int(facts["tables_version"] or 0) < TABLES_VERSION and may_rebuild:
            connection.close()
            aside = set_aside(path)
            notes.append(f"{path} has older tables: it is kept as {aside.name} and rebuilt from the log")
            connection = _connect(path)
            facts = {}
        if facts:
            _check(path, facts, source_kind, source_identity)
            refresh_views(connection, facts)
        else:
            make_tables(connection, source_kind, source_identity)
    except BaseException:
        connection.close()
        raise
    return connection, notes


def set_aside_damaged(path: Path, error: duckdb.Error) -> str:
    """Set a file aside that ``error`` shows to be damaged, and say so; raises what else the error tells."""
    _raise_unless_damaged(path, error)
    return _set_aside(path, str(error).splitlines()[0])


def _set_aside(path: Path, cause: str) -> str:
    return f"{path} did not open ({cause}): it is kept as {set_aside(path).name} and rebuilt from the log"


def set_aside(path: Path) -> Path:
    """Rename the file, and its write-ahead log if there is one, out of the way; returns the new name."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    aside = path.with_name(f"{path.name}.aside-{stamp}")
    n = 1
    while aside.exists():
        aside = path.with_name(f"{path.name}.aside-{stamp}-{n}")
        n += 1
    path.rename(aside)
    wal = _wal(path)
    if wal.exists():
        wal.rename(_wal(aside))
    return aside


def make_wal(path: Path) -> None:
    """Make the write-ahead log, if there is none, with the rights of its file: DuckDB would take the umask."""
    with suppress(OSError):
        # As above: where this fails, the commit does, and tells it.
        wal = os.open(_wal(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(wal, path.stat().st_mode & 0o666)
        finally:
            os.close(wal)


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert ``rows`` by name into ``table``; columns that they lack are NULL."""
    connection.register(_INCOMING, rows)
    try:
        connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM {_INCOMING}')
    finally:
        connection.unregister(_INCOMING)


def read_facts(connection: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """What table ``meta`` says; empty for a file without our tables."""
    has_tables = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'meta'").fetchone()
    if not has_tables:
        return {}
    return dict(connection.execute("SELECT key, value FROM meta").fetchall())


def make_tables(connection: duckdb.DuckDBPyConnection, source_kind: str, source_identity: str) -> None:
    """Make all tables and views, in one transaction, then write a checkpoint: no DDL stays in the log of rows."""
    connection.execute("BEGIN")
    connection.execute((_SQL / "tables.sql").read_text())
    connection.execute(_VIEWS)
    facts = {
        "tables_version": str(TABLES_VERSION),
        "source_kind": source_kind,
        "source_identity": source_identity,
        "created_at": str(time.time_ns() // 1000),
        "views": _digest(_VIEWS),
    }
    insert_rows(connection, "meta", pa.table({"key": list(facts), "value": list(facts.values())}))
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT")


def refresh_views(connection: duckdb.DuckDBPyConnection, facts: Mapping[str, str | None]) -> None:
    """Make the views anew if those in the file are of another version of this program; nothing else is touched."""
    digest = _digest(_VIEWS)
    if facts.get("views") == digest:
        return
    connection.execute("BEGIN")
    connection.execute(_VIEWS)
    connection.execute("DELETE FROM meta WHERE key = 'views'")
    connection.execute("INSERT INTO meta VALUES ('views', ?)", [digest])
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _connect_or_set_aside(path: Path, notes: list[str]) -> duckdb.DuckDBPyConnection:
    try:
        return _connect(path)
    except duckdb.Error as error:
        _raise_unless_damaged(path, error)
        cause = str(error).splitlines()[0]
    wal = _wal(path)
    if wal.exists():
        kept = wal.with_name(f"{wal.name}.aside-{time.time_ns()}")
        wal.rename(kept)
        try:
            connection = _connect(path)
        except duckdb.Error as error:
            _raise_unless_damaged(path, error)
        else:
            notes.append(
                f"{path} did not open ({cause}): its write-ahead log is kept as {kept.name}, "
                "and the log is folded again from the last checkpoint"
            )
            return connection
    notes.append(_set_aside(path, cause))
    return _connect(path)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    make_private(path.parent)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "storage_compatibility_version": STORAGE_VERSION,
        "threads": THREADS,
        "memory_limit": MEMORY_LIMIT,
        "wal_autocheckpoint": WAL_CHECKPOINT,
        "default_block_size": BLOCK_BYTES,
        "write_buffer_row_group_count": WRITE_BUFFER,
    }
    if not path.exists():
        with suppress(OSError):
            # What cannot be made here DuckDB cannot make either, and it says why.
            _make_private(path, settings)
    connection = duckdb.connect(str(path), config=settings)
    # DuckDB draws one on standard output for whatever takes two seconds, also where nobody looks.
    connection.execute("SET enable_progress_bar = false")
    # Temporary files would come into a folder made by the umask.
    path.with_name(path.name + ".tmp").mkdir(mode=0o700, exist_ok=True)
    return connection


def _make_private(path: Path, settings: dict[str, str | bool | int | float | list[str]]) -> None:
    """Make the file for its owner only.

    DuckDB makes files by the umask, which belongs to the program around us, and takes no empty one: so it makes this
    one where nobody else can look.
    """
    with tempfile.TemporaryDirectory(prefix=f".new-{path.name}-", dir=path.parent) as folder:
        born = Path(folder, path.name)
        duckdb.connect(str(born), config=settings).close()
        born.chmod(0o600)
        path.hardlink_to(born)


def _raise_unless_damaged(path: Path, error: duckdb.Error) -> None:
    """Raise what tells people about causes outside the file; return for damage inside it."""
    text = str(error)
    locked = _LOCKED.search(text)
    if locked:
        raise StoreLocked(path=str(path), holder=(locked["holder"] or "another process").strip()) from error
    if _ENVIRONMENT.search(text):
        raise StoreUnopenable(path=str(path), cause=error) from error
    newer = _NEWER_FORMAT.search(text)
    if newer:
        raise StoreVersion(
            path=str(path), found=f"storage {newer['found']}", supported=f"storage of DuckDB {duckdb.__version__}"
        ) from error


def _check(path: Path, facts: dict[str, str | None], source_kind: str, source_identity: str) -> None:
    found = int(facts["tables_version"] or 0)
    if found != TABLES_VERSION:
        raise StoreVersion(path=str(path), found=found, supported=TABLES_VERSION)
    stored = (facts.get("source_kind"), facts.get("source_identity"))
    if stored != (source_kind, source_identity):
        raise StoreForeign(
            path=str(path), stored_source=f"{stored[0]} {stored[1]}", source=f"{source_kind} {source_identity}"
        )


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")
