"""Files and pictures of a run as they lie in the journal, and what is refused."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from runstream import Run
from runstream_schemas import paths
from runstream_schemas.errors import InvalidValue, UnsafePath
from runstream_schemas.events import ArtifactEvent
from tests import journals
from tests.run_events import events, png

mpl.use("Agg")


def test_uploads_keep_versions(run: Run, home_path: Path, tmp_path: Path) -> None:
    """The same bytes under the same name are kept once, other bytes are a new version; streams count as files."""
    (tmp_path / "model.pkl").write_bytes(b"one")
    first = run.upload_file("outputs/model.pkl", tmp_path / "model.pkl")
    assert run.upload_file("outputs/model.pkl", BytesIO(b"one")) == first
    assert Run(run.experiment, run.id).upload_file("./outputs/model.pkl", BytesIO(b"one")) == first
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
    plt.plot([2, 1])
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


def test_a_picture_file_that_changes_is_kept_each_time(run: Run, home_path: Path, tmp_path: Path) -> None:
    """An image file that is written anew between two calls gives two files; one that stays gives one."""
    contents = [png(), png() + b"more", png()]
    for content in contents:
        (tmp_path / "roc.png").write_bytes(content)
        run.log_image("ROC", tmp_path / "roc.png")
    run.complete()
    assert [event.content for event in events(home_path, ArtifactEvent)] == contents[:2]
    values = [point.value for point in journals.points(home_path)]
    assert values[0] == values[2] == "roc.png"
    assert str(values[1]).startswith("roc_")


@pytest.mark.parametrize("name", ["../../etc", "/", "그림" * 42, "a" * 256, "C:\\x", "...", "a/b.c", " "])
def test_a_plot_of_any_name_becomes_a_file(run: Run, home_path: Path, name: str) -> None:
    """Whatever a metric may be called, its plot gets a name that is safe for a file."""
    run.log_image(name, BytesIO(png()))
    (event,) = events(home_path, ArtifactEvent)
    assert (event.metric_name, paths.checked(event.path)) == (name, event.path)


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
