"""An experiment's labels: tags, and whether it is hidden from lists. They belong to no run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from runstream import config, registry
from runstream import tags as labels
from runstream_schemas.catalog import EXPERIMENT, CatalogArchived, CatalogChange, CatalogTag

if TYPE_CHECKING:
    from runstream.reading import ExperimentRow
    from runstream.workspace import Workspace


class ExperimentLabels:
    """The part of an experiment that tags, hides and describes it."""

    __slots__ = ("_name", "_row", "_workspace")

    _name: str
    _workspace: Workspace
    _row: ExperimentRow | None
    """What the history says about it, once it was asked; None before, and where it says nothing."""

    @property
    def id(self) -> str:
        """The experiment's name, which tells it from all others of its workspace."""
        return self._name

    @property
    def tags(self) -> dict[str, str | None]:
        """The experiment's tags: read once, and again after refresh() and after a change from here."""
        row = self._read()
        return {} if row is None else dict(row.tags)

    @property
    def archived_time(self) -> datetime | None:
        """When it was archived, in UTC; None if it is not. Read like the tags."""
        row = self._read()
        return None if row is None else row.archived_at

    def refresh(self) -> None:
        """Read tags and archived_time anew, as other processes may have changed them. Raises as get_metrics() does."""
        self._row = None
        self._read()

    def tag(self, key: str, value: str | None = None) -> None:
        """Set one tag. See set_tags()."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, str | None]) -> None:
        """
        Set tags of the experiment; other tags stay.

        Raises:
            InvalidName: a key is empty, longer than 256 bytes, or holds control characters.
            TooLarge: a value has more than 64 KiB of UTF-8.
            JournalUnavailable: nothing can be written below RUNSTREAM_HOME.
        """
        for key, value in labels.checked_tags(tags).items():
            self._append(CatalogTag(key, value))

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Remove tags by their keys; one that the experiment does not have does no harm."""
        for key in labels.checked_keys(tags):
            self._append(CatalogTag(key, None, removed=True))

    def archive(self) -> None:
        """Hide the experiment from lists; its runs stay, and more may be logged."""
        self._append(CatalogArchived(True))

    def reactivate(self) -> None:
        """Bring an archived experiment back into lists."""
        self._append(CatalogArchived(False))

    def _append(self, change: CatalogChange) -> None:
        producer = registry.producer_of(config.read())
        registry.append(producer, self._workspace.name, EXPERIMENT, self._name, change)
        self._row = None

    def _read(self) -> ExperimentRow | None:
        if self._row is None:
            with registry.history(config.read(), "reading an experiment") as history:
                found = history.experiments(self._workspace.name, self._name, archived=None)
            self._row = found[0] if found else None
        return self._row
