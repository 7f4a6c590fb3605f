"""What a run leaves in its folders and prints while it works: kept as it grows."""

from __future__ import annotations

import codecs
import functools
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from runstream import console, notices
from runstream.scribe import Scribe
from runstream_schemas.errors import RunstreamError
from runstream_schemas.events import PropertiesAdded
from runstream_schemas.paths import checked

if TYPE_CHECKING:
    from runstream.config import Config, RunKey
    from runstream.experiment import Experiment
    from runstream.files import Files
    from runstream.run import Run

INTERVAL_S: Final = 1.0
LOOK_PAUSE: Final = 20
"""Times its own CPU that a look is waited after, so that looking costs a training job at most a twentieth of a core."""

STOP_WAIT_S: Final = 30.0
ORIGIN_WAIT_S: Final = 10.0
LOG_CHUNK_BYTES: Final = 256 * 1024


class Mark(NamedTuple):
    """What tells whether a file is still the same: size in bytes, change in nanoseconds, number on its disk."""

    size: int
    changed_ns: int
    inode: int


@dataclass(slots=True)
class _Tail:
    """How far a growing log file was read."""

    offset: int = 0
    inode: int = 0
    decoder: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))


class Folder:
    """
    The files of one folder, as they come, grow and hold still.

    Files that lay there before the run and never change are another run's, and left alone.

    Args:
        path: of the folder, which need not exist yet.
        name: of the folder in the run.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path.absolute()
        self.name = name
        self._kept: dict[str, Mark] = {inside: mark for inside, _, mark in self._files()}
        self._seen: dict[str, Mark] = dict(self._kept)
        self._uploaded: dict[str, Mark] = {}

    def still(self) -> Iterator[tuple[str, Path, Mark]]:
        """Yield (name in the run, path, mark) of what is not as it was kept, and held still since the last call."""
        for inside, path, mark in list(self._files()):
            if self._kept.get(inside) != mark and self._seen.get(inside) == mark:
                yield f"{self.name}/{inside}", path, mark
            self._seen[inside] = mark

    def grown(self) -> Iterator[tuple[str, Path, Mark]]:
        """Yield (name in the run, path, mark) of what is not as it was when it was kept."""
        for inside, path, mark in list(self._files()):
            if self._kept.get(inside) != mark:
                yield f"{self.name}/{inside}", path, mark

    def keep(self, name: str, mark: Mark, *, is_uploaded: bool) -> None:
        """Remember that a file was seen to as *mark* says; one that could not be uploaded is not tried again."""
        inside = name.removeprefix(f"{self.name}/")
        self._kept[inside] = mark
        if is_uploaded:
            self._uploaded[inside] = mark

    def uploaded(self) -> list[Path]:
        """Return the files that are the run's as they lie there now."""
        return [path for inside, path, mark in self._files() if self._uploaded.get(inside) == mark]

    def _files(self) -> Iterator[tuple[str, Path, Mark]]:
        """Yield every regular file below the folder; links are left alone, for they may lead anywhere."""
        for parent, folders, names in os.walk(self.path):
            folders.sort()
            for name in sorted(names):
                path = Path(parent, name)
                try:
                    status = path.lstat()
                except OSError:  # gone since it was listed
                    continue
                if stat.S_ISREG(status.st_mode):
                    mark = Mark(status.st_size, status.st_mtime_ns, status.st_ino)
                    yield path.relative_to(self.path).as_posix(), path, mark


def pause(cost_s: float) -> float:
    """Return the seconds to wait after a look that cost so much CPU: very many files are looked at less often."""
    return max(INTERVAL_S, cost_s * LOOK_PAUSE)


class Capture:
    """
    Keeps what a run leaves in its folders and prints, from start() to stop().

    Files of `outputs` are uploaded when they hold still, and in their last state at the end. Text that grows in `logs`
    becomes log events, line by line, and its files are uploaded at the end.

    Args:
        run: that gets it.
        outputs, logs: folders, or None to leave them alone; they need not exist.
        has_console: keep what this process prints.
    """

    def __init__(self, run: Files, outputs: Path | None, logs: Path | None, *, has_console: bool) -> None:
        # Not the run itself: one that its user lets go of shall be let go of.
        self._experiment, self._run_id = run.experiment, run.id
        self.scribe = Scribe(run.id, lambda: self._reopened().producer)
        self._outputs = None if outputs is None else Folder(outputs, "outputs")
        self._logs = None if logs is None else Folder(logs, "logs")
        self._has_console = has_console
        self._tails: dict[str, _Tail] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, and to listen."""
        if self._has_console:
            console.listen(self, self.scribe.write)
        if self._outputs is not None or self._logs is not None:
            self._thread = threading.Thread(target=self._watch, name="runstream-capture", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Keep what is there in its last state; end the thread. A second call does nothing more."""
        console.mute(self)
        thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None and thread.is_alive():
            thread.join(STOP_WAIT_S)
        if thread is not None:
            self._look(at_end=True)
        self.scribe.close()

    def catch_up(self) -> None:
        """Upload what lies in `outputs` now, without waiting for it to hold still."""
        if self._outputs is not None:
            for name, path, mark in self._outputs.grown():
                self._upload(self._outputs, name, path, mark)

    def uploaded(self) -> list[Path]:
        """Return the files that are the run's, as they lie there now."""
        return [path for folder in (self._outputs, self._logs) if folder is not None for path in folder.uploaded()]

    def abandon(self) -> None:
        """In a forked child: the parent sees to the folders; what the child prints is its own."""
        self._thread = None

    def _watch(self) -> None:
        pause_s = INTERVAL_S
        while not self._stop.wait(pause_s):
            before_s = time.thread_time()
            self._look(at_end=False)
            pause_s = pause(time.thread_time() - before_s)

    def _look(self, *, at_end: bool) -> None:
        if self._outputs is not None:
            for name, path, mark in self._outputs.grown() if at_end else self._outputs.still():
                self._upload(self._outputs, name, path, mark)
        if self._logs is not None:
            for name, path, mark in self._logs.grown():
                self._read(name, path, mark)
                if at_end:
                    self._upload(self._logs, name, path, mark)

    def _upload(self, folder: Folder, name: str, path: Path, mark: Mark) -> None:
        is_uploaded = True
        try:
            self._reopened().upload_file(checked(name), path)
        except (RunstreamError, OSError) as error:
            is_uploaded = False
            notices.once(("capture", self._run_id, name), "run %s: %s is not kept: %s", self._run_id, path, error)
        folder.keep(name, mark, is_uploaded=is_uploaded)

    def _read(self, name: str, path: Path, mark: Mark) -> None:
        """Hand what a log file has grown by to the scribe; a file that shrank or was replaced is read anew."""
        tail = self._tails.setdefault(name, _Tail())
        if mark.inode != tail.inode or mark.size < tail.offset:
            self._tails[name] = tail = _Tail(inode=mark.inode)
        if mark.size == tail.offset:
            return
        try:
            with path.open("rb") as file:
                file.seek(tail.offset)
                while chunk := file.read(LOG_CHUNK_BYTES):
                    tail.offset += len(chunk)
                    self.scribe.write(name, tail.decoder.decode(chunk))
        except OSError as error:
            notices.once(("capture", self._run_id, name), "run %s: %s is not read: %s", self._run_id, path, error)

    def _reopened(self) -> Run:
        from runstream.run import Run

        return Run(self._experiment, self._run_id)


class _Begun(NamedTuple):
    """What begin() began for a run."""

    capture: Capture | None
    origin: threading.Thread | None


_begun: dict[RunKey, _Begun] = {}


def begin(run: Run, config: Config, outputs: Path | None) -> None:
    """
    Capture what a run that starts here comes from, leaves and prints, as far as RUNSTREAM_CAPTURE has it.

    Args:
        run: that gets it.
        config: of its home.
        outputs: the folder of its results, or None for none.
    """
    parts = config.settings.capture
    capture = origin = None
    if parts & {"outputs", "logs", "console"}:
        logs = Path("logs") if "logs" in parts else None
        capture = Capture(run, outputs if "outputs" in parts else None, logs, has_console="console" in parts)
        capture.start()
    if parts & {"git", "host"}:
        # Git takes its time, and the run need not wait for it.
        asked = (run.experiment, run.id, parts, Path.cwd())
        origin = threading.Thread(target=_tell_origin, args=asked, name="runstream-origin", daemon=True)
        origin.start()
    if capture or origin:
        _hook()
        _begun[config.key_of(run.id)] = _Begun(capture, origin)


def catch_up(config: Config, run_id: str) -> None:
    """Keep what lies in the run's outputs now, as far as this process captures it."""
    begun = _begun.get(config.key_of(run_id))
    if begun is not None and begun.capture is not None:
        begun.capture.catch_up()


def end(config: Config, run_id: str) -> None:
    """Keep the last of what begin() began to capture; no harm where nothing was begun, or not here."""
    begun = _begun.pop(config.key_of(run_id), None)
    if begun is None:
        return
    if begun.origin is not None:
        begun.origin.join(ORIGIN_WAIT_S)
    if begun.capture is not None:
        begun.capture.stop()


def _tell_origin(experiment: Experiment, run_id: str, parts: frozenset[str], folder: Path) -> None:
    from runstream import origin
    from runstream.run import Run

    try:
        Run(experiment, run_id)._append_change(PropertiesAdded(origin.properties(parts, folder)))
    except RunstreamError as error:
        notices.once(("origin", run_id), "run %s: where it comes from is not kept: %s", run_id, error)


@functools.cache
def _hook() -> None:
    os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    """The parent sees to its folders; what the child prints goes on to be kept, as the child's."""
    for begun in _begun.values():
        if begun.capture is not None:
            begun.capture.abandon()
    _begun.clear()
