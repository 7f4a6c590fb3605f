"""Pictures of several runs side by side: the same name, the same place in the order of logging. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runstream_consumer.history import ArtifactRow
from runstream_dashboard import files


@dataclass(frozen=True, slots=True)
class Gallery:
    """The pictures of runs: name -> run id -> its pictures, oldest first."""

    named: dict[str, dict[str, list[ArtifactRow]]]

    @property
    def names(self) -> list[str]:
        """Names of pictures; those that most runs have come first, of equals those logged first."""
        return sorted(self.named, key=lambda name: -len(self.named[name]))

    def longest(self, name: str) -> int:
        """Return how many pictures of this name the run has that has most of them."""
        return max(map(len, self.named[name].values()))

    def shot(self, name: str, run_id: str, place: int) -> ArtifactRow | None:
        """Return a run's picture at a place, from 1; None where it has fewer."""
        shots = self.named[name].get(run_id, [])
        return shots[place - 1] if place <= len(shots) else None

    def count(self, name: str, run_id: str) -> int:
        """Return how many pictures of this name a run has."""
        return len(self.named[name].get(run_id, []))


def hang(pictures: Sequence[ArtifactRow]) -> Gallery:
    """Put the pictures of many runs into a gallery."""
    by_run: dict[str, list[ArtifactRow]] = {}
    for picture in pictures:
        by_run.setdefault(picture.run_id, []).append(picture)
    named: dict[str, dict[str, list[ArtifactRow]]] = {}
    for run_id, own in by_run.items():
        for name, shots in files.images(own).items():
            named.setdefault(name, {})[run_id] = shots
    return Gallery(named)


def place_of(text: str | None, longest: int) -> int:
    """Return which picture an address asks for, from 1; the newest where it says nothing that can be."""
    if text is None or not text.isdecimal():
        return longest
    return min(max(1, int(text)), longest)
