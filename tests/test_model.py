"""Models: files registered under a name, found again by version, tag and run, and downloaded as they were."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runstream import Experiment, Model, Run, Workspace, config, process, registry
from runstream_schemas.catalog import CatalogEvent, ModelFile, ModelRegistered
from runstream_schemas.errors import (
    InvalidName,
    ModelNotFound,
    ModelPathNotFound,
    RunNotFound,
    TargetExists,
    TooLarge,
    UnsafePath,
)
from tests import journals, scripts

BIG = bytes(range(256)) * 1000


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a started run with a small and a large file and a folder, in a folder of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run = Experiment(Workspace("작업장"), "릿지").start_logging()
    (tmp_path / "small.txt").write_text("small")
    (tmp_path / "big.bin").write_bytes(BIG)
    run.upload_file("outputs/ridge_0.40.pkl", tmp_path / "small.txt")
    run.upload_file("outputs/net/weights/큰.bin", tmp_path / "big.bin")
    run.upload_file("outputs/net/config.json", tmp_path / "small.txt")
    return run


@pytest.fixture
def workspace(run: Run) -> Workspace:
    """Give the workspace of the run."""
    return run.experiment.workspace


def test_a_registered_file_is_a_model_with_its_facts(run: Run, workspace: Workspace) -> None:
    """What register_model() was told comes back, with the version, the run and an address."""
    model = run.register_model(
        "ridge",
        "./outputs/ridge_0.40.pkl",
        {"stage": "시험", "best": None},
        {"alpha": "0.4"},
        "ScikitLearn",
        "1.5",
        "설명",
    )

    assert (model.name, model.version, model.id, model.run_id) == ("ridge", 1, "ridge:1", run.id)
    assert (model.tags, model.properties) == ({"stage": "시험", "best": None}, {"alpha": "0.4"})
    assert (model.model_framework, model.model_framework_version, model.description) == ("ScikitLearn", "1.5", "설명")
    assert model.workspace == workspace
    assert model.created_time.tzinfo is not None
    assert model.url.endswith("&model=ridge&version=1")
    told = model.serialize()
    assert json.loads(json.dumps(told)) == told
    assert (told["id"], told["runId"], told["frameworkVersion"]) == ("ridge:1", run.id, "1.5")


def test_a_small_file_is_downloaded_as_it_was(run: Run, tmp_path: Path) -> None:
    """A file that rides in the run's event comes back under its name, in the folder asked for or the current one."""
    model = run.register_model("ridge", "outputs/ridge_0.40.pkl")

    assert Path(model.download(tmp_path / "new" / "folder")).read_text() == "small"
    assert model.download() == "ridge_0.40.pkl"
    assert Path("ridge_0.40.pkl").read_text() == "small"


def test_a_folder_is_a_model_with_all_its_files(run: Run, tmp_path: Path) -> None:
    """A folder keeps its last name, its structure and every byte, large files included."""
    model = run.register_model("net", "outputs/net/")

    place = Path(model.download(tmp_path))
    assert place == tmp_path / "net"
    assert (place / "weights" / "큰.bin").read_bytes() == BIG
    assert (place / "config.json").read_text() == "small"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "outputs"))) == []


def test_the_path_of_a_model_is_its_name_unless_given(run: Run, tmp_path: Path) -> None:
    """Without a path, the run's file with the model's name is registered."""
    run.upload_file("plain", tmp_path / "small.txt")

    assert run.register_model("plain").version == 1


def test_a_later_upload_does_not_change_a_version(run: Run, tmp_path: Path) -> None:
    """A version keeps the bytes that it was registered with, when the run's file changes afterwards."""
    first = run.register_model("ridge", "outputs/ridge_0.40.pkl")
    (tmp_path / "other.txt").write_text("other")
    run.upload_file("outputs/ridge_0.40.pkl", tmp_path / "other.txt")
    second = run.register_model("ridge", "outputs/ridge_0.40.pkl")

    assert Path(first.download(tmp_path / "1")).read_text() == "small"
    assert Path(second.download(tmp_path / "2")).read_text() == "other"
    assert (first.version, second.version) == (1, 2)


def test_models_are_listed_newest_first(run: Run, workspace: Workspace) -> None:
    """Model.list() finds versions by name, tag, run and latest, and only those of its workspace."""
    run.register_model("ridge", "outputs/ridge_0.40.pkl", tags={"stage": "test"})
    run.register_model("ridge", "outputs/ridge_0.40.pkl", tags={"stage": "live"}, properties={"alpha": "0.4"})
    run.register_model("lasso", "outputs/net")

    def ids(**asked: object) -> list[str]:
        return [model.id for model in Model.list(workspace, **asked)]  # type: ignore[arg-type]

    assert ids() == ["lasso:1", "ridge:2", "ridge:1"]
    assert ids(name="ridge", latest=True) == ["ridge:2"]
    assert ids(tags="stage") == ["ridge:2", "ridge:1"]
    assert ids(tags=["stage", ["stage", "test"]]) == ["ridge:1"]
    assert ids(tags={"stage": "live"}) == ["ridge:2"]
    assert ids(properties=["alpha", ("alpha", "0.4")]) == ["ridge:2"]
    assert ids(run_id=run.id, latest=True) == ["lasso:1", "ridge:2"]
    assert Model.list(Workspace("other")) == []


def test_a_model_is_found_by_name_version_id_and_tag(run: Run, workspace: Workspace) -> None:
    """Without a version the newest is found; two handles on one registration are equal, pickled ones too."""
    first = run.register_model("ridge", "outputs/ridge_0.40.pkl", tags={"stage": "test"})
    second = run.register_model("ridge", "outputs/ridge_0.40.pkl")

    assert Model(workspace, "ridge") == second
    assert Model(workspace, "ridge", version=1) == first
    assert Model(workspace, id="ridge:1") == first
    assert Model(workspace, "ridge", tags=["stage"]) == first
    assert Model(workspace, "ridge", None, "stage", None, 1, run.id) == first
    assert Model(workspace, name="ridge", run_id=run.id).version == 2
    again = pickle.loads(pickle.dumps(first))
    assert (again, again.version, hash(again)) == (first, 1, hash(first))
    assert first != second


def test_a_model_shows_what_its_object_knows(run: Run, workspace: Workspace) -> None:
    """Text and table have workspace, name and version, which is not read for that; then the table links to the page."""
    made = run.register_model("ridge", "outputs/net")

    assert repr(made) == "Model(Workspace: 작업장,\nName: ridge,\nVersion: not read yet)"
    assert "href" not in made._repr_html_()
    found = Model(workspace, "ridge")
    assert repr(found) == "Model(Workspace: 작업장,\nName: ridge,\nVersion: 1)"
    assert found._repr_html_().count("<td>") == 4
    assert "/models?workspace=%EC%9E%91" in found._repr_html_()


def test_a_run_of_another_process_gives_a_model(home_path: Path, tmp_path: Path, workspace: Workspace) -> None:
    """A run that another process logged, and that is over, is opened by its id; its files are those in the history."""
    code = (
        "from io import BytesIO\nrun.upload_file('outputs/m/a', BytesIO(b'a'))\n"
        "run.upload_file('outputs/m/b', BytesIO(b'b' * 200_000))\nrun.complete()"
    )
    assert scripts.execute(home_path, code).status == 0

    model = Run(Experiment(Workspace(), "script"), "script").register_model("m", "outputs/m")

    place = Path(model.download(tmp_path / "back"))
    assert (place / "a").read_bytes() == b"a"
    assert (place / "b").read_bytes() == b"b" * 200_000
    assert (model.run_id, Model.list(workspace)) == ("script", [])
    with pytest.raises(RunNotFound, match="nobody"):
        Run(Experiment(Workspace(), "script"), "nobody").register_model("m", "outputs/m")


def test_threads_and_children_register_each_a_version(run: Run, workspace: Workspace, tmp_path: Path) -> None:
    """Registrations of several threads and of a forked child are all there, each once."""
    source = tmp_path / "small.txt"

    def register(_: int) -> None:
        Model.register(workspace, source, "net")
        run.register_model("net", "outputs/net/config.json")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(register, range(8)))
    child = os.fork()
    if child == 0:
        register(0)
        process._finish()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

    assert [model.version for model in Model.list(workspace, "net")] == list(range(18, 0, -1))


def test_tags_of_a_version_can_be_changed(run: Run, workspace: Workspace) -> None:
    """Tags are added and removed on one version; every handle reads them when it is made."""
    model = run.register_model("ridge", "outputs/ridge_0.40.pkl", tags={"old": "1"})
    run.register_model("ridge", "outputs/ridge_0.40.pkl", tags={"old": "1"})

    model.add_tags({"stage": "live"})
    model.remove_tags("old")

    assert model.tags == {"stage": "live"}
    assert Model(workspace, "ridge", version=1).tags == {"stage": "live"}
    assert Model(workspace, "ridge", version=2).tags == {"old": "1"}


def test_a_deleted_version_is_gone_and_its_number_stays_taken(run: Run, workspace: Workspace) -> None:
    """delete() hides one version; the next registration gets the next number, and the deleted one cannot be found."""
    run.register_model("ridge", "outputs/ridge_0.40.pkl")
    second = run.register_model("ridge", "outputs/ridge_0.40.pkl")
    second.delete()

    assert [model.id for model in Model.list(workspace)] == ["ridge:1"]
    assert run.register_model("ridge", "outputs/ridge_0.40.pkl").version == 3
    with pytest.raises(ModelNotFound, match=re.escape("no model 'ridge' with version 2; it has: ridge:3, ridge:1")):
        Model(workspace, "ridge", version=2)
    with pytest.raises(ModelNotFound, match="this object stands for: it was deleted"):
        second.download()
    with pytest.raises(ModelNotFound, match="it was deleted"):
        _ = pickle.loads(pickle.dumps(second)).tags


def test_files_of_this_machine_are_registered(workspace: Workspace, tmp_path: Path) -> None:
    """Model.register() takes a file or a folder, without any run, and keeps it apart from what it was made from."""
    folder = tmp_path / "모델"
    (folder / "deep").mkdir(parents=True)
    for number in range(9):
        (folder / "deep" / f"{number}.bin").write_bytes(bytes([number]) * 60_000)
    (folder / "empty").write_bytes(b"")
    model = Model.register(workspace, folder, "net", {"a": "b"}, {"c": "d"}, "설명", "PyTorch", "2.9")
    one = Model.register(workspace, str(folder / "deep" / "1.bin"), "one")
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(b"changed")

    assert (model.run_id, model.version, one.version) == (None, 1, 1)
    assert (model.tags, model.properties, model.description) == ({"a": "b"}, {"c": "d"}, "설명")
    place = Path(model.download(tmp_path / "back"))
    assert place.name == "모델"
    found = {path.name: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert found == {f"{n}.bin": bytes([n]) * 60_000 for n in range(9)} | {"empty": b""}
    assert Path(one.download(tmp_path)).read_bytes() == bytes([1]) * 60_000


def test_a_download_is_checked_against_the_registered_hash(run: Run, home_path: Path, tmp_path: Path) -> None:
    """Other bytes in the store than were registered are an error that names both hashes; nothing is left behind."""
    model = run.register_model("net", "outputs/net/weights")
    sha256 = hashlib.sha256(BIG).hexdigest()
    (home_path / "artifacts" / sha256).write_bytes(BIG[:-1] + b"!")

    with pytest.raises(OSError, match=sha256):
        model.download(tmp_path / "target")
    assert [path for path in (tmp_path / "target").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("path", ["../evil", "/evil", "a/../../evil", "a\\b"])
def test_a_hostile_registration_stays_in_its_folder(workspace: Workspace, tmp_path: Path, path: str) -> None:
    """A path that another process told and that leads out of the folder is refused; nothing is written."""
    settings = config.read()
    content = b"evil"
    file = ModelFile(path, 4, hashlib.sha256(content).hexdigest(), "text/plain", None, content)
    harmless = dataclasses.replace(file, path="a/first")
    change = ModelRegistered((harmless, file))
    registry.append(registry.producer_of(settings), workspace.name, "model", "net", change)
    target = tmp_path / "deep" / "target"

    with pytest.raises(UnsafePath):
        Model(workspace, "net").download(target)
    assert not target.exists()
    assert not list(tmp_path.rglob("evil"))


def test_a_file_whose_bytes_are_on_their_way_is_told_as_such(workspace: Workspace, tmp_path: Path) -> None:
    """A registration that arrived before its run's file says so, and nothing is written."""
    file = ModelFile("a.bin", 4, "0" * 64, "text/plain")
    change = ModelRegistered((ModelFile("b", 0, hashlib.sha256().hexdigest(), "x", None, b""), file), run_id="late")
    registry.append(registry.producer_of(config.read()), workspace.name, "model", "net", change)

    with pytest.raises(FileNotFoundError, match=r"a\.bin: the history does not have .* \(yet\)"):
        Model(workspace, "net").download(tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_download_writes_over_nothing_unasked(run: Run, tmp_path: Path) -> None:
    """What is there already raises and stays; exist_ok=True replaces it."""
    model = run.register_model("ridge", "outputs/ridge_0.40.pkl")
    (tmp_path / "ridge_0.40.pkl").write_text("mine")

    with pytest.raises(TargetExists, match="exist_ok=True"):
        model.download(tmp_path)
    assert (tmp_path / "ridge_0.40.pkl").read_text() == "mine"
    assert Path(model.download(str(tmp_path), exist_ok=True)).read_text() == "small"


def test_a_missing_path_lists_what_the_run_has(run: Run) -> None:
    """A path that names no file and no folder of the run raises with the run's files."""
    names = "outputs/net/config.json, outputs/net/weights/큰.bin, outputs/ridge_0.40.pkl"

    with pytest.raises(ModelPathNotFound, match=names) as raised:
        run.register_model("ridge", "outputs/ridge_0.4")
    assert isinstance(raised.value, LookupError)
    assert Model.list(run.experiment.workspace) == []


def test_a_missing_file_of_this_machine_lists_its_folder(workspace: Workspace, tmp_path: Path) -> None:
    """A path without file or folder raises with what lies beside it."""
    with pytest.raises(ModelPathNotFound, match=r"this machine.*big\.bin"):
        Model.register(workspace, tmp_path / "nothing.pkl", "net")


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "모델", "a" * 256, "a/b", "a\n", None, 3])
def test_what_cannot_name_a_model_is_refused(run: Run, workspace: Workspace, name: str) -> None:
    """Names are 1 to 255 ASCII letters, digits, dots, dashes and underscores, beginning with a letter or digit."""
    with pytest.raises(InvalidName, match="beginning with a letter or digit"):
        run.register_model(name, "outputs/net")
    with pytest.raises((InvalidName, TypeError)):
        Model(workspace, name)
    assert run.register_model("0_a.B-" + "c" * 249, "outputs/net").version == 1


@pytest.mark.parametrize("path", ["/etc/passwd", "../outputs", "", "a\\b"])
def test_a_path_outside_the_run_is_refused(run: Run, path: str) -> None:
    """A model's path is one in the run, whatever lies on this machine."""
    with pytest.raises(UnsafePath):
        run.register_model("net", path)


def test_wrong_questions_are_told_as_such(run: Run, workspace: Workspace) -> None:
    """Model() without a name, with half an id, with an unknown name; tags that are no tags."""
    run.register_model("ridge", "outputs/net")

    with pytest.raises(TypeError, match="needs a name"):
        Model(workspace)
    with pytest.raises(ValueError, match="ridge:3"):
        Model(workspace, id="ridge")
    with pytest.raises(ModelNotFound, match="has no model 'ridg'; it has: ridge:1"):
        Model(workspace, "ridg")
    with pytest.raises(TypeError, match="no whole number"):
        Model(workspace, "ridge", version="1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="pair of key and value"):
        Model.list(workspace, tags=[["a", "b", "c"]])
    with pytest.raises(TypeError, match="takes Workspace first"):
        Model.list("workspace")  # type: ignore[arg-type]


def test_a_folder_of_too_many_files_is_refused_before_anything_is_told(run: Run, tmp_path: Path) -> None:
    """What one event cannot hold raises TooLarge with the number of files."""
    folder = tmp_path / "many"
    folder.mkdir()
    for place in range(2_000):
        (folder / f"{'x' * 150}{place}").write_bytes(b"")

    with pytest.raises(TooLarge, match="2,000 files"):
        Model.register(run.experiment.workspace, folder, "net")
    assert Model.list(run.experiment.workspace) == []


OFFLINE = """
from runstream_schemas.errors import HistoryUnreachable, ModelPathNotFound
run.upload_file("outputs/net/a.bin", PATH)
one = run.register_model("net", "outputs/net/a.bin")
print(one.name, run.register_model("net", "outputs/net").name)
for ask in (lambda: one.version, lambda: run.register_model("net", "outputs/other")):
    try:
        ask()
    except (HistoryUnreachable, ModelPathNotFound) as error:
        print(type(error).__name__, "outputs/net/a.bin" in str(error))
"""


def test_registering_needs_no_server(home_path: Path, tmp_path: Path) -> None:
    """With brokers and none there, what this process uploaded is registered; only reading it back needs a server."""
    (tmp_path / "big.bin").write_bytes(BIG)
    code = OFFLINE.replace("PATH", repr(str(tmp_path / "big.bin")))

    ended = scripts.execute(home_path, code, RUNSTREAM_BROKERS="127.0.0.1:9", RUNSTREAM_EXIT_WAIT="0")

    assert ended.out.splitlines() == ["net net", "HistoryUnreachable False", "ModelPathNotFound True"], ended.err
    registered = [event for event in journals.events(home_path) if isinstance(event, CatalogEvent)]
    assert [(event.name, event.run_id) for event in registered] == [("net", "script"), ("net", "script")]
