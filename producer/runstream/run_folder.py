"""The folder of a submitted run on the machine that runs it: its copy of the code, and the way to its supervisor."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runstream_schemas.home import Home, make_private

CANCEL, STOP = b"cancel\n", b"stop\n"
"""What a supervisor can be asked: to cancel the run; to end the script of a run whose end somebody else tells."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths below `<home>/runs/<run id>`; nothing is created by naming them."""

    root: Path

    @classmethod
    def of(cls, home: Home, run_id: str) -> RunFolder:
        """Return the folder of a run of this home."""
        return cls(home.runs_dir / run_id)

    @property
    def code(self) -> Path:
        """The script's copy of its folder, in which it runs."""
        return self.root / "code"

    @property
    def control(self) -> Path:
        """A named pipe that the supervisor reads requests from."""
        return self.root / "control"

    @property
    def stopping(self) -> Path:
        """Made by the supervisor when it has heard that it shall stop."""
        return self.root / "stopping"

    @property
    def process_file(self) -> Path:
        """Which process the script is: for those who must end it when its supervisor is dead."""
        return self.root / "process.json"

    @property
    def requirements(self) -> Path:
        """What pip was asked for."""
        return self.root / "requirements.txt"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor has to say about itself."""
        return self.root / "supervisor.log"

    def make(self) -> None:
        """Make the folder, readable by its owner only, with the pipe in it."""
        make_private(self.root.parent)
        self.root.mkdir(mode=0o700)
        self.code.mkdir()
        os.mkfifo(self.control, 0o600)

    def discard(self) -> None:
        """Remove the folder of a run that has ended; one in which the supervisor has told of trouble stays."""
        if self.supervisor_log.stat().st_size:
            return
        for path in (self.supervisor_log, self.process_file, self.stopping, self.requirements):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.root.rmdir()

    def ask(self, request: bytes) -> bool:
        """Send a request to the supervisor; False when there is none that listens."""
        try:
            pipe = os.open(self.control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT):
                return False
            raise
        try:
            os.write(pipe, request)
        finally:
            os.close(pipe)
        return True

    def note_process(self, pid: int) -> None:
        """Keep which process the script is: its number, and when it began, since numbers are used again."""
        self.process_file.write_text(json.dumps({"pid": pid, "started": started_at(pid)}), encoding="ascii")

    def noted_process(self) -> int | None:
        """Return the number of the script's process, if that one still runs."""
        try:
            told = json.loads(self.process_file.read_text(encoding="ascii"))
            pid, started = int(told["pid"]), told["started"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return pid if started is not None and started_at(pid) == started else None


def started_at(pid: int) -> int | None:
    """Return when a process began, in clock ticks since the machine's start; None when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])
