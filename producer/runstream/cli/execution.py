"""`exec`: a script that was written for the azureml SDK, started as it is."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from runstream.azureml.alias import STARTUP, path_with
from runstream.cli.exits import USAGE

DEAF = {"I": "isolated mode", "E": "ignoring PYTHON* variables", "S": "no site module"}
"""Options of Python with which it reads no sitecustomize: `import azureml` would quietly stay what it was."""

_WITH_A_WORD = "cmWX"  # options that take the rest of their word, or the next one


def execute(options: argparse.Namespace) -> int:
    """
    Become Python, with the words that follow `exec`, where `import azureml` gives runstream.azureml.

    Returns:
        Only if there is nothing to start: USAGE.
    """
    words: list[str] = options.words
    trouble = refusal(words)
    if not trouble:
        environment = {**os.environ, "PYTHONPATH": path_with(STARTUP, os.environ.get("PYTHONPATH"))}
        os.execve(sys.executable, [sys.executable, *words], environment)
    print(f"runstream: {trouble}", file=sys.stderr)
    return USAGE


def refusal(words: Sequence[str]) -> str:
    """Say why Python cannot be started with *words*; return an empty string when it can."""
    if not words:
        return "exec takes what python takes: a script or -m MODULE, and its arguments"
    for word in words:
        if not word.startswith("-") or word == "-":
            break
        for letter in word[1:]:
            if letter in _WITH_A_WORD:
                return ""
            if letter in DEAF:
                return f"python -{letter} ({DEAF[letter]}) cannot be told that azureml is runstream's; leave it away"
    return ""
