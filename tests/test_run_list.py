"""The list of runs without children and hidden runs, or with them, and how many children each has."""

from __future__ import annotations

from runstream_schemas.events import Archived
from tests.served import Fill
from tests.test_family_reads import run


def family(fill: Fill) -> Fill:
    """Fold a parent with two children, one of them hidden, and a hidden run of its own."""
    fill(
        [
            *run("parent", 1),
            *run("child", 2, parent_run_id="parent"),
            *run("shy", 3, Archived(True), parent_run_id="parent"),
            *run("hidden", 4, Archived(True)),
        ]
    )
    return fill


def test_children_are_left_out_unless_asked_for(fill: Fill) -> None:
    """Their parent says how many it has, hidden ones too; the total and the counts are of what is listed."""
    history = family(fill)([])

    page = history.runs(include_children=False)

    assert [row.run_id for row in page.rows] == ["parent"]
    assert (page.total, page.n_children) == (1, {"parent": 2})
    assert [row.run_id for row in history.runs().rows] == ["child", "parent"]


def test_hidden_runs_are_listed_when_asked_for(fill: Fill) -> None:
    """Beside the others, and only then."""
    history = family(fill)([])

    assert [row.run_id for row in history.runs(include_children=False, include_archived=True).rows] == [
        "hidden",
        "parent",
    ]
    assert history.runs(include_archived=True).total == 4


def test_a_filter_by_parent_finds_children(fill: Fill) -> None:
    """Whoever names the parent asks for children."""
    history = family(fill)([])

    assert [row.run_id for row in history.runs("parent_run_id = parent", include_children=False).rows] == ["child"]
