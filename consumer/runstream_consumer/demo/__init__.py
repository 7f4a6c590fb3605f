"""
The demo: real training, logged with the SDK as a user would, with the dashboard beside it.

The ridge sweep shows every kind of thing that a run can hold; the digits networks show live curves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from runstream_consumer import config
from runstream_consumer.serve import read_server

DEFAULT_HOME = Path(".runstream-demo")


def run(serve: bool, port: int | None = None, may_open_browser: bool = True) -> int:
    """
    Train, log and read back; then go on serving the dashboard until interrupted.

    Args:
        serve: start consumer and dashboard first, and stay; False ends after the training.
        port: of the dashboard; None = 8501 or the next free of ten.
        may_open_browser: open one on a machine with a screen.

    Returns:
        0, or the exit code of consumer and dashboard when they failed.
    """
    home = Path(os.environ.setdefault("RUNSTREAM_HOME", str(DEFAULT_HOME.absolute())))
    if not serve:
        print(f"home: {home}")
    # As Ctrl-C: the child is ended in order, not left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = _started(_command(port, may_open_browser)) if serve else _reader()
    try:
        _train(serve)
        if not serve or server is None:
            print(f"Training is done; `runstream --home {home} up` shows it.", flush=True)
            return 0
        url = _dashboard()
        print(f"Training is done; the dashboard stays{f' at {url}' if url else ''}. Ctrl-C ends it.", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.wait()


def _dashboard() -> str | None:
    """Return the address of this home's dashboard; None where none answers yet."""
    told = read_server(config.read().home)
    return told.dashboard or None if told else None


def _command(port: int | None, may_open_browser: bool) -> list[str]:
    """Return the arguments of `runstream up`, which prints the address by itself."""
    chosen = [] if port is None else ["--port", str(port)]
    return ["up", *chosen, *([] if may_open_browser else ["--no-browser"])]


def _reader() -> subprocess.Popen[bytes] | None:
    """Start a consumer where reading back needs one: over Kafka nothing is folded from journals."""
    setup = config.read()
    is_needed = setup.settings.brokers and not setup.settings.server and read_server(setup.home) is None
    return _started(["consume"]) if is_needed else None


def _started(arguments: list[str]) -> subprocess.Popen[bytes]:
    # The demo's own lines are what its terminal is for.
    environment = {"RUNSTREAM_LOG_LEVEL": "WARNING", **os.environ}
    return subprocess.Popen([sys.executable, "-m", "runstream.cli", *arguments], env=environment)


def _train(serve: bool) -> None:
    # Only now: the dashboard starts while these load.
    from runstream import Workspace
    from runstream_consumer.demo import digits, ridge

    workspace = Workspace("demo")
    _, runs = ridge.sweep(workspace)
    best, alpha, mse = ridge.best_of(runs)
    where = f"  {best.get_portal_url()}" if serve else ""
    print(f"best run: {best.display_name}, alpha {alpha:.2f}, mse {mse:.2f}{where}", flush=True)
    if serve and (url := _dashboard()):
        print(f"three networks train now; their curves grow at {url}/charts?smooth=0.8", flush=True)
    for network in digits.train(workspace):
        metrics = network.get_metrics()
        accuracy = metrics["test/accuracy"]
        print(
            f"{network.display_name}: {len(metrics['train/loss'])} steps, test accuracy {accuracy[-1]:.3f}", flush=True
        )
