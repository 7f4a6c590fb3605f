"""The differing texts of two runs beside each other."""

from __future__ import annotations

from dataclasses import replace

from runstream_dashboard import text_diff
from tests.test_differences import ROWS


def test_what_two_runs_say_differently_is_offered() -> None:
    """Parameters without those that tell the origin, the command line by its words, and each long value by itself."""
    left = replace(
        ROWS[0],
        tags={"best": None},
        properties={"lr": "0.1", "config": "a: 1\nb: 2", "runstream.command_line": "train.py --lr 0.1 'a b'"},
    )
    right = replace(
        left, properties={"lr": "0.2", "config": "a: 1\nb: 3", "runstream.command_line": "train.py --lr 0.2 'a b'"}
    )

    found = text_diff.documents(left, right)

    assert list(found) == ["Parameters", "Command line", "config"]
    assert found["Parameters"][0] == ["config = a: 1 …", "lr = 0.1"]
    assert found["Command line"][1] == ["train.py", "--lr 0.2", "a b"]
    assert found["config"] == (["a: 1", "b: 2"], ["a: 1", "b: 3"])


def test_equal_lines_stand_at_the_same_height() -> None:
    """A stretch that is longer on one side is filled up on the other."""
    sides = text_diff.beside(["a", "b", "c", "d"], ["a", "x", "d", "e"])

    assert sides.left == ("  a", "- b", "- c", "  d", "")
    assert sides.right == ("  a", "+ x", "", "  d", "+ e")
    assert (sides.n_changed, sides.is_cut) == (3, False)


def test_long_equal_stretches_are_counted() -> None:
    """Three lines next to a change are kept, those beyond are one line that says how many they are."""
    lines = [str(n) for n in range(20)]
    sides = text_diff.beside([*lines, "old", *lines], [*lines, "new", *lines])

    assert sides.left == (
        "  ⋯ 17 equal lines", "  17", "  18", "  19", "- old", "  0", "  1", "  2", "  ⋯ 17 equal lines",
    )  # fmt: skip


def test_a_text_of_many_lines_is_cut() -> None:
    """Comparing grows with the product of the lengths: both sides end at a bound, which is told."""
    assert text_diff.beside(["a"] * (text_diff.MAX_LINES + 1), ["a"]).is_cut


def test_files_are_compared_where_both_have_them() -> None:
    """A file that only one side has, or that is the same, has nothing to stand beside."""
    assert text_diff.changed({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "3"}) == ["b"]
