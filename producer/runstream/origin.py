"""Where a run comes from: the state of its code in git, the command line, the machine. Kept as properties."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import runstream

GIT_WAIT_S: Final = 5.0
"""For each question to git; a repository on a slow disk leaves its answer out."""

MAX_PROPERTY_BYTES: Final = 4096

_GIT: Final = {
    "repository_uri": "repoURL",
    "branch": "branch",
    "commit": "commit",
    "dirty": None,
}
"""What the azureml SDK calls it (azureml.git.*), and MLflow (mlflow.source.git.*)."""

_SECRET: Final = re.compile(r"(token|passw|secret|credential|api[-_]?key|access[-_]?key|sas|auth)", re.IGNORECASE)
_USER_INFO: Final = re.compile(r"(?<=://)[^/@\s]+@")


def git(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """
    Return the state of the repository that *folder* lies in; nothing outside one, or without git.

    Args:
        folder: in the work tree.
        environ: AZUREML_GIT_REPOSITORY_URI, _BRANCH, _COMMIT and _DIRTY go before what git says.
    """
    found = _asked(folder)
    for field in _GIT:
        if told := environ.get(f"AZUREML_GIT_{field.upper()}"):
            found[field] = told
    properties = {f"azureml.git.{field}": _clipped(text) for field, text in found.items()}
    twins = {
        f"mlflow.source.git.{twin}": _clipped(found[field]) for field, twin in _GIT.items() if twin and field in found
    }
    return properties | twins


def host(argv: Sequence[str], folder: Path) -> dict[str, str]:
    """Return the command line (secrets struck out), the folder it was called in, and what it runs on."""
    return {
        "runstream.command_line": _clipped(shlex.join(struck_out(argv))),
        "runstream.working_directory": _clipped(str(folder)),
        "runstream.python": platform.python_version(),
        "runstream.platform": platform.platform(),
        "runstream.cpu_count": str(os.cpu_count()),
        "runstream.version": runstream.__version__,
    }


def properties(parts: frozenset[str], folder: Path, argv: Sequence[str] | None = None) -> dict[str, str]:
    """
    Return what is known about where a run comes from.

    Args:
        parts: "git" and "host" ask for these; see RUNSTREAM_CAPTURE.
        folder: of the code.
        argv: the command line; this process's unless given.
    """
    known = git(folder, os.environ) if "git" in parts else {}
    return known | (host(sys.orig_argv if argv is None else argv, folder) if "host" in parts else {})


def struck_out(argv: Sequence[str]) -> list[str]:
    """Return a command line with "***" for the values of options that sound secret, and for users in addresses."""
    shown: list[str] = []
    is_secret = False
    for word in argv:
        name, sign, _ = word.partition("=")
        if is_secret and not word.startswith("-"):
            shown.append("***")
        elif sign and _SECRET.search(name):
            shown.append(f"{name}=***")
        else:
            shown.append(_USER_INFO.sub("***@", word))
        is_secret = not sign and word.startswith("-") and _SECRET.search(word) is not None
    return shown


def _asked(folder: Path) -> dict[str, str]:
    """Ask git about the work tree of *folder*."""
    head = _git(folder, "rev-parse", "HEAD", "--abbrev-ref", "HEAD")
    if head is None:
        return {}
    commit, branch = head.split("\n")
    uri = _git(folder, "config", "--get", "remote.origin.url")
    answers = {"repository_uri": uri, "branch": branch, "commit": commit}
    found = {field: _USER_INFO.sub("***@", text) for field, text in answers.items() if text}
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return found if changes is None else found | {"dirty": str(bool(changes))}


def _git(folder: Path, *question: str) -> str | None:
    """Return what git answers, or None. A repository may be anybody's: it gets to run none of its programs."""
    harmless = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        answered = subprocess.run(
            ["git", "-C", str(folder), *harmless, *question],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_WAIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answered.stdout.decode("utf-8", "replace").strip()


def _clipped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace")[:MAX_PROPERTY_BYTES].decode("utf-8", "ignore")
