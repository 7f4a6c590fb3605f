"""Pictures of runs side by side: the same name at the same place in the order of logging."""

from __future__ import annotations

import datetime as dt

import pytest

from runstream_consumer.history import ArtifactRow
from runstream_dashboard import gallery

START = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)


def picture(run_id: str, name: str, minute: int) -> ArtifactRow:
    """Make a picture that a run logged so many minutes after the start."""
    at = START + dt.timedelta(minutes=minute)
    return ArtifactRow(run_id, f"{name}_{minute}.png", 1, "0" * 64, "image/png", None, None, name, at, 1, True)


HUNG = gallery.hang(
    [
        picture("a", "only a", 0),
        picture("a", "confusion", 2),
        picture("a", "confusion", 1),
        picture("b", "confusion", 3),
    ]
)


def test_names_that_most_runs_have_come_first() -> None:
    """What can be compared is offered before what one run has alone."""
    assert HUNG.names == ["confusion", "only a"]


def test_the_same_place_is_shown_of_every_run() -> None:
    """Pictures are counted per run in the order of logging; a run with fewer has none there."""
    assert HUNG.longest("confusion") == 2
    first, second = HUNG.shot("confusion", "a", 1), HUNG.shot("confusion", "a", 2)
    assert first is not None
    assert second is not None
    assert first.logged_at < second.logged_at
    assert HUNG.shot("confusion", "b", 1) is not None
    assert HUNG.shot("confusion", "b", 2) is None
    assert (HUNG.count("confusion", "b"), HUNG.count("only a", "b")) == (1, 0)


@pytest.mark.parametrize(("text", "place"), [(None, 5), ("2", 2), ("0", 1), ("99", 5), ("-1", 5), ("x", 5)])
def test_an_address_asks_for_a_place_or_the_newest(text: str | None, place: int) -> None:
    """A place that cannot be is the nearest that can; nonsense is the newest picture."""
    assert gallery.place_of(text, 5) == place
