"""How runs are called on the pages: by their name, else by their number; told apart where several share one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runstream_consumer.history import RunRow

# An id that was drawn, not written: nobody knows a run by it.
_DRAWN = re.compile(r"(OfflineRun_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def of(row: RunRow) -> str:
    """Return what a run is called: its name, its number where it has none and its id was drawn, else its id."""
    if row.display_name:
        return row.display_name
    return f"run {row.number}" if _DRAWN.fullmatch(row.run_id) else row.run_id


def among(rows: Iterable[RunRow]) -> dict[str, str]:
    """
    Return what each of these runs is called beside the others, by run id.

    Where several have one name, their numbers tell them apart, and their experiments too if those differ.
    """
    called: dict[str, list[RunRow]] = {}
    for row in rows:
        called.setdefault(of(row), []).append(row)
    return {row.run_id: _told_apart(name, row, same) for name, same in called.items() for row in same}


def _told_apart(name: str, row: RunRow, same: list[RunRow]) -> str:
    if len(same) == 1:
        return name
    workspaces = {each.workspace for each in same}
    experiment = row.experiment if len(workspaces) == 1 else f"{row.workspace}/{row.experiment}"
    if not row.display_name:
        return f"{name} · {experiment}"
    is_one_experiment = len({(each.workspace, each.experiment) for each in same}) == 1
    return f"{name} · {row.number}" if is_one_experiment else f"{name} · {experiment} {row.number}"
