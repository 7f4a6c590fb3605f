"""`up`, `dashboard`, `consume`, `demo`: commands that start something and stay."""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import os
import sys
import threading
import time
from contextlib import suppress

from runstream.cli import ports, serving
from runstream.cli.exits import OK, TRY_AGAIN
from runstream_schemas import settings
from runstream_schemas.errors import ConfigError, ExtraMissing
from runstream_schemas.home import Home, locked


def up(options: argparse.Namespace) -> int:
    """
    Run consumer and dashboard until interrupted.

    Beside a running consumer, this home's or that of RUNSTREAM_SERVER, only the dashboard starts. Where an `up` of this
    home runs, its address is printed and nothing starts.
    """
    require("`runstream up`", "dashboard", "duckdb", "prometheus_client", "structlog", "streamlit")
    from runstream_consumer.serve import read_server
    from runstream_dashboard import server

    refuse_open_door(options.listen, options.allow_anonymous)
    parsed = settings.parse(os.environ)
    home = Home(parsed.home).ensure()
    view = serving.View(options.listen, options.port, not options.no_browser)
    # Held for this command's life: of two that start at once, the second waits for the first one's address.
    with locked(home.root / "up.lock") as held:
        if held is None:
            return print_address(home, server.ready)
        found = read_server(home)
        # Told before anything has started: a wrong home looks like one in which nothing was logged.
        if not parsed.server:
            print(f"home: {home.root}", flush=True)
        if parsed.server or found:
            whose = parsed.server or (found and f"pid {found.pid}")
            print(f"attached to the running consumer ({whose})", flush=True)
        return serving.Household(home, view, server.command, server.ready, not (parsed.server or found)).stay()


def print_address(home: Home, ready: serving.Ready) -> int:
    """Print where the `up` that runs already shows its dashboard, once it does."""
    pause = threading.Event()
    end_s = time.monotonic() + serving.READY_WITHIN_S
    while time.monotonic() < end_s:
        url = serving.answering(home, ready)
        if url:
            print(f"Dashboard: {url} (already running)")
            return OK
        pause.wait(serving.LOOK_EVERY_S)
    print(
        f"runstream: another `runstream up` holds {home.root} and shows no dashboard; end that one first",
        file=sys.stderr,
    )
    return TRY_AGAIN


def refuse_open_door(listen: str, may_anyone_look: bool) -> None:
    """
    Demand a spoken word before the dashboard leaves this machine: it asks nobody who they are.

    Raises:
        ConfigError: *listen* is not loopback and nothing allows strangers.
    """
    if may_anyone_look or listen == "localhost":
        return
    with suppress(ValueError):
        if ipaddress.ip_address(listen).is_loopback:
            return
    reason = "would show every run to whoever reaches it; add --allow-anonymous, or put a login in front"
    raise ConfigError("--listen", listen, reason)


def consume(options: argparse.Namespace) -> int:
    """Run the consumer until interrupted."""
    require("`runstream consume`", "consumer", "duckdb", "prometheus_client", "structlog")
    from runstream_consumer import commands, config

    # Told now, in terms of the options, and not by the server after the tables are open.
    ports.choose(options.listen, options.port)
    setup = config.read(listen=options.listen, port=options.port, monitor_port=options.monitor_port)
    return OK if commands.consume(setup) else TRY_AGAIN


def demo(options: argparse.Namespace) -> int:
    """Train, log, read back; then serve."""
    needed = ("sklearn", "matplotlib", "duckdb") if options.exit else ("sklearn", "matplotlib", "duckdb", "streamlit")
    require("`runstream demo`", "demo", *needed)
    from runstream_consumer import demo as demonstration

    return demonstration.run(serve=not options.exit, port=options.port, may_open_browser=not options.no_browser)


def require(what: str, extra: str, *modules: str) -> None:
    """
    Refuse before anything starts, rather than in a child process later.

    Raises:
        ExtraMissing: one of *modules* is not installed.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ExtraMissing(what, extra, module)
