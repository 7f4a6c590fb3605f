"""`python -m runstream_dashboard --port 8501`: serve the dashboard of the home named by RUNSTREAM_HOME."""

from __future__ import annotations

import argparse

from runstream_dashboard.server import run


def main() -> None:
    """Read the two options and serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m runstream_dashboard", description=__doc__)
    parser.add_argument("--port", type=int, default=8501, help="port to listen on (default: 8501)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    given = parser.parse_args()
    run(given.port, given.host)


if __name__ == "__main__":
    main()
