"""What each call on a run puts into the journal, and what it refuses."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from runstream import Experiment, Run, Workspace
from runstream_schemas.errors import (
    InvalidName,
    InvalidStep,
    InvalidValue,
    MetricFormClash,
    PropertyExists,
    TooLarge,
    UnsafePath,
)
from runstream_schemas.events import (
    ArtifactEvent,
    Change,
    Created,
    Event,
    MetricEvent,
    ProducerClosed,
    PropertiesAdded,
    RunEvent,
    StatusChanged,
    TagEvent,
)
from tests import journals

mpl.use("Agg")

E = TypeVar("E", bound=Event)
C = TypeVar("C", bound=Change)


@pytest.fixture
def experiment() -> Experiment:
    """Give an experiment in a fresh home."""
    return Experiment(Workspace("lab"), "ridge")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    """Give a started run."""
    return experiment.start_logging()


def events(home: Path, kind: type[E]) -> list[E]:
    """Read every event of one type out of a home's journals, in the order of producers and frames."""
    return [event for event in journals.events(home) if isinstance(event, kind)]


def changes(home: Path, kind: type[C]) -> list[C]:
    """Read every change of one type to the runs of a home."""
    return [event.change for event in events(home, RunEvent) if isinstance(event.change, kind)]


def statuses(home: Path) -> list[str]:
    """Read the statuses set in a home, in order."""
    return [change.status for change in changes(home, StatusChanged)]


def forms(home: Path) -> dict[tuple[str, str | None], tuple[str, str]]:
    """Read the form and description of every series in a home."""
    return {
        (series.name, series.column_name): (series.form, series.description)
        for event in events(home, MetricEvent)
        for series in event.series
    }


def png() -> bytes:
    """Return a small picture as matplotlib writes it."""
    figure, buffer = Figure(), BytesIO()
    figure.subplots().plot([1, 2])
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def test_a_started_run_is_created_and_running(experiment: Experiment, home_path: Path) -> None:
    """start_logging() writes who started what and where, then Running, then the tags, before it returns."""
    run = experiment.start_logging(name="first", description="a try", tags={"a": "1", "b": None})
    created = changes(home_path, Created)
    assert [(c.workspace, c.experiment, c.display_name, c.description) for c in created] == [
        ("lab", "ridge", "first", "a try")
    ]
    assert created[0].pid == os.getpid()
    assert created[0].host
    assert created[0].user
    assert statuses(home_path) == ["Running"]
    assert [(event.key, event.value) for event in events(home_path, TagEvent)] == [("a", "1"), ("b", None)]
    assert (run.status, run.display_name, run.name, run.description) == ("Running", "first", "first", "a try")


def test_names_and_ids_are_checked_before_anything_is_written(experiment: Experiment, home_path: Path) -> None:
    """A bad workspace, experiment, run id, display name or tag raises, and nothing was created."""
    with pytest.raises(InvalidName):
        Workspace("")
    with pytest.raises(InvalidName):
        Experiment(Workspace(), "a\nb")
    with pytest.raises(TypeError, match="Workspace"):
        Experiment("lab", "ridge")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Experiment"):
        Run(Workspace(), "x")  # type: ignore[arg-type]
    for run_id in ("", "../x", "a b", "é", "x" * 129):
        with pytest.raises(InvalidName):
            experiment.start_logging(run_id=run_id)
    with pytest.raises(InvalidName):
        experiment.start_logging(tags={"": "x"})
    with pytest.raises(InvalidName):
        experiment.start_logging(display_name="a\0b")
    with pytest.raises(TypeError, match="same thing twice"):
        experiment.start_logging(name="a", display_name="b")
    assert not home_path.exists()


def test_opening_a_run_touches_nothing(experiment: Experiment, home_path: Path) -> None:
    """Run(experiment, id) creates and reads nothing; its first event makes it a producer of that run."""
    run = Run(experiment, "known-run")
    assert (run.id, run.experiment, repr(run).count("known-run")) == ("known-run", experiment, 1)
    assert not home_path.exists()
    run.tag("looked at")
    assert [event.run_id for event in events(home_path, TagEvent)] == ["known-run"]
    assert statuses(home_path) == []


def test_every_form_is_told_with_its_description(run: Run, home_path: Path) -> None:
    """Scalars, lists, rows, tables and images each tell their form, columns and description."""
    run.log("loss", 0.5, "of the net")
    run.log_list("alphas", [1, 2], "tried")
    run.log_row("wave", "one period", angle=0.0, cos=1.0)
    run.log_table("sine", {"x": [1, 2], "y": [3, 4]}, "two points")
    run.log_image("plot", BytesIO(png()), description="a line")
    run.complete()
    assert forms(home_path) == {
        ("loss", None): ("scalar", "of the net"),
        ("alphas", None): ("list", "tried"),
        ("wave", "angle"): ("row", "one period"),
        ("wave", "cos"): ("row", "one period"),
        ("sine", "x"): ("table", "two points"),
        ("sine", "y"): ("table", "two points"),
        ("plot", None): ("image", "a line"),
    }


def test_a_step_in_the_description_s_place_is_told(run: Run) -> None:
    """A number given as third argument raises and asks whether a step was meant; so does one in log_row()."""
    with pytest.raises(TypeError, match="did you mean step=5"):
        run.log("loss", 0.1, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="description"):
        run.log_row("wave", 5, x=1)  # type: ignore[arg-type]


def test_one_name_has_one_form(run: Run) -> None:
    """A name that was logged in one form is refused in any other, with both told."""
    run.log("m", 1)
    calls: list[Callable[[], None]] = [
        lambda: run.log_list("m", [1]),
        lambda: run.log_row("m", x=1),
        lambda: run.log_table("m", {"x": [1]}),
        lambda: run.log_image("m", BytesIO(png())),
    ]
    for call in calls:
        with pytest.raises(MetricFormClash, match="scalar"):
            call()
    run.log_row("r", x=1)
    with pytest.raises(MetricFormClash, match="row"):
        run.log("r", 1)


def test_a_bad_value_leaves_nothing_half_logged(run: Run, home_path: Path) -> None:
    """A list, row or table with one bad cell raises, and none of its values was logged."""
    with pytest.raises(InvalidValue):
        run.log_list("l", [1, 2, object()])
    with pytest.raises(InvalidValue):
        run.log_row("r", x=1, y=[2])
    with pytest.raises(InvalidValue, match="x: 2, y: 1"):
        run.log_table("t", {"x": [1, 2], "y": [1]})
    with pytest.raises(InvalidValue):
        run.log_row("empty")
    with pytest.raises(InvalidStep):
        run.log("s", 1, step=2.5)  # type: ignore[arg-type]
    run.complete()
    assert sum(event.count for event in events(home_path, MetricEvent)) == 0


def test_columns_may_be_called_like_the_arguments(run: Run, home_path: Path) -> None:
    """A column may be called self, and name may be given by keyword, as scripts do."""
    run.log_row(name="wave", self=1, angle=2)
    run.complete()
    assert set(forms(home_path)) == {("wave", "self"), ("wave", "angle")}


def test_every_cell_of_a_row_carries_its_number(run: Run, home_path: Path) -> None:
    """Rows are numbered by metric from 0, tables row by row, also when the run's producer is opened anew between."""
    run.log_row("r", x=1, y=2)
    run.log_table("t", {"x": [5, 6], "y": [7, 8]})
    run.complete()
    run.log_row("r", x=3)
    run.log_row("r", y=4)
    run.complete()
    found = [(point.name, point.column_name, point.step, point.value) for point in journals.points(home_path)]
    assert found == [
        ("r", "x", 0, 1),
        ("r", "y", 0, 2),
        ("t", "x", 0, 5),
        ("t", "y", 0, 7),
        ("t", "x", 1, 6),
        ("t", "y", 1, 8),
        ("r", "x", 1, 3),
        ("r", "y", 2, 4),
    ]


def test_rows_of_many_threads_stay_apart(run: Run, home_path: Path) -> None:
    """When four threads log rows of one metric, every row keeps its cells together under a number of its own."""

    def log(thread: int) -> None:
        for n in range(200):
            run.log_row("r", a=thread * 1000 + n, b=thread * 1000 + n, c=str(thread * 1000 + n))

    threads = [threading.Thread(target=log, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.complete()
    rows: dict[int | None, dict[str | None, object]] = {}
    for point in journals.points(home_path):
        rows.setdefault(point.step, {})[point.column_name] = point.value
    assert sorted(rows) == list(range(800))  # type: ignore[type-var]
    assert all(row["a"] == row["b"] and str(row["a"]) == row["c"] for row in rows.values())


def test_empty_lists_and_tables_are_told(run: Run, home_path: Path) -> None:
    """An empty list and a table without rows make their series known, without a point."""
    run.log_list("l", [])
    run.log_table("t", {"x": [], "y": []})
    run.complete()
    assert set(forms(home_path)) == {("l", None), ("t", "x"), ("t", "y")}
    assert sum(event.count for event in events(home_path, MetricEvent)) == 0


def test_tags_become_text(run: Run, home_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Tags are strings or None; other values become their text, with one warning a type."""
    run.tag("selected", "yes")
    run.tag("Competition Rank", 1)  # type: ignore[arg-type]
    run.set_tags({"Best Run": None, "Rank": 2})  # type: ignore[dict-item]
    run.remove_tags("selected")
    run.remove_tags(["Rank", "never there"])
    found = [(event.key, event.value, event.removed) for event in events(home_path, TagEvent)]
    assert found == [
        ("selected", "yes", False),
        ("Competition Rank", "1", False),
        ("Best Run", None, False),
        ("Rank", "2", False),
        ("selected", None, True),
        ("Rank", None, True),
        ("never there", None, True),
    ]
    assert len([record for record in caplog.records if "stored as text" in record.message]) <= 1


def test_bad_tags_and_properties_are_refused_whole(run: Run, home_path: Path) -> None:
    """A bad key or a too long value raises, and none of the call's tags or properties was written."""
    with pytest.raises(InvalidName):
        run.set_tags({"good": "1", "": "2"})
    with pytest.raises(TooLarge):
        run.set_tags({"good": "1", "long": "x" * 70_000})
    with pytest.raises(TypeError):
        run.set_tags([("a", "b")])  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        run.add_properties({"good": "1", "none": None})  # type: ignore[dict-item]
    with pytest.raises(TooLarge, match="add_properties"):
        run.add_properties({str(n): "x" * 60_000 for n in range(7)})
    assert events(home_path, TagEvent) == []
    assert changes(home_path, PropertiesAdded) == []


def test_properties_are_written_once(run: Run, home_path: Path) -> None:
    """A second value for a property raises, nothing of that call is written, and other keys still can be added."""
    run.add_properties({"commit": "abc", "data": "v1"})
    with pytest.raises(PropertyExists, match="commit"):
        run.add_properties({"other": "x", "commit": "def"})
    run.add_properties({"other": "x"})
    assert changes(home_path, PropertiesAdded) == [
        PropertiesAdded({"commit": "abc", "data": "v1"}),
        PropertiesAdded({"other": "x"}),
    ]


def test_of_many_threads_one_adds_a_property(run: Run, home_path: Path) -> None:
    """When eight threads add one key, one succeeds and the others are told."""
    told: list[str] = []

    def add(value: str) -> None:
        try:
            run.add_properties({"key": value})
        except PropertyExists:
            told.append(value)

    threads = [threading.Thread(target=add, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 7
    assert len(changes(home_path, PropertiesAdded)) == 1


def test_uploads_keep_versions(run: Run, home_path: Path, tmp_path: Path) -> None:
    """The same bytes under the same name are kept once, other bytes are a new version; streams count as files."""
    (tmp_path / "model.pkl").write_bytes(b"one")
    first = run.upload_file("outputs/model.pkl", tmp_path / "model.pkl")
    assert run.upload_file("outputs/model.pkl", BytesIO(b"one")) == first
    second = run.upload_file("outputs/model.pkl", BytesIO(b"two"))
    found = events(home_path, ArtifactEvent)
    assert [(event.path, event.content) for event in found] == [
        ("outputs/model.pkl", b"one"),
        ("outputs/model.pkl", b"two"),
    ]
    assert [event.sha256 for event in found] == [first.sha256, second.sha256]
    assert first.serialize()["path"] == "outputs/model.pkl"


def test_several_files_and_folders_are_kept(run: Run, home_path: Path, tmp_path: Path) -> None:
    """upload_files() pairs names and paths; upload_folder() keeps all below a folder, or nothing of a bad one."""
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    assert [upload.path for upload in run.upload_folder("data", folder)] == ["data/a.txt", "data/sub/b.txt"]
    run.upload_files(["x", "y"], [folder / "a.txt", BytesIO(b"y")])
    with pytest.raises(TypeError, match="2 names for 1 paths"):
        run.upload_files(["x", "y"], [folder / "a.txt"])
    (folder / "z").symlink_to("/etc/hostname")
    with pytest.raises(UnsafePath):
        run.upload_folder("again", folder)
    assert [event.path for event in events(home_path, ArtifactEvent)] == ["data/a.txt", "data/sub/b.txt", "x", "y"]


def test_pictures_come_from_files_figures_and_pyplot(run: Run, home_path: Path, tmp_path: Path) -> None:
    """An image file keeps its name; figures, axes and pyplot, in either slot, become a png of their own each."""
    import matplotlib.pyplot as plt

    (tmp_path / "roc.dat").write_bytes(png())
    figure = Figure()
    axes = figure.subplots()
    plt.plot([1, 2])
    run.log_image("file", str(tmp_path / "roc.dat"))
    run.log_image("ROC", plt)
    run.log_image("ROC", plot=plt)
    run.log_image("train/loss: a", plot=figure)
    run.log_image("axes", axes)
    plt.close("all")
    found = events(home_path, ArtifactEvent)
    assert [event.metric_name for event in found] == ["file", "ROC", "ROC", "train/loss: a", "axes"]
    assert {event.content_type for event in found} == {"image/png"}
    assert found[0].path == "roc.dat"
    assert len({event.path for event in found}) == 5
    assert found[3].path.startswith("train/loss_ a_")


def test_what_is_no_picture_is_refused(run: Run, home_path: Path, tmp_path: Path) -> None:
    """A file that only claims to be an image, numbers, and none or two pictures are refused; nothing is kept."""
    (tmp_path / "fake.png").write_text("<html>")
    for path in (tmp_path / "fake.png", [1, 2], BytesIO(b"text")):
        with pytest.raises(InvalidValue):
            run.log_image("m", path)
    with pytest.raises(TypeError, match="one picture"):
        run.log_image("m")
    with pytest.raises(TypeError, match="one picture"):
        run.log_image("m", BytesIO(png()), Figure())
    with pytest.raises(FileNotFoundError):
        run.log_image("m", tmp_path / "missing.png")
    assert events(home_path, ArtifactEvent) == []


@pytest.mark.parametrize(
    ("end", "status"),
    [(Run.complete, "Completed"), (Run.fail, "Failed"), (Run.cancel, "Canceled")],
)
def test_a_run_ends_and_goes_on_accepting(run: Run, home_path: Path, end: Callable[[Run], None], status: str) -> None:
    """An ended run has closed its producer with everything in the journal; later events come from a new one."""
    run.log("loss", 0.1)
    end(run)
    assert (run.status, statuses(home_path)) == (status, ["Running", status])
    assert [change.n_points for change in changes(home_path, ProducerClosed)] == [1]
    run.log("loss", 0.2)
    run.log_row("late", x=1)
    run.tag("after")
    run.log_image("plot", BytesIO(png()))
    end(run)
    assert sum(event.count for event in events(home_path, MetricEvent)) == 4
    assert len({event.producer_id for event in events(home_path, MetricEvent)}) == 2
    assert len(changes(home_path, Created)) == 2


def test_a_with_statement_completes(experiment: Experiment, home_path: Path) -> None:
    """Leaving a with-statement well, by sys.exit(0) too, completes the run; an end set inside stays."""
    with experiment.start_logging() as run:
        assert run.status == "Running"
    with pytest.raises(SystemExit), experiment.start_logging():
        sys.exit(0)
    with experiment.start_logging() as run:
        run.cancel()
    assert statuses(home_path) == ["Running", "Completed", "Running", "Completed", "Running", "Canceled"]


def test_an_exception_fails_the_run_and_flies_on(experiment: Experiment, home_path: Path) -> None:
    """An exception in a with-statement is kept with type, message and traceback, and raised again."""
    with pytest.raises(ZeroDivisionError), experiment.start_logging():
        _ = 1 / 0
    with pytest.raises(SystemExit), experiment.start_logging():
        sys.exit("no data")
    first, second = (change for change in changes(home_path, StatusChanged) if change.status == "Failed")
    assert (first.error_type, first.error_message, first.error_code) == (
        "ZeroDivisionError",
        "division by zero",
        "UserError",
    )
    assert "_ = 1 / 0" in (first.error_traceback or "")
    assert (second.error_type, second.error_message) == ("SystemExit", "no data")


def test_fail_takes_a_message_or_an_exception(run: Run, home_path: Path) -> None:
    """fail() keeps a message with its code, survives an exception whose text raises, and refuses anything else."""

    class NastyError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    run.fail("out of\ud800 memory", error_code="OOM")
    run.fail(NastyError())
    run.fail("x" * 100_000)
    with pytest.raises(TypeError):
        run.fail(3)  # type: ignore[arg-type]
    failed = [change for change in changes(home_path, StatusChanged) if change.status == "Failed"]
    assert (failed[0].error_message, failed[0].error_code) == ("out of\\ud800 memory", "OOM")
    assert failed[1].error_type is not None
    assert failed[1].error_type.endswith("NastyError")
    assert len(failed[2].error_message or "") == 65_536


def test_a_pickled_run_is_the_same_run(run: Run, home_path: Path) -> None:
    """Pickle and copy give the same run again; in this process they share one producer."""
    for other in (pickle.loads(pickle.dumps(run)), copy.copy(run), copy.deepcopy(run)):
        assert (other.id, other.experiment) == (run.id, run.experiment)
        other.tag("copied")
    found = events(home_path, TagEvent)
    assert {event.run_id for event in found} == {run.id}
    assert len({event.producer_id for event in found}) == 1


def test_a_run_shows_itself(experiment: Experiment) -> None:
    """Text and HTML name experiment, id and status; HTML escapes them and links to the run's page."""
    run = Experiment(Workspace(), "<b>&").start_logging(run_id="a.b-c_1")
    assert repr(run) == "Run(Experiment: <b>&,\nId: a.b-c_1,\nType: None,\nStatus: Running)"
    page = run._repr_html_()
    assert "&lt;b&gt;&amp;" in page
    assert "<b>" not in page
    assert f'href="{run.get_portal_url()}"' in page
    assert run.get_portal_url().endswith("/run?run=a.b-c_1")
    assert repr(experiment) == "Experiment(Name: ridge,\nWorkspace: lab)"
    assert "ridge" in experiment._repr_html_()
    assert repr(Workspace()) == "Workspace(Name: default)"
    assert "default" in Workspace()._repr_html_()


def test_a_run_s_page_is_on_the_dashboard(run: Run, home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The portal address is that of the home's running dashboard, of RUNSTREAM_SERVER's machine, or the usual one."""
    usual = f"http://127.0.0.1:8501/run?run={run.id}"
    assert run.get_portal_url() == usual
    told = {"pid": os.getpid(), "dashboard": "http://127.0.0.1:8503/"}
    (home_path / "server.json").write_text(json.dumps(told))
    assert run.get_portal_url() == f"http://127.0.0.1:8503/run?run={run.id}"
    for text in (json.dumps({**told, "dashboard": None}), "[]", "{", json.dumps({**told, "pid": 2**22 + 1})):
        (home_path / "server.json").write_text(text)
        assert run.get_portal_url() == usual
    monkeypatch.setenv("RUNSTREAM_SERVER", "gpu1:7070")
    assert Run(run.experiment, run.id).get_portal_url() == f"http://gpu1:8501/run?run={run.id}"


def test_a_dropped_run_is_collected_at_once(experiment: Experiment) -> None:
    """Nothing keeps a run alive that its user has let go of: no cycle, no registry."""
    import gc
    import weakref

    run = experiment.start_logging()
    run.log("loss", 1.0)
    gone = weakref.ref(run)
    gc.disable()
    try:
        del run
        assert gone() is None
    finally:
        gc.enable()


def test_flush_returns_when_everything_is_on_the_disk(run: Run, home_path: Path) -> None:
    """Without a broker flush() brings every point into the journal."""
    for step in range(1000):
        run.log("loss", 1 / (step + 1), step=step)
    run.flush()
    assert sum(event.count for event in events(home_path, MetricEvent)) == 1000


def test_numpy_scalars_are_values(run: Run, home_path: Path) -> None:
    """NumPy scalars and 0-d arrays are logged; arrays of several elements are refused at the call."""
    run.log("m", np.float32(0.5))
    run.log("m", np.int64(3))
    run.log("m", np.array(2.0))
    with pytest.raises(InvalidValue):
        run.log("m", np.array([1, 2]))
    run.complete()
    assert sum(event.count for event in events(home_path, MetricEvent)) == 3


def test_an_unknown_setting_is_told_once(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistyped RUNSTREAM_* variable is a warning with the nearest valid name, once a process, never an error."""
    monkeypatch.setenv("RUNSTREAM_BROKER_S", "localhost:9092")
    Run(experiment, "a")
    Run(experiment, "b")
    told = [record.message for record in caplog.records if "RUNSTREAM_BROKER_S" in record.message]
    assert len(told) == 1
    assert "RUNSTREAM_BROKERS" in told[0]


def test_windows_is_told_where_to_log(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows start_logging() raises and names WSL 2."""
    from runstream_schemas.errors import PlatformUnsupported

    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(PlatformUnsupported, match="WSL 2"):
        experiment.start_logging()


def test_import_does_no_work(tmp_path: Path) -> None:
    """`import runstream` starts no thread, writes no file, and imports neither Kafka, Avro, crc32c nor NumPy."""
    code = (
        "import sys, threading; from runstream import *;"
        "heavy = {'kafka', 'fastavro', 'numpy', 'crc32c', 'duckdb', 'tempfile', 'logging', 'asyncio'};"
        "print(sorted(heavy & set(sys.modules)), threading.active_count())"
    )
    environment = {**os.environ, "RUNSTREAM_HOME": str(tmp_path / "h"), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[] 1"
    assert list(tmp_path.iterdir()) == []
