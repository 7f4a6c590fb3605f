"""`check` and `version`: what is set, what answers, what is wrong, and what to do about it."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Literal

from runstream.cli import printing
from runstream.cli.exits import FAILED, OK
from runstream_schemas import settings
from runstream_schemas.errors import HistoryUnreachable, RunstreamError
from runstream_schemas.home import Home, network_filesystem
from runstream_schemas.settings import Settings

Level = Literal["ok", "note", "warning", "error"]
MARKS: dict[Level, str] = {"ok": "✓", "note": "·", "warning": "!", "error": "✗"}

EXTRAS = {
    "consumer": ("duckdb", "numpy", "pyarrow", "zstandard", "prometheus_client", "structlog"),
    "dashboard": ("streamlit", "pandas"),
    "demo": ("sklearn", "matplotlib"),
    "submit": ("pathspec",),
    "s3": ("fsspec", "s3fs"),
    "notebook": ("anywidget",),
}
DISTRIBUTIONS = (
    "kafka-python",
    "fastavro",
    "crc32c",
    "duckdb",
    "duckdb-extension-quack",
    "streamlit",
    "numpy",
    "pyarrow",
)
LOW_DISK_BYTES = 1 << 30
"""Below this the embedded journal stops taking points."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `part` names it, `text` says what was seen and, where it is wrong, what to do."""

    level: Level
    part: str
    text: str


def check(options: argparse.Namespace) -> int:
    """Look at everything that logging, folding and reading stand on; print what was found."""
    findings = list(findings_of(os.environ))
    n_errors = sum(finding.level == "error" for finding in findings)
    if options.json:
        printing.write_object({"ok": not n_errors, "findings": [asdict(finding) for finding in findings]}, sys.stdout)
    else:
        width = max(len(finding.part) for finding in findings)
        for finding in findings:
            print(f"{MARKS[finding.level]} {finding.part:<{width}}  {finding.text}")
        print(f"\n{n_errors} errors, {sum(finding.level == 'warning' for finding in findings)} warnings")
    return FAILED if n_errors else OK


def findings_of(environ: os._Environ[str] | dict[str, str]) -> Iterator[Finding]:
    """Yield what there is to say, from the settings to the history; each part is looked at even if another fails."""
    for name, nearest in settings.unknown(environ):
        hint = f"; did you mean {nearest}?" if nearest else ""
        yield Finding("error", name, f"is no setting of runstream{hint}")
    try:
        parsed = settings.parse(environ)
    except RunstreamError as error:
        yield Finding("error", "settings", str(error))
        return
    yield from _settings(environ)
    home = Home(parsed.home)
    parts: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("home", lambda: _home(home)),
        ("journals", lambda: _journals(home)),
        ("installed", _installed),
        ("kafka", lambda: _kafka(parsed)),
        ("history", lambda: _history(parsed, home)),
    ]
    for part, look in parts:
        try:
            yield from look()
        except (RunstreamError, OSError) as error:
            yield Finding("error", part, str(error))


def _settings(environ: os._Environ[str] | dict[str, str]) -> Iterator[Finding]:
    for setting in settings.SETTINGS:
        value = environ.get(setting.name)
        if value:
            yield Finding("note", setting.name, f"{value}  ({setting.doc})")
        elif not setting.name.endswith("FAILPOINT"):
            yield Finding("note", setting.name, f"not set, {setting.default or 'none'}  ({setting.doc})")


def _home(home: Home) -> Iterator[Finding]:
    place = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    if not os.access(place, os.W_OK):
        yield Finding("error", "home", f"{place} cannot be written; set RUNSTREAM_HOME to a folder of yours")
        return
    if home.root.exists() and home.root.stat().st_mode & 0o077:
        yield Finding("warning", "home", f"{home.root} is open to other users; chmod 700 {home.root}")
    free = shutil.disk_usage(place).free
    level: Level = "error" if free < LOW_DISK_BYTES else "ok"
    yield Finding(level, "home", f"{home.root}: {free / 1e9:,.1f} GB free")
    kind = network_filesystem(place)
    if kind:
        yield Finding(
            "warning", "home", f"lies on {kind}: staging goes to a local folder, the history file cannot lie here"
        )


def _journals(home: Home) -> Iterator[Finding]:
    from runstream_schemas.recovery import is_alive

    producers = home.producers()
    n_alive = sum(is_alive(producer) for producer in producers)
    size = sum(path.stat().st_size for producer in producers for _, path in producer.segments())
    yield Finding(
        "ok", "journals", f"{len(producers)} producers, {n_alive} of them alive, {size / 1e6:,.1f} MB in segments"
    )


def _installed() -> Iterator[Finding]:
    from runstream.topics import checksums_are_native

    yield Finding("ok", "versions", ", ".join(f"{name} {number}" for name, number in versions().items()))
    if checksums_are_native():
        yield Finding("ok", "checksums", "computed in C")
    else:
        text = "computed in Python, 13 ms for every 100 kB sent; pip install 'kafka-python[crc32c]'"
        yield Finding("warning", "checksums", text)
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        text = f"without {', '.join(missing)}: pip install 'runstream[{extra}]'" if missing else "installed"
        yield Finding("note" if missing else "ok", f"[{extra}]", text)


def _kafka(parsed: Settings) -> Iterator[Finding]:
    if not parsed.brokers:
        yield Finding("ok", "mode", "embedded: the journals are the log (RUNSTREAM_BROKERS is not set)")
        return
    from runstream import topics

    found = topics.check(parsed.kafka_options(), parsed.topic_prefix)
    yield Finding("ok", "broker", f"{parsed.brokers} answers")
    for finding in found:
        yield Finding(finding.level, "topics", finding.text)
    if not found:
        yield Finding("ok", "topics", "all there, kept for ever, large enough")


def _history(parsed: Settings, home: Home) -> Iterator[Finding]:
    if importlib.util.find_spec("duckdb") is None:
        yield Finding("note", "history", "cannot be read here without runstream[consumer]")
        return
    if not (parsed.server or parsed.brokers or home.root.exists()):
        yield Finding("ok", "history", "nothing logged yet")
        return
    from runstream_consumer.history import connect

    try:
        with connect() as past:
            seen = past.watermark()
    except HistoryUnreachable as error:
        # A training machine need not reach the history: what it logs arrives all the same.
        yield Finding("warning", "history", str(error))
        return
    yield Finding("ok", "history", f"{seen.n_events:,} events folded, {seen.state}, from {seen.source}")


def versions() -> dict[str, str]:
    """The versions that a bug report needs, by name; what is not installed is left out."""
    found = {"runstream": metadata.version("runstream"), "python": platform.python_version()}
    for name in DISTRIBUTIONS:
        with suppress(metadata.PackageNotFoundError):  # belongs to an extra
            found[name] = metadata.version(name)
    return found | {"system": f"{platform.system()} {platform.release()} {platform.machine()}"}


def version(options: argparse.Namespace) -> int:
    """Print the versions that a bug report needs."""
    found = versions()
    if options.json:
        printing.write_object(found, sys.stdout)
    else:
        print("\n".join(f"{name} {number}" for name, number in found.items()))
    return OK
