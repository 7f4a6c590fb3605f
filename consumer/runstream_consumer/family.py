"""Runs as programs look for them: by type, tags, properties, status and parent; children, and their children."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runstream_consumer.access import Access
from runstream_consumer.catalog import Tag
from runstream_consumer.literal import literal
from runstream_consumer.runs import RunRow, run_many
from runstream_consumer.shapes import metrics_of_runs

PAGE_SIZE = 100
LARGEST_PAGE = 1600
"""Whoever reads on gets larger pages: a page costs a look at every run, however few it shows."""


@dataclass(frozen=True, slots=True)
class RunQuery:
    """
    Which runs are looked for; what is None or empty leaves all of them.

    Attributes:
        workspace, experiment: that they are in.
        run_type: what made them.
        tags, properties: each a key that they have, or (key, value).
        status: one of these, whatever the case.
        parent_run_id: the run that they are children of.
        recursive: with a parent: the children's children too, and so on.
        include_children: False: only runs that are nobody's child. A parent makes it True.
        archived: True: only those that are hidden; False: only the others; None: both.
    """

    workspace: str | None = None
    experiment: str | None = None
    run_type: str | None = None
    tags: Sequence[Tag] = ()
    properties: Sequence[Tag] = ()
    status: Sequence[str] = ()
    parent_run_id: str | None = None
    recursive: bool = False
    include_children: bool = True
    archived: bool | None = False


class FamilyReads:
    """The questions about runs and their children; a part of `History`."""

    _access: Access

    def find_runs(self, query: RunQuery, page_size: int = PAGE_SIZE) -> Iterator[RunRow]:
        """
        Yield the runs that *query* describes with their tags and properties, the newest created first.

        They are read a page at a time, as they are asked for; what is created meanwhile is not among them.

        Args:
            query: which ones.
            page_size: how many are read at once, twice as many each time, up to 1,600.
        """
        before: tuple[int, str] | None = None
        while True:
            places = _page(self._access, query, before, page_size)
            yield from run_many(self._access, [run_id for _, run_id in places])
            if len(places) < page_size:
                return
            before, page_size = places[-1], min(2 * page_size, max(page_size, LARGEST_PAGE))

    def children(self, run_id: str, *, recursive: bool = False) -> list[RunRow]:
        """Return the runs that are children of one, the newest first; *recursive*: their children too, and so on."""
        return list(self.find_runs(RunQuery(parent_run_id=run_id, recursive=recursive, archived=None)))

    def parent(self, run_id: str) -> RunRow | None:
        """Return the run that *run_id* is a child of; None where there is none, or nobody knows it."""
        rows = run_many(self._access, [run_id])
        parent = rows[0].parent_run_id if rows else None
        return next(iter(run_many(self._access, [parent])), None) if parent is not None else None

    def metrics_of_runs(self, run_ids: Sequence[str], name: str | None = None) -> dict[str, dict[str, Any]]:
        """Return run id -> what `History.metrics` gives, in the order of the ids; runs without metrics are left out."""
        return metrics_of_runs(self._access, run_ids, name)


def _page(access: Access, query: RunQuery, before: tuple[int, str] | None, page_size: int) -> list[tuple[int, str]]:
    """Read one page of (time of creation in us, run id), the newest first."""
    wanted = _conditions(query)
    if before is not None:
        at, run_id = before
        wanted.append(f"(epoch_us(r.created_at), r.run_id) < ({int(at)}, {literal(run_id)})")
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    statement = f"""
WITH RECURSIVE {_descendants(query)}
known AS MATERIALIZED (SELECT run_id, created_at FROM run AS r {where})
SELECT epoch_us(created_at) AS at_us, run_id FROM known ORDER BY at_us DESC, run_id DESC LIMIT {int(page_size)}"""
    return access.run(statement, lambda cursor: [(at, run_id) for at, run_id in cursor.fetchall()])


def _conditions(query: RunQuery) -> list[str]:
    columns = {
        "workspace": query.workspace,
        "experiment": query.experiment,
        "run_type": query.run_type,
        "archived": query.archived,
    }
    wanted = [f'r."{column}" = {literal(value)}' for column, value in columns.items() if value is not None]
    for table, labels in (("tag", query.tags), ("property", query.properties)):
        wanted += [f"r.run_id IN (SELECT run_id FROM {table} WHERE {_labelled(label)})" for label in labels]
    if query.status:
        wanted.append(f"lower(r.status) IN ({', '.join(literal(status.lower()) for status in query.status)})")
    if query.parent_run_id is None:
        return wanted if query.include_children else [*wanted, "r.parent_run_id IS NULL"]
    if query.recursive:
        return [*wanted, "r.run_id IN (SELECT run_id FROM descendant)"]
    return [*wanted, f"r.parent_run_id = {literal(query.parent_run_id)}"]


def _labelled(label: Tag) -> str:
    if isinstance(label, str):
        return f"key = {literal(label)}"
    key, value = label
    return f"key = {literal(key)} AND value IS NOT DISTINCT FROM {literal(value)}"


def _descendants(query: RunQuery) -> str:
    """Return the part of a WITH that names the children of the asked parent, their children, and so on."""
    if query.parent_run_id is None or not query.recursive:
        return ""
    root = literal(query.parent_run_id)
    # UNION, not UNION ALL: runs that name each other as parents would be gone through for ever.
    return f"""
kin AS MATERIALIZED (SELECT run_id, parent_run_id FROM run WHERE parent_run_id IS NOT NULL),
descendant AS (
    SELECT run_id FROM kin WHERE parent_run_id = {root}
    UNION
    SELECT k.run_id FROM kin AS k JOIN descendant AS d ON k.parent_run_id = d.run_id
),"""
