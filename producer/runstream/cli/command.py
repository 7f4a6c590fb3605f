"""From an argument list to an exit code: settings first, then the command, and every error in a line or two."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from runstream.cli import parser
from runstream.cli.exits import FAILED, INTERRUPTED, NOT_FOUND, OK, TRY_AGAIN, USAGE
from runstream_schemas import settings
from runstream_schemas.errors import (
    ArtifactNotFound,
    ConfigError,
    ExtraMissing,
    FilterError,
    RunNotFound,
    RunstreamError,
    UnknownSetting,
)

# Which extra brings a module that a base install lacks.
EXTRAS = {
    "sklearn": "demo",
    "matplotlib": "demo",
    "streamlit": "dashboard",
    "pandas": "dashboard",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command.

    Args:
        arguments: without the program's name; those of this process by default.

    Returns:
        The exit code, one of runstream.cli.exits.
    """
    try:
        options = parser.parse(sys.argv[1:] if arguments is None else arguments)
        if options.home is not None:
            # One switch for this process, its threads and the processes that it starts.
            os.environ["RUNSTREAM_HOME"] = str(options.home)
        if not options.lenient:
            refuse_unknown_settings()
            refuse_a_file_as_home()
        code = options.call(options)
        # Here and not at exit, where a reader that has gone could only be complained about.
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except RuntimeError as error:
        # DuckDB reports a Ctrl-C in the middle of a statement as an error of its own.
        if isinstance(error.__context__, KeyboardInterrupt):
            return INTERRUPTED
        raise
    except BrokenPipeError:
        # `runstream runs | head`: the reader has what it wanted. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except ModuleNotFoundError as error:
        return told(missing_extra(error))
    except RunstreamError as error:
        return told(error)
    except OSError as error:
        return complained(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:
        # DuckDB's own, of a file that it cannot write: it is not imported here, a base install lacks it.
        if not type(error).__module__.endswith("duckdb"):
            raise
        return complained(str(error).partition("\n")[0])
    assert isinstance(code, int)
    return code


def refuse_unknown_settings() -> None:
    """
    Raise for a RUNSTREAM_* variable that nothing reads: a command, unlike a training job, can afford to stop.

    Raises:
        UnknownSetting: the first such name, with the nearest valid one.
    """
    for name, nearest in settings.unknown(os.environ):
        raise UnknownSetting(name, nearest)


def refuse_a_file_as_home() -> None:
    """
    Raise for a home that can never be one, before anything is looked for in it.

    Raises:
        ConfigError: RUNSTREAM_HOME is a file, or lies below one.
    """
    home = settings.parse(os.environ).home
    place = next(path for path in (home, *home.parents) if os.path.lexists(path))
    if not place.is_dir():
        what = "is no folder" if place == home else f"cannot be made: {place} is no folder"
        raise ConfigError("RUNSTREAM_HOME", str(home), f"{what}; name another one, here with --home FOLDER")


def complained(text: str) -> int:
    """Print what the system said on standard error; return the exit code of a failure."""
    print(f"runstream: {text}", file=sys.stderr)
    return FAILED


def missing_extra(error: ModuleNotFoundError) -> ExtraMissing:
    """Turn the failed import of a library into the line that installs it; a missing module of ours stays an error."""
    module = (error.name or "").partition(".")[0]
    if not module or module.startswith("runstream"):
        raise error
    return ExtraMissing("this command", EXTRAS.get(module, "consumer"), module)


def told(error: RunstreamError) -> int:
    """Print an error in one or two lines on standard error; return its exit code."""
    print(f"runstream: {error}", file=sys.stderr)
    if isinstance(error, (ConfigError, UnknownSetting, ExtraMissing, FilterError)):
        return USAGE
    if isinstance(error, (RunNotFound, ArtifactNotFound)):
        return NOT_FOUND
    return TRY_AGAIN if error.retriable else FAILED
