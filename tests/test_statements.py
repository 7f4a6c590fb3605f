"""How many statements a steady tick of each page asks the history: at most three a viewer, whatever there is to see."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from streamlit.testing.v1 import AppTest

from runstream_consumer.access import Served, Take
from runstream_consumer.history import History, Watermark
from runstream_dashboard import live
from runstream_dashboard.pages import models, pipeline, run, runs
from runstream_schemas.catalog import MODEL, CatalogEvent, ModelFile, ModelRegistered
from runstream_schemas.events import ArtifactEvent, Event, LogEvent, Series, StatusChanged
from tests import folded
from tests.browser import png
from tests.folded import START_NS, metric_event, scalar
from tests.served import Fill
from tests.test_family_reads import run as created
from tests.test_family_reads import tag

MOST = 3
N_TICKS = 5
RUNS = ("parent", "child", "other")


@dataclass
class Asked:
    """The statements of the newest tick, and a clock that a test turns on; every tick finds a new commit."""

    now: float = 1e6
    statements: list[str] = field(default_factory=list)

    def monotonic(self) -> float:
        """Return the seconds of this clock."""
        return self.now


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Note what this process asks of a served history, with nothing at hand yet."""
    noted = Asked()
    run_statement, read_watermark = Served.run, History.watermark

    def noting(self: Served, statement: str, take: Take[object]) -> object:
        noted.statements.append(statement)
        return run_statement(self, statement, take)

    def with_news(self: History) -> Watermark:
        return replace(read_watermark(self), commit_no=int(noted.now), state="live")

    monkeypatch.setattr(Served, "run", noting)
    monkeypatch.setattr(History, "watermark", with_news)
    monkeypatch.setattr(live, "time", noted)
    # Its runs were heard of just now.
    monkeypatch.setattr(folded, "NOW_US", time.time_ns() // 1000)
    for kept in (live._reader, live._answers):
        kept.cache_clear()
    yield noted
    for kept in (live._reader, live._answers):
        kept.cache_clear()


def events(run_id: str) -> list[Event]:
    """Return a running run of an experiment with metrics of all forms, a file, a picture, lines and a model."""
    parent = "parent" if run_id == "child" else None
    found = created(run_id, RUNS.index(run_id), StatusChanged("Running"), parent_run_id=parent)
    found.append(tag(run_id, "team", "one"))
    series = [scalar(code, name) for code, name in enumerate(("loss", "accuracy"))]
    series += [Series(2, "list", None, "list"), *(Series(3 + i, "row", name, "row") for i, name in enumerate("ab"))]
    series.append(Series(5, "confusion", None, "chart"))
    points = [(code, step, float(step)) for step in range(20) for code in range(5)] + [(5, None, "confusion.json")]
    found.append(metric_event(points, series, run_id=run_id, producer_id=run_id))
    kept = [("note.txt", "text/plain", None, b"kept"), ("dot.png", "image/png", "dot", png(2, 2))]
    kept.append(("confusion.json", "application/json", "confusion", b"{}"))
    for sequence, (path, kind, name, content) in enumerate(kept):
        sha256 = hashlib.sha256(content).hexdigest()
        found.append(
            ArtifactEvent(run_id, run_id, sequence, START_NS, path, len(content), sha256, kind, None, content, name)
        )
    made = ModelRegistered((ModelFile("note.txt", 4, "0" * 64, "text/plain"),), run_id=run_id)
    found.append(CatalogEvent(run_id, run_id, 0, START_NS, "ws", MODEL, "made", made))
    found.append(LogEvent(run_id, run_id, 0, START_NS, "stdout", 0, "a line\n"))
    return found


def script(name: str) -> str:
    """Return what draws one page."""
    return f"from runstream_dashboard import pages\npages.all_pages()\npages.{name}.page()"


CASES: list[tuple[str, float, dict[str, str]]] = [
    ("runs", runs.RENEW_S, {}),
    ("models", models.RENEW_S, {}),
    ("pipeline", pipeline.RENEW_S, {}),
    ("charts", live.TICK_S, {"runs": "child,other"}),
    *(("run", run.LOGS_S if tab == "Logs" else live.TICK_S, {"run": "child", "tab": tab}) for tab in run.TABS),
    ("run", live.TICK_S, {"run": "parent"}),
    *(
        ("compare", live.TICK_S if tab == "Curves" else live.SLOW_S, {"runs": "child,other", "tab": tab})
        for tab in ("Differences", "Text", "Scatter", "Curves", "Images")
    ),
]


@pytest.mark.parametrize(("name", "every_s", "query"), CASES)
def test_a_tick_is_three_statements_at_most(
    fill: Fill, asked: Asked, name: str, every_s: float, query: dict[str, str]
) -> None:
    """Once a page is drawn, and however the ticks fall: with news at each, statuses and lists read anew among them."""
    fill([event for run_id in RUNS for event in events(run_id)])
    app = AppTest.from_string(script(name), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.run().run()
    counts = []
    for _ in range(N_TICKS):
        asked.now += every_s
        asked.statements.clear()
        assert not app.run().exception
        counts.append(len(asked.statements))
    assert 2 <= max(counts) <= MOST, counts
