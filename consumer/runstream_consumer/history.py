"""The one read API: what the dashboard, the SDK and the command line ask.

`connect()` attaches to the running consumer, or, in a home without Kafka where none runs, folds what the journals hold
before each read. Every method is one question; the statement behind it lies in the module named after its noun.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import duckdb

from runstream_consumer import blobs, config, details, paired, pictures, pipeline, progress, runs, shapes
from runstream_consumer import chart as charting
from runstream_consumer.access import Access, Moments, access
from runstream_consumer.answer import Answer
from runstream_consumer.arrival import Arrival, ArrivalReads
from runstream_consumer.catalog import CatalogReads, ExperimentRow, ModelFileRow, ModelRow
from runstream_consumer.chart import Axis, Chart, ChartKey
from runstream_consumer.details import (
    ArtifactRow,
    ColumnDoc,
    DeadLetterRow,
    EventRow,
    MetricInfo,
    PositionRow,
    TableDoc,
)
from runstream_consumer.family import FamilyReads, RunQuery
from runstream_consumer.line_search import FoundLine, FoundLines, LineSearch
from runstream_consumer.literal import Parameters, render
from runstream_consumer.log_lines import LogPage, LogPiece, LogReads, LogStream
from runstream_consumer.page_reads import PageReads, RunFacts
from runstream_consumer.paired import PairedChart, PairKey
from runstream_consumer.pipeline import PipelineFacts
from runstream_consumer.progress import Watermark
from runstream_consumer.question import Question
from runstream_consumer.reopening import Reopening
from runstream_consumer.runs import LoggedMetric, MetricStat, RunPage, RunRow
from runstream_consumer.snapshots import Snapshot
from runstream_consumer.snapshots import read as read_snapshot
from runstream_schemas import paths
from runstream_schemas.diagnosis import Accuracy, Confusion, Counts, Diagnosis, Predictions, Residuals
from runstream_schemas.diagnosis import parse as parse_diagnosis
from runstream_schemas.errors import (
    FilterError,
    HistoryBusy,
    HistoryUnreachable,
    RunNotFound,
    SnapshotNotFound,
    StatementFailed,
    StoreError,
    UnsafePath,
)
from runstream_schemas.snapshot import PROPERTY as SNAPSHOT_PROPERTY
from runstream_schemas.snapshot import ListedFile
from runstream_schemas.topics import Topic

T = TypeVar("T")

MAX_ROWS = 1_000_000
SQL_TIMEOUT_S = 60.0

__all__ = [
    "Accuracy",
    "Answer",
    "Arrival",
    "ArtifactRow",
    "ExperimentRow",
    "ModelFileRow",
    "ModelRow",
    "Chart",
    "ChartKey",
    "ColumnDoc",
    "Confusion",
    "Counts",
    "DeadLetterRow",
    "Diagnosis",
    "EventRow",
    "FilterError",
    "FoundLine",
    "FoundLines",
    "History",
    "HistoryBusy",
    "HistoryUnreachable",
    "ListedFile",
    "LogPage",
    "LogPiece",
    "LogStream",
    "LoggedMetric",
    "MetricInfo",
    "MetricStat",
    "PairKey",
    "PairedChart",
    "PipelineFacts",
    "PositionRow",
    "Predictions",
    "Question",
    "Residuals",
    "RunFacts",
    "RunPage",
    "RunQuery",
    "RunRow",
    "SNAPSHOT_PROPERTY",
    "Snapshot",
    "SnapshotNotFound",
    "StatementFailed",
    "StoreError",
    "TableDoc",
    "UnsafePath",
    "Watermark",
    "blobs",
    "connect",
    "parse_diagnosis",
    "paths",
    "read_snapshot",
]


def connect(
    home: str | os.PathLike[str] | None = None,
    server: str | None = None,
    token_file: str | os.PathLike[str] | None = None,
) -> History:
    """
    Open the history for reading; use it as a context manager.

    Args:
        home: the folder; None: RUNSTREAM_HOME.
        server: host:port of a consumer; None: RUNSTREAM_SERVER, else the one that runs in this home.
        token_file: file with its token; None: RUNSTREAM_TOKEN_FILE, else the home's.

    Raises:
        HistoryUnreachable: the server does not answer, or events go to Kafka and no server is known.
    """
    settings = config.read(home)
    return History(
        lambda: access(settings, server or settings.settings.server, token_file), settings.settings.sql_timeout_s
    )


class History(CatalogReads, LogReads, ArrivalReads, LineSearch, FamilyReads, PageReads, Moments):
    """
    The history, opened for reading. Threads may share it.

    Each method raises HistoryUnreachable when the consumer cannot be reached, and HistoryBusy when another process
    folds for longer than the wait. A consumer that was restarted is found again by itself.
    """

    def __init__(self, open_access: Callable[[], Access], sql_timeout_s: float = SQL_TIMEOUT_S) -> None:
        """Use `connect` instead."""
        self._open_access = open_access
        self._sql_timeout_s = sql_timeout_s
        self._access = Reopening(open_access)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Give back the connection; nothing can be read any more."""
        self._access.close()

    @property
    def where(self) -> str:
        """The server's address or the file's path."""
        return self._access.where

    def sql(self, text: str, parameters: Parameters | None = None) -> duckdb.DuckDBPyRelation:
        """
        Return the whole answer to one SELECT over the public views (see `tables`).

        Args:
            text: the statement; placeholders are ?, $1 or $name.
            parameters: their values, a list or a mapping.

        Returns:
            A DuckDB relation in this process: `fetchall()`, `df()`, `arrow()`.

        Raises:
            StatementFailed: it is wrong, or does more than read.
            InvalidLiteral: a parameter is missing or cannot be written.
        """
        return self._access.relation(render(text, parameters))

    def question(self, text: str, rows: int = MAX_ROWS) -> Question:
        """
        Return one SELECT, typed by somebody, to be asked once: it can be canceled and ends by itself.

        Args:
            text: the statement, without placeholders.
            rows: how many rows of its answer are kept at most.
        """
        return Question(self._open_access, text, rows, self._sql_timeout_s)

    def watermark(self) -> Watermark:
        """Return what the tables are complete to: cheap, made to be polled."""
        return progress.watermark(self._access)

    def pipeline(self) -> PipelineFacts:
        """Return how the pipeline is doing: rates, lag, what was lost, sizes."""
        return pipeline.pipeline(self._access)

    def positions(self) -> list[PositionRow]:
        """Return how far each partition of the log has been folded."""
        return details.positions(self._access)

    def dead_letters(self, limit: int = 100) -> list[DeadLetterRow]:
        """Return the newest events that could not be read or folded."""
        return details.dead_letters(self._access, limit)

    def tables(self) -> list[TableDoc]:
        """Return the public views with what their columns mean."""
        return details.tables(self._access)

    def wait_for(self, written: Mapping[tuple[str, Topic], int], timeout_s: float) -> None:
        """
        Wait until the history covers these events.

        Args:
            written: the last sequence of each (producer id, topic).
            timeout_s: seconds to wait.

        Raises:
            NotYetFolded: it does not in that time.
        """
        progress.wait_for(self._access, written, timeout_s)

    def runs(
        self,
        filter: str = "",  # noqa: A002
        experiment: str | None = None,
        status: Sequence[str] = (),
        sort: str = "-created_at",
        page: int = 1,
        page_size: int = 100,
        metrics: Sequence[str] = (),
        workspace: str | None = None,
        include_children: bool = True,
        include_archived: bool = False,
    ) -> RunPage:
        """
        Return one page of runs.

        Args:
            filter: as in module filters: `val/loss < 0.4 and optimizer = adamw and tag = sweep`, or words.
            experiment, workspace: only those in it.
            status: only those with one of these.
            sort: a column of RunRow, a metric, property, or min(metric) or max(metric); a minus = largest first.
            page: from 1.
            page_size: rows a page.
            metrics: whose figures each row brings along.
            include_children, include_archived: whether runs that belong to another one, or are hidden, are among them;
                a filter on parent_run_id, or on archived, says so itself.

        Raises:
            FilterError: a term of the filter, or the sort, means nothing.
        """
        return runs.run_page(
            self._access,
            filter,
            workspace=workspace,
            experiment=experiment,
            status=status,
            sort=sort,
            page=page,
            page_size=page_size,
            metrics=metrics,
            include_children=include_children,
            include_archived=include_archived,
        )

    def run(self, run_id: str) -> RunRow:
        """
        Return one run with its tags and properties.

        Raises:
            RunNotFound: there is none with this id.
        """
        rows = runs.run_many(self._access, [run_id])
        if not rows:
            raise RunNotFound(run_id, self.where)
        return rows[0]

    def run_many(self, run_ids: Sequence[str], metrics: Sequence[str] = ()) -> list[RunRow]:
        """Return the runs with these ids that exist, in the order of the ids."""
        return runs.run_many(self._access, run_ids, metrics)

    def metric_list(self, run_ids: Sequence[str]) -> list[MetricInfo]:
        """Return every metric and column of these runs, of each run the first logged first."""
        return details.metric_list(self._access, run_ids)

    def metrics(self, run_id: str, name: str | None = None) -> dict[str, Any]:
        """Return metric -> value, list, or columns, as logged and in that order; {} without such a metric."""
        return shapes.metrics(self._access, run_id, name)

    def table(self, run_id: str, name: str) -> dict[str, list[Any]]:
        """Return a metric as columns of equal length, None where a row lacks one."""
        return shapes.table(self._access, run_id, name)

    def tags(self, run_id: str) -> dict[str, str | None]:
        """Return the tags of a run. Raises RunNotFound."""
        return dict(self.run(run_id).tags)

    def properties(self, run_id: str) -> dict[str, str]:
        """Return the properties of a run. Raises RunNotFound."""
        return dict(self.run(run_id).properties)

    def artifacts(self, run_id: str, versions: bool = False, contents: bool = False) -> list[ArtifactRow]:
        """Return a run's files by path; *versions*: overwritten ones too; *contents*: with the bytes of small ones."""
        return details.artifacts(self._access, run_id, versions, contents)

    def artifact(self, run_id: str, path: str, version: int | None = None) -> ArtifactRow:
        """
        Return one file with its bytes if it is small; else they lie at `location`.

        Raises:
            ArtifactNotFound: the run has no such file; the error lists those it has.
        """
        return details.artifact(self._access, run_id, path, version)

    def pictures(self, run_ids: Sequence[str]) -> list[ArtifactRow]:
        """Return the pictures of many runs without their bytes, every version, of each run the first logged first."""
        return pictures.pictures(self._access, run_ids)

    def events(self, run_id: str) -> list[EventRow]:
        """Return what has changed a run, oldest first."""
        return details.events(self._access, run_id)

    def chart(
        self,
        run_id: str,
        name: str,
        column_name: str | None = None,
        x: Axis = "step",
        lo: float | None = None,
        hi: float | None = None,
        columns: int = 1000,
    ) -> Chart:
        """Return one curve; see `charts`."""
        return self.charts([(run_id, name, column_name)], x, lo, hi, columns)[0]

    def charts(
        self,
        keys: Sequence[ChartKey],
        x: Axis = "step",
        lo: float | None = None,
        hi: float | None = None,
        columns: int = 1000,
    ) -> list[Chart]:
        """
        Return many curves in one statement, in the order of *keys*.

        Args:
            keys: (run id, metric, column or None) of each.
            x: step, time (seconds since 1970 UTC) or relative (seconds since the run started).
            lo, hi: the range of x, ends included; None = to the end. It is widened to whole columns.
            columns: at least so many columns, where there are so many points; at most twice as many.
        """
        return charting.charts(self._access, keys, x, lo, hi, columns)

    def paired_charts(
        self,
        keys: Sequence[PairKey],
        x_name: str,
        lo: float | None = None,
        hi: float | None = None,
        columns: int = 1000,
    ) -> list[PairedChart]:
        """
        Return many curves over another metric of their runs in one statement, in the order of *keys*.

        Points at equal steps belong together, the last of several at one step; see module paired. The cost grows with
        the number of points of both metrics.

        Args:
            keys: (run id, metric that is y) of each.
            x_name: the metric that is x.
            lo, hi: the range of x, ends included; None = to the end.
            columns: at least so many columns, where there are so many pairs and x is spread evenly.
        """
        return paired.paired_charts(self._access, keys, x_name, lo, hi, columns)
