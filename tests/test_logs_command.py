"""`runstream logs` prints what a run has printed, whole or as it grows; `tail` and `show` tell of it too."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream import Experiment, Run, Workspace
from runstream.cli import exits, lines, main
from runstream.scribe import Scribe
from tests.command_line import output
from tests.waiting import until


class Printing:
    """A run that prints what it is told to, one event a call."""

    def __init__(self) -> None:
        self.run: Run = Experiment(Workspace(), "letters").start_logging()
        self._scribe = Scribe(self.run.id, lambda: self.run.producer)

    def write(self, stream: str, text: str) -> None:
        """Print, and wait until it is in the journal."""
        self._scribe.write(stream, text)
        self._scribe.close()


@pytest.fixture
def printing() -> Iterator[Printing]:
    """Give a run that has printed to three streams, and is ended with the test."""
    printing = Printing()
    printing.write("stdout", "one\ntwo\n")
    printing.write("stderr", "oh\n")
    printing.write("logs/own.txt", "mine\n")
    printing.write("stdout", "three\n")
    yield printing
    printing.run.complete()


def test_all_streams_are_printed_as_they_were_written(printing: Printing, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines of all streams come in order, each behind its stream's name; of one stream the text alone."""
    shown = output(capsys, "logs", printing.run.id[:8])
    assert shown == "stdout | one\nstdout | two\nstderr | oh\nlogs/own.txt | mine\nstdout | three\n"
    assert output(capsys, "logs", printing.run.id, "--stream", "stdout") == "one\ntwo\nthree\n"


def test_the_last_lines_are_printed(printing: Printing, capsys: pytest.CaptureFixture[str]) -> None:
    """--lines prints so many of the last lines, in order, and none where it is 0."""
    assert output(capsys, "logs", printing.run.id, "--stream", "stdout", "--lines", "2") == "two\nthree\n"
    assert output(capsys, "logs", printing.run.id, "--lines", "2") == "logs/own.txt | mine\nstdout | three\n"
    assert output(capsys, "logs", printing.run.id, "--lines", "0") == ""


def test_scripts_get_objects(printing: Printing, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints one object a line, with its time, stream and number."""
    told = [json.loads(line) for line in output(capsys, "logs", printing.run.id, "--json").splitlines()]
    assert [(one["stream"], one["line"], one["text"]) for one in told] == [
        ("stdout", 0, "one"),
        ("stdout", 1, "two"),
        ("stderr", 0, "oh"),
        ("logs/own.txt", 0, "mine"),
        ("stdout", 2, "three"),
    ]
    assert set(told[0]) == {"logged_at", "stream", "line", "text"}


def test_a_mistyped_stream_is_told(printing: Printing, capsys: pytest.CaptureFixture[str]) -> None:
    """A stream that the run does not have ends with 2 and lists those that it has; an unknown run ends with 3."""
    assert main(["logs", printing.run.id, "--stream", "stdin"]) == exits.USAGE
    assert "it has stdout, stderr, logs/own.txt" in capsys.readouterr().err
    assert main(["logs", "zzz"]) == exits.NOT_FOUND


def test_a_run_that_printed_nothing_has_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run without lines nothing is printed."""
    run = Experiment(Workspace(), "letters").start_logging()
    run.complete()
    assert output(capsys, "logs", run.id, "--follow") == ""


def test_lines_are_followed_to_the_runs_end(printing: Printing, tmp_path: Path) -> None:
    """Lines that are printed while `logs --follow` runs appear in its output, until the run has ended."""
    out = tmp_path / "logs.log"
    words = ["logs", printing.run.id, "--stream", "stdout", "--follow", "--lines", "1"]
    with out.open("wb") as file:
        command = subprocess.Popen([sys.executable, "-m", "runstream.cli", *words], stdout=file)
    until(lambda: out.read_text() == "three\n", what="the last line is printed")
    printing.write("stdout", "four\n")
    until(lambda: out.read_text() == "three\nfour\n", what="the line printed later is printed")
    printing.write("stdout", "five\n")
    printing.run.complete()
    assert command.wait(60) == exits.OK
    assert out.read_text() == "three\nfour\nfive\n"


def test_tail_shows_lines_beside_points(printing: Printing, capsys: pytest.CaptureFixture[str]) -> None:
    """`tail` prints points and lines in the order of their clocks; only points, where a metric is asked for."""
    printing.run.log("loss", 0.5, step=3)
    printing.write("stdout", "four\n")
    printing.run.complete()
    shown = [line.split() for line in output(capsys, "tail", printing.run.id, "--lines", "2").splitlines()]
    assert [words[1:] for words in shown] == [["stdout", "three"], ["3", "loss", "0.5"], ["stdout", "four"]]
    told = output(capsys, "tail", printing.run.id, "--lines", "1", "--json").splitlines()
    assert [sorted(json.loads(line)) for line in told] == [
        ["column_name", "logged_at", "name", "step", "value"],
        ["line", "logged_at", "stream", "text"],
    ]
    assert "stdout" not in output(capsys, "tail", printing.run.id, "--metric", "loss")


def test_show_lists_streams(printing: Printing, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` tells which streams a run has, and how many lines are in each."""
    told = json.loads(output(capsys, "show", printing.run.id, "--json"))
    assert {stream["name"]: stream["n_lines"] for stream in told["logs"]} == {
        "stdout": 3,
        "stderr": 1,
        "logs/own.txt": 1,
    }
    assert "\nlogs\n" in output(capsys, "show", printing.run.id)


def test_a_terminal_is_not_acted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a line keeps colours and tabs, and loses what moves the cursor or rings; a file gets all of it."""
    text = "\x1b[31mred\x1b[0m\ta\x07b\x1b]0;title\x07\x1b[2J\x9b1m"
    assert lines.shown(text) == text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert lines.shown(text) == "\x1b[31mred\x1b[0m\ta b ]0;title  [2J 1m"
