"""What a run gives back is what was logged: through the journal, the fold and the history, with nothing started."""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runstream import Experiment, Run, Workspace
from runstream_schemas.errors import (
    ArtifactNotFound,
    ExtraMissing,
    HistoryUnreachable,
    InvalidName,
    PropertyExists,
    RunNotFound,
    UnsafePath,
)
from tests import scripts
from tests.pipeline import Pipeline
from tests.sameness import same

BIG = bytes(range(256)) * 1000


@pytest.fixture
def run() -> Run:
    """Give a started run."""
    return Experiment(Workspace("lab"), "ridge").start_logging()


def test_lists_append(run: Run) -> None:
    """A list of one gives the bare value, further calls append, and an empty list stays a list."""
    run.log_list("one", [1])
    run.log_list("many", (n * n for n in range(3)))
    run.log_list("many", np.array([0.5, np.nan]))
    run.log_list("letters", "ab")
    run.log_list("empty", [])
    expected = {"one": 1, "many": [0, 1, 4, 0.5, math.nan], "letters": ["a", "b"], "empty": []}
    assert same(dict(sorted(run.get_metrics().items())), dict(sorted(expected.items())))


def test_empty_metrics_stand_where_they_were_logged(run: Run) -> None:
    """Metrics come in the order of their first call, those without a value included."""
    run.log("z", 1)
    run.log_list("y", [])
    run.log_table("x", {"b": [], "a": []})
    run.log_table("w", {})
    run.log("v", 2)
    run.log_list("u", [])
    metrics = run.get_metrics()
    assert list(metrics) == ["z", "y", "x", "w", "v", "u"]
    assert (metrics["y"], metrics["w"], set(metrics["x"])) == ([], {}, {"a", "b"})


def test_a_metrics_name_is_checked_when_it_is_read(run: Run) -> None:
    """get_metrics() with what is no name raises as log() does, instead of asking the history for it."""
    with pytest.raises(InvalidName, match="no string but int"):
        run.get_metrics(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a file's name in the run is a string"):
        run.download_file(None)  # type: ignore[arg-type]


def test_rows_make_columns(run: Run) -> None:
    """One row gives scalars, several give columns, and a column that a row lacks holds None there."""
    run.log_row("one", x=1, y="a")
    run.log_row("many", x=1, y=2)
    run.log_row("many", y=3, z=None)
    run.log_row("many", x=4, z=True)
    metrics = run.get_metrics()
    assert same(metrics["one"], {"x": 1, "y": "a"})
    assert same(metrics["many"], {"x": [1, None, 4], "y": [2, 3, None], "z": [None, None, True]})


def test_tables_append_rows(run: Run) -> None:
    """A table of one row gives scalars, two calls concatenate, a table without rows keeps its columns."""
    run.log_table("one", {"x": 1, "y": [2.0]})
    run.log_table("two", {"x": [1, 2], "y": (0.5, None)})
    run.log_table("two", {"x": np.array([3]), "y": ["s"]})
    run.log_table("empty", {"x": [], "y": []})
    metrics = run.get_metrics()
    assert same(metrics["one"], {"x": 1, "y": 2.0})
    assert same(metrics["two"], {"x": [1, 2, 3], "y": [0.5, None, "s"]})
    assert same(metrics["empty"], {"x": [], "y": []})


def test_a_finished_run_accepts_more(run: Run) -> None:
    """What is logged after complete(), by a new producer, comes after what was logged before."""
    run.log("m", 1)
    run.log_row("r", x=1)
    run.complete()
    run.log("m", 2)
    run.log_row("r", x=2)
    run.log_row("r", x=3)
    run.tag("late", "yes")
    assert run.get_metrics() == {"m": [1, 2], "r": {"x": [1, 2, 3]}}
    assert (run.get_tags(), run.get_status()) == ({"late": "yes"}, "Completed")


def test_a_finished_run_goes_on(run: Run) -> None:
    """start_logging() with the id of a run joins it: it is Running again, its metrics go on, its name stays."""
    run.log("m", 1)
    run.complete()
    joined = run.experiment.start_logging(name="another", run_id=run.id, tags={"resumed": "yes"})
    joined.log("m", 2)
    assert (joined.get_status(), joined.get_tags()) == ("Running", {"resumed": "yes"})
    assert run.get_metrics() == {"m": [1, 2]}
    assert (joined.number, joined.name, joined.type) == (1, run.id, None)


def test_another_handle_reads_what_this_process_logged(run: Run) -> None:
    """A second handle on the run sees every value of the first, without a flush between."""
    for n in range(100):
        run.log("m", n)
    other = Run(run.experiment, run.id)
    assert other.get_metrics() == {"m": list(range(100))}
    other.log("m", 100)
    assert run.get_metrics() == {"m": list(range(101))}


def test_a_forked_child_s_values_are_read(run: Run) -> None:
    """What a forked child logged before it died without closing anything is there, after the parent's."""
    run.log("m", 1)
    child = os.fork()
    if not child:
        run.log("m", 2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert run.get_metrics() == {"m": [1, 2]}


def test_a_killed_process_s_values_are_read(home_path: Path) -> None:
    """What a process logged before SIGKILL is read, though nobody has started anything, and the run is not Running."""
    killed = scripts.execute(
        home_path, "[run.log('m', n) for n in range(50)]; run.tag('t'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert killed.status == -9
    run = Run(Experiment(Workspace(), "script"), "script")
    assert run.get_metrics() == {"m": list(range(50))}
    assert (run.get_status(), run.get_tags()) == ("Failed", {"t": None})


def test_a_running_consumer_is_asked(pipeline: Pipeline) -> None:
    """With a consumer running, reading waits until it has folded what was just logged, again and again."""
    run = Experiment(Workspace("lab"), "ridge").start_logging()
    for n in range(1, 6):
        run.log("m", n)
        run.tag("n", str(n))
        assert run.get_metrics() == {"m": list(range(1, n + 1)) if n > 1 else 1}
        assert run.get_tags() == {"n": str(n)}
    run.add_properties({"commit": "abc"})
    with pytest.raises(PropertyExists):
        Run(run.experiment, run.id).add_properties({"commit": "def"})
    run.upload_file("notes.txt", BytesIO(b"text"))
    run.complete()
    assert (run.get_status(), run.get_file_names(), run.get_properties()) == (
        "Completed",
        ["notes.txt"],
        {"commit": "abc"},
    )


def test_reading_prints_nothing(home_path: Path) -> None:
    """A program that reads back what a dead process left has nothing of ours on its standard output or error."""
    scripts.execute(home_path, "run.log('m', 1); os.kill(os.getpid(), signal.SIGKILL)")
    ended = scripts.execute(
        home_path, "assert run.get_metrics() == {'m': 1}; run.log('m', 2); print(run.get_metrics())"
    )
    assert (ended.status, ended.out, ended.err) == (0, "{'m': [1, 2]}\n", "")


def test_a_pickled_run_goes_on_elsewhere(run: Run) -> None:
    """A pickled run logs from another process as a producer of its own; both are read as one run."""
    run.log("m", 1)
    code = "import pickle, sys; run = pickle.load(sys.stdin.buffer); run.log('m', 2); run.flush()"
    subprocess.run([sys.executable, "-c", code], input=pickle.dumps(run), check=True)
    assert run.get_metrics() == {"m": [1, 2]}


def test_tags_and_properties_come_back(run: Run) -> None:
    """The newest value of a tag, None and removal included, and every property are read back."""
    run.set_tags({"a": "1", "b": "2", "c": None})
    run.tag("a", "new")
    run.remove_tags("b")
    run.add_properties({"commit": "abc"})
    assert run.get_tags() == run.tags == {"a": "new", "c": None}
    assert run.get_properties() == run.properties == {"commit": "abc"}


def test_a_property_of_the_history_is_not_written_again(run: Run) -> None:
    """Adding a key that another process has added raises, once the history can tell."""
    code = "import pickle, sys; pickle.load(sys.stdin.buffer).add_properties({'commit': 'abc'})"
    subprocess.run([sys.executable, "-c", code], input=pickle.dumps(run), check=True)
    with pytest.raises(PropertyExists, match="commit"):
        run.add_properties({"commit": "def"})
    assert run.get_properties() == {"commit": "abc"}


@pytest.mark.parametrize(
    ("end", "status"), [(Run.complete, "Completed"), (Run.fail, "Failed"), (Run.cancel, "Canceled")]
)
def test_a_run_s_status_is_read(run: Run, end: Any, status: str) -> None:
    """A run is Running until it ends, and then what it was ended as; other handles read the same."""
    assert run.get_status() == "Running"
    end(run)
    assert run.get_status() == status
    assert Run(run.experiment, run.id).status == status


def test_what_a_run_is_comes_back() -> None:
    """Name, description and number of a run are read by a handle that did not start it."""
    experiment = Experiment(Workspace("lab"), "ridge")
    first = experiment.start_logging(name="first try", description="a text")
    second = experiment.start_logging()
    other = Run(experiment, first.id)
    assert (other.name, other.description, other.type, other.number) == ("first try", "a text", None, 1)
    assert (Run(experiment, second.id).number, second.display_name) == (2, second.id)


def test_files_come_back(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small and big files are listed and downloaded as they were, the newest version of each."""
    run.upload_file("outputs/model.bin", BytesIO(BIG))
    run.upload_file("notes.txt", BytesIO(b"old"))
    run.upload_file("notes.txt", BytesIO(b"new"))
    assert run.get_file_names() == ["notes.txt", "outputs/model.bin"]
    monkeypatch.chdir(tmp_path)
    run.download_file("outputs/model.bin")
    run.download_file("notes.txt", tmp_path / "n.txt")
    assert (tmp_path / "model.bin").read_bytes() == BIG
    assert (tmp_path / "n.txt").read_bytes() == b"new"
    run.download_files(output_directory=tmp_path / "all")
    assert (tmp_path / "all" / "outputs" / "model.bin").read_bytes() == BIG
    run.download_files("outputs/", tmp_path / "some", append_prefix=False)
    assert [path.name for path in (tmp_path / "some").iterdir()] == ["model.bin"]
    run.download_files("notes", tmp_path / "named", output_paths=["x/y.txt"])
    assert (tmp_path / "named" / "x" / "y.txt").read_bytes() == b"new"


def test_a_missing_file_is_told_with_those_that_exist(run: Run, tmp_path: Path) -> None:
    """Asking for a file that the run does not have lists what it has; unsafe target names are refused."""
    run.upload_file("model.bin", BytesIO(b"m"))
    with pytest.raises(ArtifactNotFound, match=r"model\.bin"):
        run.download_file("modle.bin", tmp_path / "x")
    with pytest.raises(UnsafePath):
        run.download_files(output_directory=tmp_path, output_paths=["../x"])
    with pytest.raises(ValueError, match="2 output_paths for 1 files"):
        run.download_files(output_directory=tmp_path, output_paths=["a", "b"])
    assert list(tmp_path.glob("*.bin")) == []


def test_pictures_come_back_by_their_names(run: Run, tmp_path: Path) -> None:
    """An image metric gives the name of its file, several give a list, and the files can be downloaded."""
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2])
    run.log_image("one", plot=figure)
    run.log_image("two", figure)
    axes.plot([2, 1])
    run.log_image("two", figure)
    metrics = run.get_metrics()
    assert sorted([metrics["one"], *metrics["two"]]) == run.get_file_names()
    run.download_file(metrics["one"], tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_one_run_id_in_two_homes_is_two_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is read from the home that it was opened in, and waits for nothing that went into another."""
    experiment, runs = Experiment(Workspace(), "ridge"), []
    for n in range(2):
        monkeypatch.setenv("RUNSTREAM_HOME", str(tmp_path / f"home-{n}"))
        runs.append(experiment.start_logging(run_id="same"))
        runs[n].log("m", n)
    assert [run.get_metrics() for run in runs] == [{"m": 0}, {"m": 1}]


def test_an_unknown_run_is_told() -> None:
    """Reading a run that nobody ever logged raises and names it; logging to it makes it known."""
    run = Run(Experiment(Workspace(), "ridge"), "nobody")
    for read in (run.get_metrics, run.get_tags, run.get_status, run.get_file_names):
        with pytest.raises(RunNotFound, match="nobody"):
            read()
    run.log("m", 1)
    assert run.get_metrics() == {"m": 1}


def test_without_the_extra_reading_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where runstream[consumer] is not installed, reading names it, and everything else works."""
    for name in [name for name in sys.modules if name.split(".")[0] in {"runstream_consumer", "duckdb"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ExtraMissing, match=r"runstream\[consumer\]"):
        run.get_metrics()
    run.add_properties({"a": "b"})
    run.complete()
    assert run.status == "Completed"


def test_with_brokers_and_no_server_reading_says_which_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """With RUNSTREAM_BROKERS set and no server reachable, reading raises and names RUNSTREAM_SERVER."""
    monkeypatch.setenv("RUNSTREAM_BROKERS", "127.0.0.1:9")
    monkeypatch.setenv("RUNSTREAM_READ_WAIT", "0.1")
    with pytest.raises(HistoryUnreachable, match="RUNSTREAM_SERVER"):
        Run(Experiment(Workspace(), "ridge"), "x").get_metrics()
