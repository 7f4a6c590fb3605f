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
    from runstream_consumer.history import History


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

    code = to_its_end(run_id, lambda past: printer.write(follower.new(past)), "logs --follow")
    with history() as past:
        printer.refuse_unknown_stream(past, run_id)
    return code


class _Printer:
    """Prints lines, and knows whether there were any."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._stream: str | None = options.stream
        self._is_json: bool = options.json
        self._has_printed = False

    def write(self, found: Iterable[lines.Line]) -> bool:
        """Print *found*, behind its stream's name where not one alone was asked for; tell whether there was any."""
        has_lines = False
        for line in found:
            lines.write(line, is_json=self._is_json, with_stream=self._stream is None)
            has_lines = self._has_printed = True
        sys.stdout.flush()
        return has_lines

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
