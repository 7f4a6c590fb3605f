"""What this process was told through RUNSTREAM_* variables; the one place of the library that reads os.environ."""

from __future__ import annotations

import os
from dataclasses import dataclass

from runstream import notices
from runstream_schemas import settings
from runstream_schemas.errors import UnknownSetting
from runstream_schemas.home import Home

LogKey = tuple[str, str | None]
"""(home, brokers)."""

RunKey = tuple[str, str | None, str]
"""(home, brokers, run id)."""


@dataclass(frozen=True, slots=True)
class Config:
    """
    The settings of one moment, passed down to everything that needs them.

    Attributes:
        settings: every RUNSTREAM_* variable, parsed.
        home: the folder of journals, history and artifacts that they name.
    """

    settings: settings.Settings
    home: Home

    @property
    def log_key(self) -> LogKey:
        """Which event log it is that this process writes: what is owned or known per home and mode goes by it."""
        return str(self.home.root), self.settings.brokers

    def key_of(self, run_id: str) -> RunKey:
        """Which run of which event log."""
        return *self.log_key, run_id


def read() -> Config:
    """
    Read the environment as it is now; nothing is created.

    A RUNSTREAM_* name that runstream does not know is told once through logging, with the nearest valid one:
    a typing mistake in a variable must not end a training job.

    Raises:
        ConfigError: a variable's value cannot be understood.
    """
    for name, nearest in settings.unknown(os.environ):
        notices.once(("setting", name), "%s", UnknownSetting(name=name, nearest=nearest))
    parsed = settings.parse(os.environ)
    return Config(settings=parsed, home=Home(parsed.home))
