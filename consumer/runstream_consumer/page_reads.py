"""What a page looks at together, in one statement: each costs a round trip and a check, however little it asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from runstream_consumer import details, shapes
from runstream_consumer.access import Access
from runstream_consumer.catalog import ModelFileRow, files_statement
from runstream_consumer.details import ArtifactRow, MetricInfo
from runstream_consumer.literal import literal
from runstream_consumer.runs import RunRow, many_statement, rows_of


@dataclass(frozen=True, slots=True)
class RunFacts:
    """
    Runs with what is known of them beside their points.

    Attributes:
        rows: the runs that were asked for and exist, in that order.
        parents: run id -> the run that one of them belongs to, where that is known.
        metrics: their metrics and columns, of each run the first logged first.
    """

    rows: list[RunRow] = field(default_factory=list)
    parents: dict[str, RunRow] = field(default_factory=dict)
    metrics: list[MetricInfo] = field(default_factory=list)


class PageReads:
    """The questions that pages of the dashboard ask; a part of `History`."""

    _access: Access

    def run_facts(self, run_ids: Sequence[str]) -> RunFacts:
        """Return the runs with these ids that exist, the runs that they belong to, and their metrics."""
        ids = list(dict.fromkeys(run_ids))
        if not ids:
            return RunFacts()
        names = ", ".join(literal(run_id) for run_id in ids)
        family = f"""
run_id IN ({names})
OR run_id IN (SELECT parent_run_id FROM run_event WHERE change = 'created' AND run_id IN ({names}))"""
        statement = f"{many_statement(family)}, {_listed(details.metric_statement(ids))}"
        *told, metrics = self._access.run(statement, lambda cursor: cursor.fetchall())[0]
        found = {row.run_id: row for row in rows_of(*told)}
        own = [found[run_id] for run_id in ids if run_id in found]
        return RunFacts(
            rows=own,
            parents={
                row.parent_run_id: found[row.parent_run_id] for row in found.values() if row.parent_run_id in found
            },
            metrics=[MetricInfo(*row) for row in _rows(metrics)],
        )

    def version_facts(self, registration_id: str, run_id: str | None) -> tuple[list[ModelFileRow], RunRow | None]:
        """Return the files of one version of a model, as `model_files` does, and the run that it came from if known."""
        statement = f"{many_statement(f'run_id = {literal(run_id)}')}, {_listed(files_statement(registration_id))}"
        *told, files = self._access.run(statement, lambda cursor: cursor.fetchall())[0]
        return [ModelFileRow(*row) for row in _rows(files)], next(iter(rows_of(*told)), None)

    def columns_of(self, run_id: str, names: Sequence[str]) -> dict[str, dict[str, list[Any]]]:
        """Return metric -> what `table` gives, of those of these metrics that the run has."""
        return shapes.tables(self._access, run_id, names)

    def newest_artifacts(self, run_ids: Sequence[str]) -> list[ArtifactRow]:
        """Return the files of many runs by path, of each the version that shows, without their bytes."""
        return details.artifacts_of_runs(self._access, run_ids) if run_ids else []


def _listed(statement: str) -> str:
    """One column that holds a statement's rows in their order; `_rows` takes them out again."""
    return f"""(SELECT list(r ORDER BY r.place)
        FROM (SELECT *, row_number() OVER () AS place FROM ({statement})) AS r)"""


def _rows(found: list[dict[str, Any]] | None) -> list[tuple[Any, ...]]:
    return [tuple(row.values())[:-1] for row in found or ()]
