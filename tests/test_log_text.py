"""Printed lines as a page shows them: harmless, cut, the newest."""

from __future__ import annotations

import datetime as dt

import pytest

from runstream_consumer.history import FoundLine, FoundLines, LogPage, LogPiece, LogStream
from runstream_dashboard import log_text
from runstream_dashboard.log_text import Tail

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def page(*texts: str, first: int = 0) -> LogPage:
    """Return a page of pieces of one producer."""
    pieces = [LogPiece("stdout", 0, text, NOW, "p", first + at) for at, text in enumerate(texts)]
    return LogPage(pieces, {"p": first + len(texts) - 1}, is_last=True)


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("plain \ttext, 한글", "plain \ttext, 한글"),
        ("\x1b[1;32mgreen\x1b[0m", "green"),
        ("\x1b[2K\x1b[1Aup", "up"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://evil.example\x1b\\link", "link"),
        ("bell \x07 esc \x1b", "bell ^G esc ^["),
        ("a\rb", "a^Mb"),
        ("\x7f\x9b31m", "^?⟨U+009B⟩31m"),
        ("\u202egpj.exe", "⟨U+202E⟩gpj.exe"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("\ud800", "⟨U+D800⟩"),
    ],
)
def test_a_line_is_shown_without_what_a_terminal_obeys(line: str, seen: str) -> None:
    """Colours and titles vanish; every other sign that is not seen is made visible."""
    assert log_text.shown(line) == seen


def test_an_endless_line_is_cut() -> None:
    """And says how much is left out."""
    assert log_text.shown("x" * 2_500) == "x" * 2_000 + " … 500 characters more"


def test_a_tail_keeps_the_newest_lines() -> None:
    """Pages append; empty ones change nothing; only as many lines are kept as a page shows."""
    tail = Tail().grown(page("a\nb\n", "\n"))
    assert (tail.lines, tail.cursor) == (("a", "b", ""), {"p": 1})
    assert tail.grown(LogPage([], {"p": 1}, is_last=True)) is tail
    grown = tail.grown(page("".join(f"{i}\n" for i in range(500)), first=2))
    assert len(grown.lines) == log_text.MAX_LINES
    assert grown.text().endswith("\n499")
    assert grown.cursor == {"p": 2}


def test_what_is_too_much_for_a_page_leaves_out_the_oldest() -> None:
    """Whole lines, as many as fit."""
    tail = Tail(tuple(f"{i}" + "x" * 1_990 for i in range(300)))

    text = tail.text()

    assert len(text) <= log_text.MAX_CHARACTERS
    assert text.startswith(("199", "200"))
    assert text.split("\n")[-1].startswith("299")


def test_found_lines_stand_after_their_numbers() -> None:
    """Numbers are counted from 1 and stand in one column; the caption says how many there are."""
    lines = [FoundLine("stdout", number, f"\x1b[1mline {number}", NOW, "p") for number in (8, 9)]

    assert log_text.found_text(FoundLines(lines, 2)) == " 9  line 8\n10  line 9"
    assert log_text.found_summary(FoundLines(lines, 2), "li") == "2 lines hold “li”"
    assert log_text.found_summary(FoundLines(lines, 7), "li") == "7 lines hold “li” · the newest 2 shown"
    assert log_text.found_summary(FoundLines(lines[:1], 1), "li") == "1 line holds “li”"
    assert log_text.found_summary(FoundLines([], 0), "li") == "No line holds “li”."


def test_streams_are_offered_from_stdout_to_files() -> None:
    """In this order whatever was written first; a caption says how much of one is shown."""
    names = ["logs/b", "stderr", "environment", "logs/a", "stdout"]
    streams = [LogStream(name, 1, n, NOW, NOW) for n, name in enumerate(names, start=399)]

    assert [stream.name for stream in log_text.ordered(streams)] == [
        "stdout",
        "stderr",
        "environment",
        "logs/a",
        "logs/b",
    ]
    assert log_text.summary(streams[0]).startswith("399 lines · last written 02 Jan 2026")
    assert log_text.summary(streams[2]).startswith("401 lines · the newest 400 shown · ")
