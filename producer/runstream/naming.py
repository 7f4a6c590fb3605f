"""What a run is called and described as, what it is, and whether lists show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runstream.handle import Handle
from runstream.tags import checked_text
from runstream_schemas.events import Archived, Created, Described
from runstream_schemas.ids import check_name

if TYPE_CHECKING:
    from runstream.reading import RunRow


class Naming(Handle):
    """The part of a run that names it."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The same as display_name."""
        return self.display_name

    @property
    def display_name(self) -> str:
        """
        The name for people; the run's id where none was given. It may be set again, and the newest holds.

        Read from the history where another process may know it.
        """
        return self._identity().display_name or self._id

    @display_name.setter
    def display_name(self, text: str) -> None:
        self._describe(Described(display_name=check_name("display name", text)))

    @property
    def description(self) -> str | None:
        """The run's description, which may be set again; read from the history where another may know it."""
        return self._identity().description

    @description.setter
    def description(self, text: str) -> None:
        self._describe(Described(description=checked_text("description", text)))

    @property
    def number(self) -> int:
        """The run's place in its experiment by the time of creation, from 1; read from the history."""
        return (self._seen or self._reader().row()).number

    @property
    def type(self) -> str | None:
        """What made the run; None for one that was started by start_logging()."""
        return self._identity().run_type

    def archive(self) -> None:
        """Hide the run from lists; nothing of it is lost, and more may be logged."""
        self._append_change(Archived(True))

    def reactivate(self) -> None:
        """Bring an archived run back into lists."""
        self._append_change(Archived(False))

    def _identity(self) -> Created | RunRow:
        return self._told or self._seen or self._reader().row()

    def _describe(self, change: Described) -> None:
        self._append_change(change)
        new: dict[str, Any] = {
            field: text
            for field, text in (("display_name", change.display_name), ("description", change.description))
            if text is not None
        }
        self._told = self._told and replace(self._told, **new)
        self._seen = self._seen and replace(self._seen, **new)
