"""What this process was told through RUNSTREAM_* variables; the one place of the library that reads os.environ."""

from __future__ import annotations

import os
from dataclasses import dataclass

from runstream import notices
from runstream_schemas import settings
from runstream_schemas.errors import UnknownSetting
from runstream_schemas.home import Home


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
