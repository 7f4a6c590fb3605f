"""The exception that ended a program is found in what it wrote to stderr, whatever was written around it."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

from runstream import supervisor, tracebacks


def stderr_of(code: str) -> str:
    """Return what a program that ends by an exception writes."""
    return subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("raise ValueError('no good')", "ValueError", "no good"),
        ("raise ValueError", "ValueError", ""),
        ("import json; json.loads('x')", "json.decoder.JSONDecodeError", "Expecting value: line 1 column 1 (char 0)"),
        ("raise KeyError('two\\nlines')", "KeyError", "'two\\nlines'"),
        ("raise ValueError('two\\nlines')", "ValueError", "two\nlines"),
        ("raise ValueError('two\\n\\n lines')", "ValueError", "two\n\n lines"),
        ("x = (", "SyntaxError", "'(' was never closed"),
        ("import sys; print('noise', file=sys.stderr); 1 / 0", "ZeroDivisionError", "division by zero"),
        (
            "raise ExceptionGroup('many', [ValueError('a'), TypeError('b')])",
            "ExceptionGroup",
            "many (2 sub-exceptions)",
        ),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("error = ValueError('noted'); error.add_note('see page 3'); raise error", "ValueError", "noted\nsee page 3"),
    ],
)
def test_type_and_message_are_found(code: str, kind: str, message: str) -> None:
    """Plain, empty, several lines, dotted types, syntax errors, groups, notes, noise before."""
    told = tracebacks.last(stderr_of(code))
    assert told is not None
    assert (told.kind, told.message) == (kind, message)


def test_the_whole_chain_is_kept() -> None:
    """The traceback begins with the first exception of a chain, not with an unrelated one before."""
    code = """
        import sys, traceback
        try:
            1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
        try:
            try:
                {}["a"]
            except KeyError as error:
                raise ValueError("from") from error
        except ValueError:
            raise RuntimeError("last")
    """
    told = tracebacks.last(stderr_of(code))
    assert told is not None
    assert told.message == "last"
    assert told.traceback.count("Traceback (most recent call last)") == 3
    assert "ZeroDivisionError" not in told.traceback
    assert told.traceback.startswith("Traceback")
    assert "KeyError" in told.traceback


def test_colours_are_left_out() -> None:
    """Python 3.13 colours tracebacks where it is told to; type, message and traceback are plain."""
    text = (
        'Traceback (most recent call last):\n  File \x1b[35m"x"\x1b[0m\n\x1b[1mValueError\x1b[0m: \x1b[35mno\x1b[0m\n'
    )
    assert tracebacks.last(text) == tracebacks.Told(
        "ValueError", "no", 'Traceback (most recent call last):\n  File "x"\nValueError: no\n'
    )


def test_an_old_exception_is_not_the_end() -> None:
    """A traceback that was logged long before the end did not end the program."""
    code = """
        import sys, traceback
        try:
            1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
        for n in range(30):
            print("went on", n, file=sys.stderr)
        sys.exit(3)
    """
    assert tracebacks.last(stderr_of(code)) is None


@pytest.mark.parametrize("text", ["", "\n", "plain text\n", "Traceback (most recent call last):\n", "  + \n  | x\n"])
def test_other_text_holds_none(text: str) -> None:
    """Text without an exception gives none."""
    assert tracebacks.last(text) is None


def test_an_exit_status_is_told_with_the_last_line() -> None:
    """sys.exit('text') has no traceback: the status, the text, and the last lines are kept."""
    change = supervisor.ended_as("train.py", 1, "one\nno data\n")
    assert (change.status, change.error_code) == ("Failed", "exit status 1")
    assert change.error_message == "train.py ended with exit status 1: no data"
    assert change.error_traceback == "one\nno data"


def test_a_signal_is_told_by_its_name() -> None:
    """A script that was killed says by which signal, and what SIGKILL often means."""
    change = supervisor.ended_as("train.py", -9, "")
    assert (change.status, change.error_code, change.error_traceback) == ("Failed", "SIGKILL", None)
    assert "memory" in str(change.error_message)


def test_status_zero_completes() -> None:
    """Whatever stands in stderr, exit status 0 is success."""
    assert supervisor.ended_as("train.py", 0, "Traceback (most recent call last):\n").status == "Completed"
