"""What runs printed is read back line by line, in pages, and nothing of a late producer is lost."""

from __future__ import annotations

from runstream_schemas.events import LogEvent
from tests.folded import START_NS
from tests.served import Fill

SECOND_NS = 1_000_000_000


def printed(
    text: str, at: int, sequence: int, stream: str = "stdout", producer_id: str = "p1", first_line: int = 0
) -> LogEvent:
    """A log event of run "run", *at* ns after the start."""
    return LogEvent("run", producer_id, sequence, START_NS + at, stream, first_line, text)


def test_streams_are_listed_as_they_began(fill: Fill) -> None:
    """Each stream has its pieces and lines counted, over all producers, and its first and last time."""
    history = fill(
        [
            printed("a\nb\n", 2 * SECOND_NS, 1),
            printed("c\n", 5 * SECOND_NS, 0, producer_id="p2"),
            printed("oh\n", SECOND_NS, 0, "stderr"),
        ]
    )
    streams = history.log_streams("run")
    assert [(s.name, s.n_pieces, s.n_lines) for s in streams] == [("stderr", 1, 1), ("stdout", 2, 3)]
    assert (streams[1].last_at - streams[1].first_at).total_seconds() == 3
    assert history.log_streams("other") == []


def test_lines_come_in_the_order_of_their_clocks(fill: Fill) -> None:
    """Lines of all producers are read by time, of one stream where it is asked for, each piece with its place."""
    history = fill(
        [
            printed("1\n2\n", 1, 0),
            printed("3\n", 9000, 1, first_line=2),
            printed("two\n", 5000, 0, producer_id="p2"),
            printed("x\n", 7000, 1, "logs/'a.txt", producer_id="p2"),
        ]
    )
    page = history.log_lines("run")
    assert (page.text, page.is_last) == ("1\n2\ntwo\nx\n3\n", True)
    assert history.log_lines("run", "stdout").text == "1\n2\ntwo\n3\n"
    [piece] = history.log_lines("run", "logs/'a.txt").pieces
    assert (piece.stream, piece.first_line, piece.producer_id, piece.sequence) == ("logs/'a.txt", 0, "p2", 1)
    assert [piece.first_line for piece in page.pieces] == [0, 0, 0, 2]


def test_a_cursor_goes_on_where_a_page_ended(fill: Fill) -> None:
    """Pages of one piece each give every piece once; at the end there is nothing, and the cursor still holds."""
    history = fill([printed(f"{i}\n", i * 1000, i // 2, producer_id=f"p{i % 2}") for i in range(6)])
    cursor, texts, ends = None, [], []
    for _ in range(7):
        page = history.log_lines("run", after=cursor, limit=1)
        cursor = page.cursor
        texts.append(page.text)
        ends.append(page.is_last)
    assert texts == ["0\n", "1\n", "2\n", "3\n", "4\n", "5\n", ""]
    assert ends == [False] * 5 + [True, True]
    assert cursor == {"p0": 2, "p1": 2}


def test_a_late_producer_is_read_too(fill: Fill) -> None:
    """Lines with an old time, of a producer that was not heard of before, come with the next page."""
    history = fill([printed("new\n", 50_000, 0)])
    page = history.log_lines("run")
    history = fill([printed("old\n", 1, 0, producer_id="p0"), printed("newer\n", 60_000, 1)])
    assert history.log_lines("run", after=page.cursor).text == "old\nnewer\n"


def test_the_newest_lines_leave_the_older_ones_read(fill: Fill) -> None:
    """Asked for the newest, the last pieces come in order, and only what is written later comes after them."""
    history = fill([printed(f"{i}\n", i * 1000, i // 2, producer_id=f"p{i % 2}") for i in range(6)])
    page = history.log_lines("run", limit=2, newest=True)
    assert page.text == "4\n5\n"
    assert history.log_lines("run", after=page.cursor).text == ""
    history = fill([printed("6\n", 9000, 3, producer_id="p0")])
    assert history.log_lines("run", after=page.cursor).text == "6\n"
    assert history.log_lines("run", after=page.cursor, newest=True).cursor == {"p0": 3, "p1": 2}
