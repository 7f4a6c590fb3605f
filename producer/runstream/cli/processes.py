"""`up`, `dashboard`, `consume`, `demo`: commands that start something and stay."""

from __future__ import annotations

import argparse
import importlib.util

from runstream_schemas.errors import ExtraMissing


def up(options: argparse.Namespace) -> int:
    """Run consumer and dashboard until interrupted."""
    require("runstream up", "dashboard", "duckdb", "streamlit")
    from runstream_consumer import commands

    return commands.up(commands.view_of(options))


def dashboard(options: argparse.Namespace) -> int:
    """Run the dashboard, and a consumer where none runs and none is named."""
    require("runstream dashboard", "dashboard", "duckdb", "streamlit")
    from runstream_consumer import commands

    return commands.dashboard(commands.view_of(options))


def consume(options: argparse.Namespace) -> int:
    """Run the consumer until interrupted."""
    require("runstream consume", "consumer", "duckdb", "prometheus_client", "structlog")
    from runstream_consumer import commands

    return commands.consume(options.listen, options.port, options.monitor_port)


def demo(options: argparse.Namespace) -> int:
    """Train, log, read back; then serve."""
    needed = ("sklearn", "matplotlib", "duckdb") if options.exit else ("sklearn", "matplotlib", "duckdb", "streamlit")
    require("runstream demo", "demo", *needed)
    from runstream_consumer import demo as demonstration

    return demonstration.run(serve=not options.exit, port=options.port, browser=not options.no_browser)


def require(command: str, extra: str, *modules: str) -> None:
    """
    Refuse before anything starts, rather than in a child process later.

    Raises:
        ExtraMissing: one of *modules* is not installed.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ExtraMissing(f"`{command}`", extra, module)
