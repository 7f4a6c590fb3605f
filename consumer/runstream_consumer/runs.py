"""The list of runs: one statement for a page of rows with their tags, properties and asked metrics, and the counts."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runstream_consumer.access import Access
from runstream_consumer.catalog import EXPERIMENTS, ExperimentRow, experiment_of
from runstream_consumer.filters import RUN_COLUMNS, Term, condition, parse, sort_expression
from runstream_consumer.instants import utc
from runstream_consumer.literal import literal
from runstream_schemas.errors import FilterError

TERMINAL = ("Completed", "Failed", "Canceled")
# Whose metrics a page brings along: enough to know what its runs log.
_AN_EXPERIMENT, _EXAMPLES = 2, 12
_TIMES = ("created_at", "started_at", "ended_at", "last_seen_at")


@dataclass(frozen=True, slots=True)
class MetricStat:
    """
    What one metric of one run comes to.

    Attributes:
        n, n_numeric: points, and those of them that are numbers.
        last_value, last_text, last_step: of the point logged last; a text's value is None.
        min_value, min_step, max_value, max_step: over finite values; None if there is none.
    """

    n: int
    n_numeric: int
    last_value: float | None
    last_text: str | None
    last_step: int | None
    min_value: float | None
    min_step: int | None
    max_value: float | None
    max_step: int | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """
    One run as the view `run` tells it, with its tags, properties and the metrics that were asked for.

    Times are in UTC, `duration_s` in seconds; `n_lost` counts points that could not be kept, `n_dead_letters` events
    that could not be read. `metrics` has an entry per asked metric that the run has.
    """

    run_id: str
    workspace: str
    experiment: str
    number: int
    display_name: str | None
    status: str
    created_at: dt.datetime
    started_at: dt.datetime
    ended_at: dt.datetime | None
    duration_s: float
    user: str | None
    host: str | None
    pid: int | None
    description: str | None
    run_type: str | None
    parent_run_id: str | None
    error_type: str | None
    error_message: str | None
    error_traceback: str | None
    error_code: str | None
    n_points: int
    n_producers: int
    n_lost: int
    n_dead_letters: int
    last_seen_at: dt.datetime
    archived: bool
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, MetricStat] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether the run has ended: completed, failed or canceled."""
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class LoggedMetric:
    """One scalar metric of one run: its name and form, and how many of its points are numbers."""

    run_id: str
    name: str
    form: str
    n_numeric: int


@dataclass(frozen=True, slots=True)
class RunPage:
    """
    One page of the run list.

    Attributes:
        rows: the runs of this page.
        total: runs that match, over all pages.
        counts_by_status: of the runs that match if no status were asked for.
        experiments: every experiment of the workspace, sorted.
        n_children: run id -> children, of the rows that have any.
        catalog: every experiment, hidden ones and those of other workspaces too.
        logged: the metrics without columns of the first two runs of each experiment on the page, of at most twelve
            runs in all: of each run the first logged first.
    """

    rows: list[RunRow]
    total: int
    counts_by_status: dict[str, int]
    experiments: list[str]
    n_children: Mapping[str, int] = field(default_factory=dict)
    catalog: Sequence[ExperimentRow] = ()
    logged: Sequence[LoggedMetric] = ()


_Structs = list[dict[str, Any]] | None

_FIELDS = ", ".join(
    f"'{name}': {f'epoch_us({name})' if name in _TIMES else f'r.{chr(34)}{name}{chr(34)}'}" for name in RUN_COLUMNS
)
# As view series tells it, but only of the runs that are shown: the view joins the figures of every series first, since
# no filter passes its window. Runs here are few, so their keys and series ids come first and everything else follows.
_STAT = """
    SELECT run_id, name, sum(n)::BIGINT AS n, sum(n_numeric)::BIGINT AS n_numeric,
           arg_max_null(last_value, (producer_id, last_index)) AS last_value,
           arg_max_null(last_text, (producer_id, last_index)) AS last_text,
           arg_max_null(last_step + if(last_kind >= 8, shift, 0), (producer_id, last_index)) AS last_step,
           min(min_value) AS min_value,
           arg_min(min_step + if(n_stepless = n, shift, 0), (min_value, min_step))
               FILTER (min_value IS NOT NULL) AS min_step,
           max(max_value) AS max_value,
           arg_min(max_step + if(n_stepless = n, shift, 0), (-max_value, max_step))
               FILTER (max_value IS NOT NULL) AS max_step
    FROM (
        SELECT o.run_id, o.name, o.producer_id, f.* EXCLUDE (run_key, series_id),
               coalesce(sum(f.n_stepless) OVER (PARTITION BY o.run_key, o.name ORDER BY o.producer_id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT AS shift
        FROM (SELECT DISTINCT run_key, run_id, producer_id, name, series_id FROM series_log
              WHERE column_name IS NULL AND name IN {names} AND run_key IN (SELECT run_key FROM {runs})) AS o
        JOIN series_newest AS f ON f.run_key = o.run_key AND f.series_id = o.series_id
    )
    WHERE n > 0 GROUP BY run_id, name"""


def run_page(
    access: Access,
    text: str,
    *,
    workspace: str | None,
    experiment: str | None,
    status: Sequence[str],
    sort: str,
    page: int,
    page_size: int,
    metrics: Sequence[str],
    include_children: bool,
    include_archived: bool,
) -> RunPage:
    """
    Read one page of runs.

    Raises:
        FilterError: a term of the filter, or the sort, means nothing.
    """
    terms = parse(text)
    wanted = _conditions(terms, experiment, include_children, include_archived)
    inside = f"WHERE r.workspace = {literal(workspace)}" if workspace is not None else ""
    order, join = sort_expression(sort)
    statement = f"""
WITH known AS MATERIALIZED (FROM run AS r {inside}),
matched AS MATERIALIZED (FROM known AS r {_where(wanted)}),
counted AS MATERIALIZED (FROM matched AS r {f"WHERE r.status IN {_tuple(status)}" if status else ""}),
shown AS MATERIALIZED (
    SELECT r.*, row_number() OVER (ORDER BY {order}, r.created_at DESC, r.run_id) AS place
    FROM counted AS r {join}
    ORDER BY place LIMIT {int(page_size)} OFFSET {max(0, int(page) - 1) * int(page_size)}
)
SELECT (SELECT sum(1) FROM counted), (SELECT list({{'s': status, 'n': n}}) FROM
           (SELECT status, sum(1)::BIGINT AS n FROM matched GROUP BY 1)),
       (SELECT list(DISTINCT experiment) FROM known), {_CHILDREN},
       (SELECT list(e ORDER BY e.workspace, e.name) FROM ({EXPERIMENTS}) AS e), {_LOGGED},
       {_details("shown", "place", metrics)}"""
    answer = _page_of(*access.run(statement, lambda cursor: cursor.fetchall())[0])
    if not answer.total:
        _check_keys(access, terms)
    return answer


def _page_of(
    total: int | None, counts: _Structs, experiments: list[str] | None, children: _Structs, catalog: _Structs,
    logged: _Structs, *details: Any,
) -> RunPage:  # fmt: skip
    """The page that one row of the database tells; a list without elements comes as None."""
    return RunPage(
        rows=rows_of(*details),
        total=int(total or 0),
        counts_by_status={row["s"]: row["n"] for row in counts or ()},
        experiments=sorted(experiments or ()),
        n_children={row["r"]: row["n"] for row in children or ()},
        catalog=[experiment_of(*row.values()) for row in catalog or ()],
        logged=[LoggedMetric(**row) for row in logged or ()],
    )


_CHILDREN = """(SELECT list({'r': parent_run_id, 'n': n}) FROM (
           SELECT parent_run_id, sum(1)::BIGINT AS n FROM known
           WHERE parent_run_id IN (SELECT run_id FROM shown) GROUP BY 1))"""

# As _STAT: the runs are few, so what they have logged comes first.
_LOGGED = f"""(SELECT list({{'run_id': run_id, 'name': name, 'form': form, 'n_numeric': n}} ORDER BY place, first)
       FROM (
           SELECT e.run_id, e.place, o.name, arg_min(o.form, (o.producer_id, o.first_index)) AS form,
                  coalesce(sum(f.n_numeric), 0)::BIGINT AS n, min((o.producer_id, o.first_index)) AS first
           FROM (FROM shown QUALIFY row_number() OVER (PARTITION BY experiment ORDER BY place) <= {_AN_EXPERIMENT}
                 ORDER BY place LIMIT {_EXAMPLES}) AS e
           JOIN (SELECT run_key, run_id, producer_id, name, form, series_id, min(first_index) AS first_index
                 FROM series_log WHERE column_name IS NULL AND run_key IN (SELECT run_key FROM shown)
                 GROUP BY ALL) AS o ON o.run_key = e.run_key AND o.run_id = e.run_id
           LEFT JOIN series_newest AS f ON f.run_key = o.run_key AND f.series_id = o.series_id
           GROUP BY e.run_id, e.place, o.name))"""


def _conditions(
    terms: Sequence[Term], experiment: str | None, include_children: bool, include_archived: bool
) -> list[str]:
    wanted = [condition(term) for term in terms]
    if not include_archived and not any(term.key == "archived" for term in terms):
        wanted.append("NOT r.archived")
    if not include_children and not any(term.column == "parent_run_id" for term in terms):
        wanted.append("r.parent_run_id IS NULL")
    if experiment is not None:
        wanted.append(f"r.experiment = {literal(experiment)}")
    return wanted


def run_many(access: Access, run_ids: Sequence[str], metrics: Sequence[str] = ()) -> list[RunRow]:
    """Read the runs with these ids that exist, in the order of the ids."""
    ids = list(dict.fromkeys(run_ids))
    if not ids:
        return []
    statement = many_statement(f"run_id IN {_tuple(ids)}", metrics)
    rows = rows_of(*access.run(statement, lambda cursor: cursor.fetchall())[0])
    return sorted(rows, key=lambda row: ids.index(row.run_id))


def many_statement(condition: str, metrics: Sequence[str] = ()) -> str:
    """Return the statement for the runs that fulfil a condition; `rows_of` takes its four columns, more may follow."""
    return f"""
WITH shown AS MATERIALIZED (FROM run WHERE {condition})
SELECT {_details("shown", "run_id", metrics)}"""


def _details(runs: str, order: str, metrics: Sequence[str]) -> str:
    """Four columns: the runs of the CTE *runs* in *order*, their tags, properties and the figures of *metrics*."""
    own = f"run_id IN (SELECT run_id FROM {runs})"
    figures = _STAT.format(names=_tuple(metrics), runs=runs)
    return f"""
       (SELECT list({{{_FIELDS}}} ORDER BY r.{order}) FROM {runs} AS r),
       (SELECT list({{'r': run_id, 'k': key, 'v': value}} ORDER BY key) FROM tag WHERE {own}),
       (SELECT list({{'r': run_id, 'k': key, 'v': value}} ORDER BY key) FROM property WHERE {own}),
       {f"(SELECT list(m) FROM ({figures}) AS m)" if metrics else "NULL"}"""


def rows_of(runs: Any, tags: Any, properties: Any, figures: Any) -> list[RunRow]:
    """Build the rows out of the four columns of `_details`."""
    of_run: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
        run["run_id"]: ({}, {}, {}) for run in runs or ()
    }
    for place, found in enumerate((tags, properties)):
        for row in found or ():
            of_run[row["r"]][place][row["k"]] = row["v"]
    for row in figures or ():
        run_id, name = row.pop("run_id"), row.pop("name")
        of_run[run_id][2][name] = MetricStat(**row)
    rows: list[RunRow] = []
    for run in runs or ():
        for name in _TIMES:
            run[name] = None if run[name] is None else utc(run[name])
        tags_of, properties_of, metrics_of = of_run[run["run_id"]]
        rows.append(RunRow(**run, tags=tags_of, properties=properties_of, metrics=metrics_of))
    return rows


def _check_keys(access: Access, terms: Sequence[Term]) -> None:
    """Tell a mistyped key from a filter that just matches nothing."""
    for term in terms:
        if term.key is None or term.is_known:
            continue
        name = literal(term.key)
        known = access.run(
            f"SELECT 1 WHERE EXISTS (FROM series_log WHERE name = {name}) "
            f"OR EXISTS (FROM tag_event WHERE key = {name}) OR EXISTS (FROM property_event WHERE key = {name})",
            lambda cursor: cursor.fetchall(),
        )
        if not known:
            raise FilterError(term.text, "names no metric, property or tag of any run")


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _tuple(values: Sequence[str]) -> str:
    return f"({', '.join(literal(value) for value in values)})"
