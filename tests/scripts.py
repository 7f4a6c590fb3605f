"""Small programs that log, run as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parent.parent

PRELUDE = """
import os, signal, sys, threading, time
from runstream import Experiment, Run, Workspace
run = Run(Experiment(Workspace(), "script"), "script")
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status (negative = the signal) and what it printed."""

    status: int
    out: str
    err: str


def start(home_path: Path, text: str, **environment: str) -> subprocess.Popen[str]:
    """Start a program; `run` and some modules are there already."""
    full = {**os.environ, "RUNSTREAM_HOME": str(home_path), **environment}
    command = [sys.executable, "-c", PRELUDE + dedent(text)]
    return subprocess.Popen(
        command, cwd=ROOT, env=full, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str], timeout_s: float = 120.0) -> Ended:
    """Wait for the end of a program."""
    out, err = process.communicate(timeout=timeout_s)
    return Ended(process.returncode, out, err)


def execute(home_path: Path, text: str, **environment: str) -> Ended:
    """Run a program to its end."""
    return finish(start(home_path, text, **environment))
