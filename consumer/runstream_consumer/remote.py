"""
Bytes in a remote artifact store, for the pages.

Where they lie is told by the log, which anybody may have written to: only what lies below this process's own
RUNSTREAM_ARTIFACTS is fetched, so that no event can have it ask another host.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, util
from typing import IO

from runstream_consumer import config


def is_address(location: str) -> bool:
    """Say whether bytes lie at an address, not in a folder of this machine."""
    return "://" in location


def is_ours(location: str) -> bool:
    """Say whether bytes lie in the store that RUNSTREAM_ARTIFACTS names, and can be fetched from here."""
    root = (config.read().settings.artifacts or "").rstrip("/")
    is_below = is_address(root) and location.startswith(f"{root}/") and ".." not in location.split("/")
    return is_below and util.find_spec("fsspec") is not None


@contextmanager
def opened(location: str) -> Iterator[IO[bytes]]:
    """
    Open bytes of our store.

    Raises:
        OSError: they are not there, not ours, or the store failed.
    """
    if not is_ours(location):
        message = f"{location} does not lie in the store that RUNSTREAM_ARTIFACTS names here"
        raise OSError(message)
    try:
        files, path = import_module("fsspec.core").url_to_fs(location)
    except (ImportError, ValueError) as error:
        message = f"{location} cannot be read: {error}"
        raise OSError(message) from error
    with files.open(path, "rb") as remote:
        yield remote
