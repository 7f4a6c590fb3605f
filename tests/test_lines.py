"""Printed text becomes numbered lines, however it comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runstream.lines import MAX_PIECE_CHARACTERS, Lines


def pieces(*texts: str) -> list[tuple[int, str]]:
    """What a stream comes to that is printed in these parts and then ends."""
    lines = Lines()
    return [piece for text in texts for piece in lines.feed(text)] + list(lines.finish())


def numbered(found: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Every line with its number, as the pieces say it."""
    return [
        (first + place, line)
        for first, text in found
        for place, line in enumerate(text.removesuffix("\n").split("\n"))
    ]  # fmt: skip


def test_lines_are_whole_and_numbered() -> None:
    """A line is there once it has ended; what the stream leaves without an end is a line, too."""
    lines = Lines()

    assert list(lines.feed("a\nb")) == [(0, "a\n")]
    assert list(lines.feed("c\n\n")) == [(1, "bc\n\n")]
    assert list(lines.feed("rest")) == []
    assert list(lines.finish()) == [(3, "rest\n")]
    assert list(lines.finish()) == []


def test_a_progress_bar_keeps_its_last_state() -> None:
    """As on the screen: what a carriage return overwrites is gone; before a line feed it is part of the end."""
    assert pieces("\r 1 %", "\r 50 %", "\r100 %\nnext\r\n") == [(0, "100 %\nnext\n")]


@given(st.lists(st.text(alphabet="ab\n\r가", max_size=12), max_size=12))
def test_any_split_of_a_text_gives_the_same_lines(texts: list[str]) -> None:
    """Numbers and texts do not depend on how often the stream was flushed."""
    assert numbered(pieces(*texts)) == numbered(pieces("".join(texts)))


@given(st.lists(st.text(alphabet="ab", max_size=30), max_size=30))
def test_lines_come_back_as_printed(texts: list[str]) -> None:
    """Without carriage returns and overlong lines nothing is changed and nothing lost."""
    printed = "".join(f"{text}\n" for text in texts)

    assert "".join(text for _, text in pieces(printed)) == printed
    assert [number for number, _ in numbered(pieces(printed))] == list(range(len(texts)))


def test_an_endless_line_is_cut_into_pieces_that_fit_an_event() -> None:
    """No piece is longer than an event's text may be, and every character is there."""
    found = pieces("x" * (3 * MAX_PIECE_CHARACTERS), "y\nz\n")

    assert max(len(text) for _, text in found) <= MAX_PIECE_CHARACTERS
    assert "".join(text for _, text in found).replace("\n", "") == "x" * (3 * MAX_PIECE_CHARACTERS) + "yz"
