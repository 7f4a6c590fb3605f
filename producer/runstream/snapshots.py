"""A run's snapshot: the folder that it was made from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runstream.handle import Handle
from runstream_schemas.errors import SnapshotNotFound
from runstream_schemas.events import PropertiesAdded

if TYPE_CHECKING:
    from runstream.snapshot import Snapshot


class Snapshots(Handle):
    """The part of a run that keeps and restores its folder."""

    __slots__ = ()

    def take_snapshot(self, file_or_folder_path: Any) -> str:
        """
        Keep a folder, without what its .amlignore (else .gitignore) names, or a file; return the snapshot's id.

        The first one becomes the run's own; a folder that did not change has the same id again.

        Raises:
            SnapshotFailed: it is not there, is too large, or holds something that cannot be kept; the error says what.
        """
        from runstream import snapshot

        kept = snapshot.take(Path(os.fspath(file_or_folder_path)).expanduser(), self._config)
        self._have_snapshot(kept)
        return kept.id

    def _have_snapshot(self, kept: Snapshot) -> None:
        """Make a snapshot the run's own, unless it has one."""
        from runstream_schemas.snapshot import PROPERTY

        if PROPERTY not in self._known.properties:
            self._append_change(PropertiesAdded(kept.properties()))
            self._known.properties[PROPERTY] = kept

    def get_snapshot_id(self) -> str:
        """
        Read the id of the run's snapshot.

        Raises:
            SnapshotNotFound: the run has none.
        """
        from runstream_schemas.snapshot import PROPERTY

        found = self._reader().properties().get(PROPERTY)
        if found is None:
            raise SnapshotNotFound(self._id, "the run has no snapshot; take_snapshot(folder) keeps one")
        return found

    def restore_snapshot(self, snapshot_id: str | None = None, path: Any = None) -> str:
        """
        Write a snapshot into a zip file; return its absolute path.

        Args:
            snapshot_id: left out, the run's own.
            path: the folder to write `<id>.zip` into; left out, a temporary one.

        Raises:
            SnapshotNotFound: there is no such snapshot, or the store does not hold all of it.
            UnsafePath: a path in it would leave the folder.
        """
        import tempfile

        from runstream import snapshot

        wanted = self.get_snapshot_id() if snapshot_id is None else snapshot_id
        folder = Path(tempfile.mkdtemp(prefix="runstream-") if path is None else os.fspath(path)).expanduser()
        return str(snapshot.restore_zip(wanted, folder / f"{wanted}.zip", self._config))
