"""Ports for the dashboard: the wanted one, or the next free of ten; and who holds a port that is taken."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from runstream_schemas.errors import ConfigError

FIRST_PORT = 8501
N_TRIED = 10
_LISTENING = "0A"


def choose(listen: str, wanted: int | None) -> int:
    """
    Return a port that can be bound at *listen* now.

    Args:
        listen: the address to listen on.
        wanted: this port and no other; 0 = any free one; None = 8501 or the next free of ten.

    Raises:
        ConfigError: the wanted port, or all ten, are taken, or *listen* is no address here.
    """
    if wanted is not None:
        port = _bound(listen, wanted)
        if port is None:
            reason = f"is taken by {holder(wanted)}; choose another, or leave --port out for the next free one"
            raise ConfigError("--port", str(wanted), reason)
        return port
    for candidate in range(FIRST_PORT, FIRST_PORT + N_TRIED):
        if _bound(listen, candidate) is not None:
            return candidate
    reason = (
        f"and the {N_TRIED - 1} after it are taken ({FIRST_PORT} by {holder(FIRST_PORT)}); give another with --port"
    )
    raise ConfigError("--port", str(FIRST_PORT), reason)


def _bound(listen: str, port: int) -> int | None:
    """Bind and let go; return the port, or None where somebody listens there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(listen, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ConfigError("--listen", listen, f"is no address of this machine ({error.strerror})") from error
    with socket.socket(family, kind, protocol) as probe:
        # As servers do: a port that only lingers from an ended one counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError as error:
            raise ConfigError("--port", str(port), "needs root's rights; take one above 1023") from error
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise ConfigError("--listen", listen, "is no address of this machine") from error
            return None
        return int(probe.getsockname()[1])


def holder(port: int) -> str:
    """Return the command and pid that listen on a port, as far as this user may see them."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to somebody else
            if any(_target(descriptor) in inodes for descriptor in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().split(b"\0")
                return f"pid {process.name} ({b' '.join(words[:4]).decode(errors='replace').strip()})"
    return "another user's process"


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""  # closed since the folder was read


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes
