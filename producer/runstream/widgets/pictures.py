"""The newest pictures of a run, each in a slot of its own, so that a new one costs its own bytes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from runstream import artifacts
from runstream.config import Config
from runstream_schemas.errors import RunstreamError

if TYPE_CHECKING:
    from runstream_consumer.history import ArtifactRow, History

N_SLOTS: Final = 12
MAX_BYTES: Final = 1_000_000

# What a browser draws without running anything that the file holds.
TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})


@dataclass(frozen=True, slots=True)
class Picture:
    """
    One picture.

    Attributes:
        path: its name among the run's files.
        metric: the metric that it was logged as; "" for a file.
        content_type, size_bytes: of the file.
        logged_at_s: seconds since 1970.
        slot: where its bytes are.
        trouble: why they are not; "" where they are.
    """

    path: str
    metric: str
    content_type: str
    size_bytes: int
    logged_at_s: float
    slot: int
    trouble: str


class Pictures:
    """Reads the pictures of one run, and remembers their bytes."""

    def __init__(self, config: Config, run_id: str) -> None:
        self._config = config
        self._run_id = run_id
        self._slot_of: dict[tuple[str, str], int] = {}
        self._trouble: dict[tuple[str, str], str] = {}
        self.slots: list[bytes] = [b""] * N_SLOTS
        """The bytes of each slot."""

    def read(self, history: History) -> tuple[list[Picture], int]:
        """Return the newest pictures, newest first, and how many older ones there are; `slots` holds their bytes."""
        rows = [row for row in history.artifacts(self._run_id) if row.content_type in TYPES]
        rows.sort(key=lambda row: (row.logged_at, row.path), reverse=True)
        shown = rows[:N_SLOTS]
        keys = {_key(row) for row in shown}
        for gone in [key for key in self._slot_of if key not in keys]:
            self.slots[self._slot_of.pop(gone)] = b""
            self._trouble.pop(gone, None)
        for row in shown:
            if _key(row) not in self._slot_of:
                self._fill(history, row)
        return [self._picture(row) for row in shown], len(rows) - len(shown)

    def _fill(self, history: History, row: ArtifactRow) -> None:
        slot = next(number for number in range(N_SLOTS) if number not in self._slot_of.values())
        self._slot_of[_key(row)] = slot
        if row.size_bytes > MAX_BYTES:
            self._trouble[_key(row)] = "too large to be shown here"
            return
        try:
            whole = history.artifact(self._run_id, row.path, row.version)
            with artifacts.content_of(whole.location, whole.content, whole.sha256, self._config) as source:
                self.slots[slot] = artifacts.whole(source)
        except (OSError, RunstreamError) as error:
            self._trouble[_key(row)] = str(error)

    def _picture(self, row: ArtifactRow) -> Picture:
        return Picture(
            path=row.path,
            metric=row.metric_name or "",
            content_type=row.content_type,
            size_bytes=row.size_bytes,
            logged_at_s=row.logged_at.timestamp(),
            slot=self._slot_of[_key(row)],
            trouble=self._trouble.get(_key(row), ""),
        )


def _key(row: ArtifactRow) -> tuple[str, str]:
    return row.path, row.sha256
