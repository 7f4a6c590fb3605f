"""`logs`: what a run has printed, whole or as it grows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from runstream.cli import lines
from runstream.cli.exits import OK
from runstream.cli.following import to_its_end
from runstream.cli.reading import history, resolved
from runstream_schemas.errors import ConfigError

if TYPE_CHECKING:
    from runstream_consumer.history import History, RunRow


def logs(options: argparse.Namespace) -> int:
    """Print the lines of a run, or the last of them; with --follow those that come, too, until the run has ended."""
    printer = _Printer(options)
    with history() as past:
        run_id = resolved(past, options.run)
        follower = lines.LineFollower(run_id, options.stream)
        printer.write(follower.new(past) if options.lines is None else follower.last(past, options.lines))
        if not options.follow:
            printer.refuse_unknown_stream(past, run_id)
            return OK

    def look(past: History) -> RunRow:
        # Asked before the lines: what a run printed before it ended is then certainly among them.
        run = past.run(run_id)
        printer.write(follower.new(past))
        if run.is_over:
            printer.refuse_unknown_stream(past, run_id)
        return run

    return to_its_end(look, "logs --follow")


class _Printer:
    """Prints lines, and knows whether there were any."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._stream: str | None = options.stream
        self._is_json: bool = options.json
        self._has_printed = False

    def write(self, found: Iterable[lines.Line]) -> None:
        """Print *found*; behind the name of its stream, where not one stream alone was asked for."""
        for line in found:
            lines.write(line, is_json=self._is_json, with_stream=self._stream is None)
            self._has_printed = True
        sys.stdout.flush()

    def refuse_unknown_stream(self, past: History, run_id: str) -> None:
        """
        Tell a mistyped stream from an empty one.

        Raises:
            ConfigError: the run has no such stream; the message lists those it has.
        """
        if self._stream is None or self._has_printed:
            return
        known = [stream.name for stream in past.log_streams(run_id)]
        if self._stream not in known:
            has = f"it has {', '.join(known)}" if known else "it has printed nothing"
            raise ConfigError("--stream", self._stream, f"is no stream of run {run_id}; {has}")
