"""What the consumer tells about itself over HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from runstream_consumer import monitor as monitor_module
from runstream_consumer.monitor import Monitor
from runstream_consumer.source import Lag


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    """A monitor that listens on a free port until the test ends."""
    monitor = Monitor()
    yield monitor
    monitor.close()


def get(port: int, path: str) -> tuple[int, str]:
    """Fetch a path and return the status with the body, errors included."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_count_what_was_committed(monitor: Monitor) -> None:
    """Events, points, dead letters and fold seconds of every commit add up on /metrics."""
    port = monitor.serve("127.0.0.1")
    monitor.committed(n_events=2, n_points=8_000, n_dead_letters=1, fold_s=0.02)
    monitor.committed(n_events=1, n_points=10, n_dead_letters=0, fold_s=0.01)

    status, body = get(port, "/metrics")

    assert status == 200
    assert "runstream_events_total 3.0" in body
    assert "runstream_points_total 8010.0" in body
    assert "runstream_dead_letters_total 1.0" in body
    assert "runstream_fold_seconds_count 2.0" in body


def test_the_last_commit_may_be_a_former_process_s(monitor: Monitor) -> None:
    """Before any commit there is no such time; after a restart it is that of the file, then that of the next."""
    port = monitor.serve("127.0.0.1")
    name = "runstream_last_commit_timestamp_seconds"
    monitor.resumed(None)
    none = get(port, "/metrics")[1]
    monitor.resumed(1_790_000_000_000_000)
    former = get(port, "/metrics")[1]
    monitor.committed(n_events=1, n_points=0, n_dead_letters=0, fold_s=0.01)

    assert f"{name} NaN" in none
    assert f"{name} 1.79e+09" in former
    assert (monitor.registry.get_sample_value(name) or 0) != 1_790_000_000


def test_lag_is_shown_per_partition_and_forgotten_with_it(monitor: Monitor) -> None:
    """Each partition's lag is shown in events and the oldest in seconds; a closed journal's line goes away."""
    port = monitor.serve("127.0.0.1")
    monitor.behind([Lag("a", 5, 9, 1.5), Lag("b", 7, 7, 0.0)])
    first = get(port, "/metrics")[1]
    monitor.behind([Lag("b", 7, 7, 0.0)])
    second = get(port, "/metrics")[1]

    assert 'runstream_lag_events{partition="a"} 4.0' in first
    assert "runstream_lag_seconds 1.5" in first
    assert 'partition="a"' not in second
    assert "runstream_lag_seconds 0.0" in second


def test_ready_only_when_the_log_is_nearly_folded(monitor: Monitor) -> None:
    """/readyz is 503 before the lag is known and while it is large, and 200 when it is small."""
    port = monitor.serve("127.0.0.1")
    unknown = get(port, "/readyz")
    monitor.behind([Lag("a", 0, 9, 60.0)])
    far = get(port, "/readyz")
    monitor.behind([Lag("a", 9, 9, 0.0)])
    near = get(port, "/readyz")

    assert [unknown[0], far[0], near[0]] == [503, 503, 200]
    assert json.loads(far[1])["behind_seconds"] == 60.0


def test_a_stalled_loop_is_unhealthy(monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """/healthz turns 503 when the loop has not come round for longer than it may take, and heals with the next turn."""
    port = monitor.serve("127.0.0.1")
    assert get(port, "/healthz")[0] == 200

    monkeypatch.setattr(monitor_module, "STALLED_AFTER_S", 0.0)
    assert get(port, "/healthz")[0] == 503

    monkeypatch.undo()
    monitor.turned()
    assert get(port, "/healthz")[0] == 200


def test_an_unknown_path_names_the_known_ones(monitor: Monitor) -> None:
    """Anything else is 404 with the paths that exist."""
    status, body = get(monitor.serve("127.0.0.1"), "/")

    assert status == 404
    assert "/readyz" in body


def test_a_journal_that_has_lost_its_end_is_told(monitor: Monitor) -> None:
    """Journals shorter than what was folded from them stand in /healthz by name, and as a number in /metrics."""
    port = monitor.serve("127.0.0.1")
    monitor.shrunk({"producer-1": 4})

    assert json.loads(get(port, "/healthz")[1])["shrunk_journals"] == {"producer-1": 4}
    assert "runstream_shrunk_journals 1.0" in get(port, "/metrics")[1]
