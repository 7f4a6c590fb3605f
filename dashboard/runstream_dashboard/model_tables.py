"""Registered models as tables for the models page. Pure: rows of the history in, pandas frames out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import pandas as pd

from runstream_consumer.history import ModelFileRow, ModelRow
from runstream_dashboard import formats, tables


@dataclass(frozen=True, slots=True)
class Family:
    """All versions of one model, the highest first."""

    workspace: str
    name: str
    versions: tuple[ModelRow, ...]

    @property
    def newest(self) -> ModelRow:
        """The highest version."""
        return self.versions[0]

    def version(self, asked: str | None) -> ModelRow:
        """Return the version that an address asks for; the newest where it asks for none that there is."""
        return next((row for row in self.versions if str(row.version) == asked), self.newest)


def families(rows: Sequence[ModelRow], find: str = "") -> list[Family]:
    """Return models with their versions, the one registered last first; only those that say a text."""
    by_name: dict[tuple[str, str], list[ModelRow]] = {}
    for row in rows:
        by_name.setdefault((row.workspace, row.name), []).append(row)
    found = [
        Family(workspace, name, tuple(sorted(versions, key=lambda row: row.version, reverse=True)))
        for (workspace, name), versions in by_name.items()
    ]
    word = find.strip().lower()
    kept = [family for family in found if word in _said(family)]
    return sorted(kept, key=lambda family: max(row.created_at for row in family.versions), reverse=True)


def _said(family: Family) -> str:
    parts = [family.name, family.workspace]
    for row in family.versions:
        parts += [row.description or "", row.framework or "", *tables.tag_texts(row.tags)]
    return "\n".join(parts).lower()


def family_table(shown: Sequence[Family]) -> pd.DataFrame:
    """Return models as a table, a row each, as of their newest version."""
    table = {
        "Model": [family.name for family in shown],
        "Newest": [family.newest.version for family in shown],
        "Versions": [len(family.versions) for family in shown],
        "Framework": [framework(family.newest) for family in shown],
        "Size": [family.newest.size_bytes for family in shown],
        "Registered": [family.newest.created_at for family in shown],
        "Tags": [tables.tag_texts(family.newest.tags) for family in shown],
    }
    if len({family.workspace for family in shown}) > 1:
        table["Workspace"] = [family.workspace for family in shown]
    return pd.DataFrame(table)


def version_table(family: Family) -> pd.DataFrame:
    """Return the versions of a model, the highest first."""
    rows = family.versions
    return pd.DataFrame(
        {
            "Version": [row.version for row in rows],
            "Registered": [row.created_at for row in rows],
            "Framework": [framework(row) for row in rows],
            "Files": [row.n_files for row in rows],
            "Size": [row.size_bytes for row in rows],
            "Run": [row.run_id or "" for row in rows],
            "Tags": [tables.tag_texts(row.tags) for row in rows],
            "Description": [row.description or "" for row in rows],
        }
    )


def file_table(files: Sequence[ModelFileRow]) -> pd.DataFrame:
    """Return the files of a version."""
    return pd.DataFrame(
        {
            "Path": [file.path for file in files],
            "Size": [file.size_bytes for file in files],
            "Kind": [file.content_type for file in files],
            "SHA-256": [file.sha256[:16] for file in files],
        }
    )


def framework(row: ModelRow) -> str:
    """Return what a model was made with: scikit-learn 1.5, or nothing."""
    return " ".join(part for part in (row.framework, row.framework_version) if part)


def summary(row: ModelRow, zone: tzinfo | None = None) -> str:
    """Return the facts of a version on one line."""
    parts = [
        row.workspace if row.workspace != "default" else "",
        f"registered {formats.moment(row.created_at, zone)}",
        framework(row),
        f"{formats.count(row.n_files)} file{'' if row.n_files == 1 else 's'}",
        formats.size(row.size_bytes),
    ]
    return " · ".join(part for part in parts if part)
