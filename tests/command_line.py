"""Commands as people type them, run in the test's own process."""

from __future__ import annotations

import pytest

from runstream.cli import exits, main


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must succeed; return its standard output."""
    code = main(arguments)
    told = capsys.readouterr()
    assert (code, told.err) == (exits.OK, "")
    return told.out
