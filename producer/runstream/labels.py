"""A run's labels: tags, which may change, and properties, which may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runstream import tags
from runstream.handle import Handle
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import PropertiesAdded, TagEvent


class Labels(Handle):
    """The part of a run that tags it."""

    __slots__ = ()

    def tag(self, key: str, value: str | None = None) -> None:
        """Set one tag; of several values for one key the newest holds. See set_tags()."""
        self.set_tags({key: value})

    def set_tags(self, tags_to_set: Mapping[str, str | None]) -> None:
        """
        Set tags; other tags stay.

        Raises:
            InvalidName: a key is empty, longer than 256 bytes, or holds control characters.
            TooLarge: a value has more than 64 KiB of UTF-8.
        """
        for key, value in tags.checked_tags(tags_to_set).items():
            self._append_tag(key, value, removed=False)

    def remove_tags(self, keys: str | Iterable[str]) -> None:
        """Remove tags by their keys; one that the run does not have does no harm."""
        for key in tags.checked_keys(keys):
            self._append_tag(key, None, removed=True)

    def get_tags(self) -> dict[str, str | None]:
        """Read the run's tags. Raises as get_metrics() does."""
        return self._reader().tags()

    @property
    def tags(self) -> dict[str, str | None]:
        """The run's tags, read anew each time, as by get_tags()."""
        return self.get_tags()

    def add_properties(self, properties: Mapping[str, str]) -> None:
        """
        Add properties, which never change: for what a run was made from, such as a commit.

        Of two processes that add one key at the same moment, the older addition holds.

        Raises:
            PropertyExists: a key was added before; nothing is added then.
            InvalidName, InvalidValue, TooLarge: a key or a value cannot be kept.
        """
        added = tags.checked_properties(properties)
        tags.claim(self._id, self._known.properties, self._reader().known_properties(), added)
        try:
            self._append_change(PropertiesAdded(added))
        except JournalUnavailable:
            tags.release(self._known.properties, added)
            raise

    def get_properties(self) -> dict[str, str]:
        """Read the run's properties. Raises as get_metrics() does."""
        return self._reader().properties()

    @property
    def properties(self) -> dict[str, str]:
        """The run's properties, read anew each time, as by get_properties()."""
        return self.get_properties()

    def _append_tag(self, key: str, value: str | None, *, removed: bool) -> None:
        run_id, producer = self._id, self.producer
        producer.append(lambda sequence, at: TagEvent(run_id, producer.producer_id, sequence, at, key, value, removed))
