"""
A dashboard whose reads are held up while a test wants it: ``python -m tests.held_dashboard PORT FOLDER``.

A question to the history, such as `runs`, waits as long as FOLDER holds a file of that name, if its arguments hold what
the file holds, and says that it waits by writing beside it one whose name ends with `.waits`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from runstream_consumer.history import History
from runstream_dashboard import server
from tests.waiting import until

QUESTIONS = ("artifacts", "events", "models", "pipeline", "run_facts", "runs", "tables", "watermark")


def held(folder: Path, name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
    """Return a question that waits while the folder holds a file of its name with a part of its arguments."""
    hold, waits = folder / name, folder / f"{name}.waits"

    def is_held(asked: str) -> bool:
        try:
            return hold.read_text() in asked
        except FileNotFoundError:
            return False

    @wraps(ask)
    def waiting(*args: Any, **kwargs: Any) -> Any:
        if is_held(repr((args, kwargs))):
            waits.touch()
            until(lambda: not hold.exists(), timeout_s=300, what=f"leave to ask {name}")
            waits.unlink(missing_ok=True)
        return ask(*args, **kwargs)

    return waiting


def main() -> None:
    """Serve until told to end."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    for name in QUESTIONS:
        setattr(History, name, held(folder, name, getattr(History, name)))
    server.run(port, "127.0.0.1")


if __name__ == "__main__":
    main()
