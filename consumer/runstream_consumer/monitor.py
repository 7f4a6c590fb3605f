"""What the consumer tells about itself over HTTP: ``/healthz``, ``/readyz`` and Prometheus' ``/metrics``."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from runstream_consumer.source import Lag

STALLED_AFTER_S = 30.0
"""A loop that has not come round for this long is no longer healthy; a seal of a million rows takes half a second."""

READY_WITHIN_S = 10.0
"""A consumer further behind than this is alive, but what it serves is old."""


class Monitor:
    """
    The consumer's counters, and the server that shows them.

    The loop writes, any thread reads. Everything is per process: a restarted consumer counts from zero, as Prometheus
    expects of counters.
    """

    def __init__(self) -> None:
        """Start all counters at zero; nothing listens until ``serve``."""
        self.registry = CollectorRegistry()
        self._turned_at = time.monotonic()
        self._behind_s: float | None = None
        self._server: ThreadingHTTPServer | None = None
        self._partitions: set[str] = set()
        self._shrunk: dict[str, int] = {}
        registry = self.registry
        self._events = Counter("runstream_events", "Events folded into the history.", registry=registry)
        self._points = Counter("runstream_points", "Metric points folded into the history.", registry=registry)
        self._dead = Counter(
            "runstream_dead_letters", "Events set aside because they could not be folded.", registry=registry
        )
        self._commits = Counter("runstream_commits", "Transactions committed.", registry=registry)
        self._fold_s = Histogram(
            "runstream_fold_seconds",
            "Time from decoded events to the committed transaction.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
            registry=registry,
        )
        self._committed_at = Gauge(
            "runstream_last_commit_timestamp_seconds", "When the last transaction was committed.", registry=registry
        )
        # Without a commit there is no such time: zero would be an age of fifty years.
        self._committed_at.set(float("nan"))
        self._lag_events = Gauge(
            "runstream_lag_events", "Events in the log that are not folded yet.", ["partition"], registry=registry
        )
        self._lag_s = Gauge(
            "runstream_lag_seconds", "Age of the oldest event that is not folded yet.", registry=registry
        )
        self._n_shrunk = Gauge(
            "runstream_shrunk_journals",
            "Journals that end before what was folded from them: a part of the log was removed.",
            registry=registry,
        )

    def turned(self) -> None:
        """Say that the loop has come round once more."""
        self._turned_at = time.monotonic()

    def resumed(self, committed_at_us: int | None) -> None:
        """Show when a former process committed last (us since 1970 UTC); until the next commit that is the newest."""
        if committed_at_us is not None:
            self._committed_at.set(committed_at_us / 1e6)

    def committed(self, n_events: int, n_points: int, n_dead_letters: int, fold_s: float) -> None:
        """Count one committed transaction, which took ``fold_s`` seconds from decoded events to the commit."""
        self._events.inc(n_events)
        self._points.inc(n_points)
        self._dead.inc(n_dead_letters)
        self._commits.inc()
        self._fold_s.observe(fold_s)
        self._committed_at.set_to_current_time()

    def behind(self, lags: Sequence[Lag]) -> None:
        """Show how far each partition is behind the end of its log."""
        partitions = {lag.partition for lag in lags}
        for gone in self._partitions - partitions:
            self._lag_events.remove(gone)
        self._partitions = partitions
        for lag in lags:
            self._lag_events.labels(lag.partition).set(max(0, lag.end - lag.next_position))
        self._behind_s = max((lag.behind_s for lag in lags), default=0.0)
        self._lag_s.set(self._behind_s)

    def shrunk(self, ends: Mapping[str, int]) -> None:
        """Show the journals that end (position, by producer) before what was folded from them."""
        self._shrunk = dict(ends)
        self._n_shrunk.set(len(ends))

    def health(self) -> tuple[bool, dict[str, object]]:
        """Whether the loop still comes round, and the facts behind the answer."""
        idle_s = time.monotonic() - self._turned_at
        facts: dict[str, object] = {"seconds_since_last_turn": round(idle_s, 3), "shrunk_journals": self._shrunk}
        return idle_s < STALLED_AFTER_S, facts

    def readiness(self) -> tuple[bool, dict[str, object]]:
        """Whether what is served is close to the end of the log, and the facts behind the answer."""
        healthy, facts = self.health()
        facts["behind_seconds"] = self._behind_s
        return healthy and self._behind_s is not None and self._behind_s <= READY_WITHIN_S, facts

    def serve(self, host: str, port: int = 0) -> int:
        """
        Answer on ``host`` from a thread of its own; ``port`` 0 takes a free one.

        Returns:
            The port that is listened on.

        Raises:
            OSError: the port is taken.
        """
        self._server = _Server((host, port), self)
        threading.Thread(target=self._server.serve_forever, name="runstream-monitor", daemon=True).start()
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], monitor: Monitor) -> None:
        self.monitor = monitor
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        monitor = self.server.monitor
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(monitor.registry))
            case "/healthz":
                self._state(*monitor.health())
            case "/readyz":
                self._state(*monitor.readiness())
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"try /healthz, /readyz or /metrics\n")

    def _state(self, good: bool, facts: dict[str, object]) -> None:
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        body = json.dumps({"status": "ok" if good else "unavailable", **facts}).encode()
        self._answer(status, "application/json", body)

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own signature
        """Say nothing: a probe every second would drown the consumer's log."""
