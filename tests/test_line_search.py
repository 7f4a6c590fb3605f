"""Lines that runs printed are found by what they hold."""

from __future__ import annotations

from runstream_schemas.events import Event, LogEvent
from tests.folded import START_NS
from tests.served import Fill


def printed(text: str, sequence: int, stream: str = "stdout", first_line: int = 0, run_id: str = "run") -> Event:
    """Return an event of one stream."""
    return LogEvent(run_id, "p0", sequence, START_NS + sequence * 1000, stream, first_line, text)


def test_lines_are_found_whatever_their_case(fill: Fill) -> None:
    """Each with its number in the stream, in the order of writing; other runs and streams are left out."""
    history = fill(
        [
            printed("begin\nloss 0.5\n\nLOSS 0.4\n", 0),
            printed("nothing here\n", 1, first_line=4),
            printed("a loss, again\n", 2, first_line=5),
            printed("loss on stderr\n", 3, "stderr"),
            printed("loss elsewhere\n", 4, run_id="other"),
        ]
    )

    found = history.find_lines("run", "Loss", "stdout")

    assert [(line.number, line.text) for line in found.lines] == [
        (1, "loss 0.5"),
        (3, "LOSS 0.4"),
        (5, "a loss, again"),
    ]
    assert found.n == 3
    assert [line.stream for line in history.find_lines("run", "loss").lines].count("stderr") == 1
    assert history.find_lines("nobody", "loss").n == 0


def test_the_newest_are_kept_and_all_are_counted(fill: Fill) -> None:
    """A limit leaves out the oldest; the text is no pattern."""
    history = fill([printed(f"{i}%\n", i, first_line=i) for i in range(5)])

    found = history.find_lines("run", "%", limit=2)

    assert ([line.text for line in found.lines], found.n) == (["3%", "4%"], 5)
    assert history.find_lines("run", "_").n == 0
