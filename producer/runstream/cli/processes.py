"""`up`, `dashboard`, `consume`, `demo`: commands that start something and stay."""

from __future__ import annotations

import argparse
import importlib.util

from runstream.cli import serving
from runstream.cli.exits import OK
from runstream_schemas.errors import ExtraMissing


def up(options: argparse.Namespace) -> int:
    """
    Run consumer and dashboard until interrupted.

    Beside a running consumer, this home's or that of RUNSTREAM_SERVER, only the dashboard starts. Where a dashboard
    runs too, its address is printed and nothing starts.
    """
    require("`runstream up`", "dashboard", "duckdb", "prometheus_client", "structlog", "streamlit")
    from runstream_consumer import config
    from runstream_dashboard import server

    serving.refuse_open_door(options.listen, options.allow_anonymous)
    view = serving.View(options.listen, options.port, not options.no_browser)
    setup = config.read(listen=options.listen)
    home = setup.home.ensure()
    found = serving.running(home)
    if found and found.get("dashboard") and serving.answers(found["dashboard"], server.ready):
        print(f"Dashboard: {found['dashboard']} (already running, with the consumer of pid {found['pid']})")
        return OK
    dashboard = serving.start(home, view, server.command)
    try:
        serving.announce(dashboard, home, view, server.ready)
        if setup.settings.server or found:
            whose = setup.settings.server or f"pid {found['pid'] if found else ''}"
            print(f"attached to the running consumer ({whose})", flush=True)
            return serving.attended(dashboard)
        from runstream_consumer.loop import Consumer

        Consumer(setup).run()
    finally:
        dashboard.close()
        serving.tell(home, None, None)
    return OK


def consume(options: argparse.Namespace) -> int:
    """Run the consumer until interrupted."""
    require("`runstream consume`", "consumer", "duckdb", "prometheus_client", "structlog")
    from runstream_consumer.loop import Consumer

    from runstream_consumer import config

    setup = config.read(listen=options.listen, port=options.port, monitor_port=options.monitor_port)
    setup.home.ensure()
    Consumer(setup).run()
    return OK


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
