"""What the consumer was told; the one place of the consumer that reads os.environ."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from runstream_schemas import settings
from runstream_schemas.home import Home

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Config:
    """
    The settings of one consumer, passed down to everything that needs them.

    Attributes:
        settings: every RUNSTREAM_* variable, parsed.
        home: the folder of journals, history and artifacts.
        listen: address of the history server; anything but loopback asks its clients for the token.
        port: of the history server; 0 = a free one, told in server.json.
        monitor_port: of /healthz, /readyz and /metrics; 0 = a free one, told in server.json.
    """

    settings: settings.Settings
    home: Home
    listen: str = LOOPBACK
    port: int = 0
    monitor_port: int = 0


def read(
    home: str | os.PathLike[str] | None = None, *, listen: str = LOOPBACK, port: int = 0, monitor_port: int = 0
) -> Config:
    """
    Read the environment as it is now; nothing is created.

    Args:
        home: another home than the one of RUNSTREAM_HOME.
        listen, port, monitor_port: as in Config.

    Raises:
        ConfigError: a variable's value cannot be understood.
    """
    parsed = settings.parse(os.environ)
    root = Path(home).expanduser() if home is not None else parsed.home
    return Config(parsed, Home(root), listen, port, monitor_port)
