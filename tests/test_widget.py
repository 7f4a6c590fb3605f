"""A run in a notebook: what is read of it and sent, that it ends, and what is told where no widget can be shown."""

from __future__ import annotations

import builtins
import json
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from runstream import Experiment, Run, Workspace
from runstream.widgets import RunDetails, follower, look, run_details
from runstream.widgets.follower import Follower
from runstream.widgets.front import MODULES, RunWidget, script
from runstream.widgets.look import Look, Seen
from runstream_consumer.history import Chart, ChartKey
from runstream_schemas.errors import RunNotFound
from tests.browser import png
from tests.waiting import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let threads look without a pause between."""
    monkeypatch.setattr(follower, "EVERY_S", 0.02)
    monkeypatch.setattr(follower, "RETRY_S", 0.02)


@pytest.fixture
def run() -> Run:
    """Give a run of every kind of metric, with tags."""
    run = Experiment(Workspace(), "실험").start_logging(name="첫 번째", tags={"model": "ridge"})
    for step in range(400):
        run.log("loss", 1 / (step + 1), step=step)
    run.log("alpha", 0.3)
    run.log("note", "dropout")
    run.log_list("Fibonacci", [0, 1, 1, 2, 3, 5])
    for angle in (0.0, 0.5, 1.0):
        run.log_row("Cosine", angle=angle, note="x", cos=math.cos(angle))
    return run


def seen(run: Run) -> Seen:
    """Look at a run once, when all that was logged here is there."""
    found = Look(run._config, run.id)
    with run._reader().history() as history:
        found.read(history)
    return found.seen


class Shown:
    """Takes what a follower shows."""

    def __init__(self, is_open: Callable[[], bool] = lambda: True) -> None:
        self.seen = Seen()
        self.troubles: list[str] = []
        self.n_looks = 0
        self.is_last = False
        self.is_open = is_open

    def __call__(self, seen: Seen, trouble: str, is_last: bool) -> bool:
        """Keep it."""
        self.seen, self.is_last = seen, is_last
        self.n_looks += 1
        if self.troubles[-1:] != [trouble]:
            self.troubles.append(trouble)
        return self.is_open()


@pytest.fixture
def following() -> Iterator[Callable[[Run, Shown], Follower]]:
    """Give a function that follows a run; what still follows at the end is stopped."""
    started: list[Follower] = []

    def start(run: Run, shown: Shown) -> Follower:
        started.append(Follower(run._config, run.id, shown))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()
    assert not any(each.is_alive for each in started)


Following = Callable[[Run, Shown], Follower]


def test_every_kind_of_metric_is_seen(run: Run) -> None:
    """A repeated value is a curve over its steps, a list one over its places, rows one column over the other."""
    found = seen(run)
    curves = {curve.name: curve for curve in found.curves}
    assert {name: (it.x_name, it.y_name, it.n) for name, it in curves.items()} == {
        "loss": ("step", "", 400),
        "Cosine": ("angle", "cos", 3),
        "Fibonacci": ("place", "", 6),
    }
    assert curves["Cosine"].points() == ([0.0, 0.5, 1.0], [math.cos(x) for x in (0.0, 0.5, 1.0)])
    assert curves["loss"].least_and_greatest() == (1 / 400, 1.0)
    assert [(it["name"], it["value"]) for it in found.values] == [("alpha", "0.3"), ("note", "dropout")]
    assert (found.run["status"], found.run["name"], found.labels["tags"]) == (
        "Running",
        "첫 번째",
        [["model", "ridge"]],
    )
    json.dumps([found.run, found.progress, found.values, found.labels, found.children], allow_nan=False)


def test_pictures_children_and_errors_are_seen(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures come with their bytes, children with their status, a failure with its cause."""
    for name, size in (("small", 2), ("large", 900)):
        (tmp_path / f"{name}.png").write_bytes(png(size, size))
        run.log_image(name, str(tmp_path / f"{name}.png"))
    monkeypatch.setattr("runstream.widgets.pictures.MAX_BYTES", len(png(2, 2)))
    run.child_run(name="child").complete()
    run.fail(ValueError("too large"))
    found = seen(run)
    assert [(it.metric, it.trouble, found.slots[it.slot]) for it in found.pictures] == [
        ("large", "too large to be shown here", b""),
        ("small", "", png(2, 2)),
    ]
    assert [(child["name"], child["status"]) for child in found.children] == [("첫 번째>child", "Completed")]
    assert (found.run["error"]["type"], found.run["error"]["message"]) == ("ValueError", "too large")
    assert found.is_over


def test_only_what_can_have_changed_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a history that stands still asks for the run alone; one new point asks for one curve."""
    asked: list[list[str]] = []
    found = Look(run._config, run.id)
    with run._reader().history() as history:
        charts = history.charts

        def counting(keys: Sequence[ChartKey], columns: int) -> list[Chart]:
            asked.append([name for _, name, _ in keys])
            return charts(keys, columns=columns)

        monkeypatch.setattr(history, "charts", counting)
        assert found.read(history)
        assert not found.read(history)
        run.log("loss", 0.0, step=400)
        run.flush()
        assert found.read(history)
    assert asked == [["loss", "Fibonacci"], ["loss"]]
    assert found.seen.curves[0].n == 401


def test_a_run_is_followed_until_it_ends(run: Run, following: Following) -> None:
    """What is logged appears; after the end everything was shown, and the thread is gone."""
    shown = Shown()
    thread = following(run, shown)
    until(lambda: shown.seen.progress.get("n_points", 0) > 400, what="the first points")
    run.log("loss", 0.0, step=400)
    until(lambda: shown.seen.curves[0].n == 401, what="the new point")
    run.log("loss", 0.0, step=401)
    run.complete()
    until(lambda: not thread.is_alive, what="the end of the thread")
    assert shown.is_last
    assert (shown.seen.run["status"], shown.seen.curves[0].n) == ("Completed", 402)
    assert [it.name for it in threading.enumerate() if "runstream-widget" in it.name] == []


def test_a_history_that_cannot_be_read_is_told_and_asked_again(
    run: Run, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a server the view says so; when there is one, it goes on by itself."""
    run.flush()
    monkeypatch.setenv("RUNSTREAM_BROKERS", "127.0.0.1:1")
    shown = Shown()
    following(run, shown)
    until(lambda: shown.n_looks > 2, what="looks that fail")
    assert "no consumer of this home runs" in shown.troubles[0]
    assert shown.seen.run == {}
    monkeypatch.delenv("RUNSTREAM_BROKERS")
    until(lambda: shown.troubles[-1] == "", what="a look that does not fail")
    assert shown.seen.progress["n_points"] > 400


def test_a_run_that_nobody_knows_yet_is_waited_for(following: Following) -> None:
    """A view of a run without events says so, and shows it as soon as there is one."""
    run = Run(Experiment(Workspace(), "later"), "later-run")
    shown = Shown()
    following(run, shown)
    until(lambda: follower.NOT_YET in shown.troubles, what="the note that there is nothing yet")
    run.log("loss", 1.0)
    until(lambda: shown.seen.run.get("id") == "later-run", what="the run")


def test_a_closed_view_and_a_fault_end_the_thread(
    run: Run, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody looks any more the thread ends; what it stumbles over is told before it ends."""
    closed = following(run, Shown(is_open=lambda: False))
    until(lambda: not closed.is_alive, what="the end of the closed view's thread")
    shown = Shown()
    monkeypatch.setattr(look.Look, "read", lambda *_: 1 / 0)
    broken = following(run, shown)
    until(lambda: not broken.is_alive, what="the end of the broken view's thread")
    assert shown.is_last
    assert shown.troubles == ["the view has stopped, ZeroDivisionError: division by zero"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Give a list of the states that widgets send to their pages."""
    states: list[dict[str, Any]] = []
    monkeypatch.setattr(RunWidget, "send_state", lambda widget, key=None: states.append(widget.get_state(key)))
    return states


def test_a_page_is_sent_only_what_has_changed(run: Run, sent: list[dict[str, Any]]) -> None:
    """A look that finds nothing new sends the time; one more point sends its own bytes."""
    widget = RunWidget(run.id)
    first, second = seen(run), seen(run)
    assert widget.show(first, "", is_last=False)
    assert {"run", "whole", "tail", "values", "labels"} <= sent[-1].keys()
    assert widget.show(second, "", is_last=False)
    assert sent[-1].keys() <= {"n_looks", "progress"}
    run.log("loss", 0.0, step=400)
    assert widget.show(seen(run), "", is_last=False)
    assert sent[-1].keys() <= {"n_looks", "progress", "tail"}
    assert sum(len(curve["x"]) for curve in sent[-1]["tail"]["curves"]) <= 16
    widget.close()
    assert not widget.show(second, "", is_last=False)


def test_the_page_s_code_is_one_module() -> None:
    """The files of the page are put together without imports, and every one of them is there."""
    code = script()
    assert "\nimport " not in code
    assert code.count("export ") == code.count("export default ") == 1
    web = Path(run_details.__file__).with_name("web")
    assert sorted(MODULES[1:]) == sorted(web.glob("*.js"))
    assert "innerHTML" not in code
    assert "http" not in code.replace("http://www.w3.org/2000/svg", "").replace("https?:", "")


def test_outside_of_notebooks_the_run_is_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """In a terminal show() prints facts and metrics; render_lib gets the same as HTML."""
    run.tag("evil", "\x1b[31m<b>")
    RunDetails(run).show()
    text = capsys.readouterr().out
    assert "Status      Running" in text
    assert "loss       0.0025" in text
    assert "\x1b" not in text
    pages: list[str] = []
    RunDetails(run).show(render_lib=pages.append)
    assert "첫 번째" in pages[0]
    assert "<b>" not in pages[0]


def test_what_is_not_installed_is_told(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel without anywidget prints the run and what to install; without a reader it prints that."""
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith(missing):
            raise ModuleNotFoundError(name=name.partition(".")[0])
        return imported(name, *rest)

    monkeypatch.setattr(run_details, "_in_notebook", lambda: True)
    monkeypatch.setattr(builtins, "__import__", without)
    missing = "runstream.widgets.front"
    RunDetails(run).show()
    text = capsys.readouterr().out
    assert "loss" in text
    assert "pip install 'runstream[notebook]'" in text
    missing = "runstream_consumer"
    monkeypatch.setattr(run_details, "_in_notebook", lambda: False)
    RunDetails(run).show()
    assert "pip install 'runstream[consumer]'" in capsys.readouterr().out


def test_widget_data_is_what_is_shown(run: Run) -> None:
    """get_widget_data() has the names of the old widget, and gives its settings back."""
    details = RunDetails(run)
    details.show(render_lib=len, widget_settings={"debug": True})
    data = details.get_widget_data()
    assert (data["status"], data["run_id"], data["widget_settings"]) == ("Running", run.id, {"debug": True})
    assert data["run_properties"]["tags"] == {"model": "ridge"}
    metrics = {metric["name"]: (metric["categories"], metric["series"][0]["data"]) for metric in data["run_metrics"]}
    assert metrics["alpha"] == ([0.0], [0.3])
    assert metrics["note"][1] == ["dropout"]
    assert metrics["Fibonacci"] == ([0, 1, 2, 3, 4, 5], [0, 1, 1, 2, 3, 5])


def test_mistakes_are_told() -> None:
    """RunDetails takes a run, and reading one that nobody knows says so."""
    with pytest.raises(TypeError, match=r"RunDetails\(run\) takes Run first, not str"):
        RunDetails("run")  # type: ignore[arg-type]
    with pytest.raises(RunNotFound):
        RunDetails(Run(Experiment(Workspace(), "none"), "no-such-run")).get_widget_data()


def test_an_experiment_s_table_links_to_its_runs() -> None:
    """The HTML of an experiment names it and its workspace, and leads to the list of its runs."""
    page = Experiment(Workspace("lab"), "<b>&")._repr_html_()
    assert "<td>&lt;b&gt;&amp;</td><td>lab</td>" in page
    assert "<th>Report Page</th>" in page
    assert 'href="http://127.0.0.1:8501/?exp=%3Cb%3E%26"' in page
