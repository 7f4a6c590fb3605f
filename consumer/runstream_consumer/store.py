"""The history file: one writer, one transaction per fold, rows and positions together.

Outside maintenance the store only INSERTs. An exception from COMMIT leaves the outcome unknown, so the store then
refuses to go on: end the process, open again, read the positions again. That is safe, because the log is the truth.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from runstream_consumer import opening
from runstream_consumer.fold import Folded
from runstream_consumer.folding import Columns, PositionRange
from runstream_consumer.literal import literal
from runstream_consumer.loading import load_positions, load_state, newest_commit_no, newest_committed_at_us
from runstream_consumer.source import Position
from runstream_consumer.state import FoldState
from runstream_schemas.errors import CommitUnknown, Fenced
from runstream_schemas.failpoint import hit

WITHOUT_COMMIT_NO = frozenset(
    (
        *("point", "block", "series_log", "run_event", "property_event", "tag_event", "artifact_event", "log_event"),
        *("catalog_event", "model_file_event", "model_property_event"),
    )
)
"""Tables whose rows do not say which commit brought them."""

_BOOKKEEPING = ("position_log", "batch", "series_stat_live")
_IN_EVERY_COMMIT = ("position_log", "batch")
_FEW_ROWS = 16
_BROKEN = (duckdb.IOException, duckdb.FatalException, duckdb.OutOfMemoryException)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Bytes of the log that could not be read or folded.

    ``stage`` is source, decode or fold; ``next_position`` is where reading went on; ``segment`` and
    ``segment_offset`` (bytes) say where damage in a journal lies.
    """

    received_at_us: int
    topic: str
    partition: str
    position: int
    next_position: int
    run_id: str | None
    stage: str
    error_type: str
    error_message: str
    value: bytes
    segment: str | None = None
    segment_offset: int | None = None


class Store:
    """
    The history file, opened for writing. One thread commits; readers use cursors of ``connection``.

    Attributes:
        committed_at_us: when the newest commit was, us since 1970 UTC, by whatever process; None in a fresh file.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, notes: Sequence[str] = ()) -> None:
        """Take over an open ``connection``; use ``Store.open``.

        ``notes`` tell people what had to be done to open the file.
        """
        self.connection = connection
        self.path = path
        self.notes = tuple(notes)
        self.commit_no = newest_commit_no(connection)
        self._opened_at = self.commit_no
        self.committed_at_us = newest_committed_at_us(connection)
        self.n_live = _n_rows(connection, "point_live")
        self.live_at_us = time.time_ns() // 1000
        self.n_bookkeeping = sum(_n_rows(connection, table) for table in _BOOKKEEPING)
        self._positions = load_positions(connection)
        self._first_state: FoldState | None = load_state(connection)
        self._unknown: CommitUnknown | None = None

    @classmethod
    def open(cls, path: Path, source_kind: str, source_identity: str, *, may_rebuild: bool = True) -> "Store":
        """Open the file at ``path``, making it if there is none.

        A file that does not open, or has older tables, is set aside and a fresh one is made, to be filled from the
        log again; ``notes`` then say so. ``may_rebuild=False`` (the log no longer reaches back to its beginning)
        refuses that for older tables.

        Raises:
            StoreLocked: another process has it open.
            StoreForeign: it holds the history of another event log.
            StoreVersion: a newer runstream wrote it, or an older one and ``may_rebuild`` is False.
            StoreUnopenable: the system does not let us (permission, memory, disk space).
        """
        connection, notes = opening.open_file(path, source_kind, source_identity, may_rebuild)
        try:
            return cls(connection, path, notes)
        except duckdb.Error as error:
            # DuckDB opens a file whose tables are damaged; reading what the fold needs finds it out.
            connection.close()
            notes.append(opening.set_aside_damaged(path, error))
        connection, more = opening.open_file(path, source_kind, source_identity, may_rebuild)
        return cls(connection, path, [*notes, *more])

    def positions(self) -> dict[str, Position]:
        """The position behind the last commit, by partition."""
        return dict(self._positions)

    def load_state(self) -> FoldState:
        """What the fold has to know of everything committed so far."""
        state, self._first_state = self._first_state, None
        # What was read while opening is current until the first commit, and good for one fold.
        return state if state is not None and self.commit_no == self._opened_at else load_state(self.connection)

    def commit(self, folded: Folded, dead_letters: Sequence[DeadLetter] = ()) -> int:
        """Write one fold and its dead letters, with their positions, in one transaction; returns the commit's number.

        Raises:
            Fenced: a position in the file is not the one that the fold began at. Nothing was written.
            CommitUnknown: COMMIT raised; the fold may or may not be in the file. Every later commit raises it too.
            duckdb.Error: a statement before COMMIT was wrong. Nothing was written.
        """
        ranges = with_dead_letters(folded.ranges, dead_letters, self._positions)
        commit_no = self.commit_no + 1
        now_us = time.time_ns() // 1000
        with self.transaction():
            self._check(ranges)
            for table, columns in folded.tables.items():
                self.insert(table, _completed(table, columns, commit_no, now_us))
            hit("commit.rows")
            if dead_letters:
                self.insert("dead_letter_log", _dead_letter_columns(dead_letters, commit_no))
            if ranges:
                self.insert("position_log", _position_columns(ranges, commit_no, now_us))
        self.commit_no = commit_no
        self.committed_at_us = now_us
        self.n_bookkeeping += len(ranges) + folded.n_bookkeeping
        if "point_live" in folded.tables:
            self.n_live += folded.n_points
            self.live_at_us = now_us
        moved_to = {moved.partition: _position_after(moved) for moved in ranges}
        self._positions.update(moved_to)
        # Dead letters move positions too: the fold goes on from what was committed.
        folded.draft.positions.update(moved_to)
        return commit_no

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction around the block: rolled back if it raises, otherwise committed.

        Raises:
            CommitUnknown: COMMIT raised, now or earlier, or disk or memory ran out before it.
        """
        if self._unknown is not None:
            raise self._unknown
        self.connection.execute("BEGIN")
        try:
            yield
        except _BROKEN as error:
            # No space, no memory, a dead instance: nothing was committed, but this process cannot go on either.
            self._roll_back()
            self._unknown = CommitUnknown(path=str(self.path), cause=error)
            raise self._unknown from error
        except BaseException:
            self._roll_back()
            raise
        hit("commit.before")
        opening.make_wal(self.path)
        try:
            self._commit()
        except duckdb.Error as error:
            self._unknown = CommitUnknown(path=str(self.path), cause=error)
            raise self._unknown from error
        hit("commit.after")

    def insert(self, table: str, columns: Columns | pa.Table) -> None:
        """Insert ``columns`` (by name; the rest is NULL) into ``table``, inside the open transaction."""
        if isinstance(columns, pa.Table):
            opening.insert_rows(self.connection, table, columns)
            return
        if table in _IN_EVERY_COMMIT and len(next(iter(columns.values()))) <= _FEW_ROWS:
            # A fifth of the time that a few rows take through Arrow; at ten commits a second it shows.
            rows = zip(*columns.values(), strict=True)
            values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
            self.connection.execute(f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES {values}')
            return
        opening.insert_rows(self.connection, table, pa.table(dict(columns)))

    def checkpoint(self, patience_s: float = 0.0) -> bool:
        """Fold the write-ahead log into the file; False if other transactions kept it from that for ``patience_s``.

        Raises:
            CommitUnknown: it failed in another way, and the database is not usable any more.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                self.connection.execute("CHECKPOINT")
            except duckdb.TransactionException:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.02)
            except duckdb.Error as error:
                self._unknown = CommitUnknown(path=str(self.path), cause=error)
                raise self._unknown from error
            else:
                return True

    def wal_size_bytes(self) -> int:
        """Size of the write-ahead log."""
        try:
            return self.path.with_name(self.path.name + ".wal").stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        """Close the file. DuckDB writes its last checkpoint, unless the database is dead after a failed commit."""
        with suppress(duckdb.Error) if self._unknown else nullcontext():
            self.connection.close()

    def _commit(self) -> None:
        self.connection.execute("COMMIT")

    def _roll_back(self) -> None:
        try:
            self.connection.execute("ROLLBACK")
        except duckdb.Error as error:
            # The instance is dead; whatever was durable shows when the file is opened again.
            self._unknown = CommitUnknown(path=str(self.path), cause=error)

    def _check(self, ranges: Sequence[PositionRange]) -> None:
        """Compare where each range begins with the file, and the file with what this process has written."""
        newer = self.connection.execute(
            f"SELECT partition, next_position FROM position_log WHERE commit_no > {self.commit_no:d} LIMIT 1"
        ).fetchone()
        if newer:
            stored = self._positions.get(newer[0])
            raise Fenced(partition=newer[0], expected=stored.next_position if stored else 0, stored=newer[1])
        for moved in ranges:
            known = self._positions.get(moved.partition)
            if known and known.next_position != moved.from_position:
                raise Fenced(partition=moved.partition, expected=moved.from_position, stored=known.next_position)


def with_dead_letters(
    ranges: Sequence[PositionRange], dead_letters: Sequence[DeadLetter], positions: Mapping[str, Position]
) -> list[PositionRange]:
    """``ranges`` stretched over the positions of ``dead_letters``, which are folded by being set aside."""
    by_partition = {moved.partition: moved for moved in ranges}
    for letter in dead_letters:
        known = positions.get(letter.partition)
        moved = by_partition.get(letter.partition)
        if moved is None:
            begin = known.next_position if known else letter.position
            moved = PositionRange(letter.partition, begin, begin)
            if known:
                moved = replace(
                    moved,
                    topic_id=known.topic_id,
                    last_producer_id=known.last_producer_id,
                    last_sequence=known.last_sequence,
                )
        if letter.next_position > moved.to_position:
            # The record before the next position is the dead letter, and what it says of itself is not to be trusted.
            moved = replace(moved, to_position=letter.next_position, last_producer_id=None, last_sequence=None)
        begin = moved.from_position if known else min(moved.from_position, letter.position)
        by_partition[letter.partition] = replace(moved, from_position=begin)
    return list(by_partition.values())


def _completed(table: str, columns: Columns, commit_no: int, now_us: int) -> dict[str, object]:
    """``columns`` with what only the commit knows."""
    n = len(next(iter(columns.values())))
    more: dict[str, object] = {}
    if table == "seal":
        more = {"sealed_at": [now_us] * n, "upto_commit_no": [commit_no] * n}
    elif table not in WITHOUT_COMMIT_NO:
        more = {"commit_no": [commit_no] * n if table == "batch" else pa.repeat(commit_no, n)}
    return dict(columns) | more


def _dead_letter_columns(letters: Sequence[DeadLetter], commit_no: int) -> dict[str, object]:
    names = ("topic", "partition", "position", "run_id", "stage", "error_type", "error_message", "value", "segment")
    columns: dict[str, object] = {name: [getattr(letter, name) for letter in letters] for name in names}
    columns["received_at"] = [letter.received_at_us for letter in letters]
    columns["segment_offset"] = [letter.segment_offset for letter in letters]
    columns["commit_no"] = [commit_no] * len(letters)
    return columns


def _position_columns(ranges: Sequence[PositionRange], commit_no: int, now_us: int) -> dict[str, object]:
    return {
        "commit_no": [commit_no] * len(ranges),
        "partition": [moved.partition for moved in ranges],
        "from_position": [moved.from_position for moved in ranges],
        "next_position": [moved.to_position for moved in ranges],
        "committed_at": [now_us] * len(ranges),
        "topic_id": [moved.topic_id for moved in ranges],
        "last_producer_id": [moved.last_producer_id for moved in ranges],
        "last_sequence": [moved.last_sequence for moved in ranges],
    }


def _position_after(moved: PositionRange) -> Position:
    return Position(moved.to_position, moved.topic_id, moved.last_producer_id, moved.last_sequence)


def _n_rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    # The filter forces a scan: a bare count(*) may count rows that the transaction must not see.
    row = connection.execute(f"SELECT count(*) FROM {table} WHERE commit_no >= 0").fetchone()
    return int(row[0]) if row else 0
