"""Snapshots: equal folders have equal ids, ignore rules hold, and nothing hostile gets in or out."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from runstream import Experiment, Run, Workspace, blobs, config, snapshot, store
from runstream_schemas.errors import ConfigError, ExtraMissing, SnapshotFailed, SnapshotNotFound, UnsafePath
from tests.s3 import S3
from tests.submitted import ended, folder, folder_of, submit


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give an empty folder."""
    path = tmp_path / "source"
    path.mkdir()
    return path


def write(source: Path, *names: str, text: str = "text") -> None:
    """Write files into the folder."""
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)


def taken(source: Path) -> list[str]:
    """Take a snapshot; return the paths in it."""
    kept = snapshot.take(source, config.read())
    return [file.path for file in snapshot.files_of(kept.id, config.read())]


def test_an_unchanged_folder_has_the_same_id(source: Path) -> None:
    """The id depends on names, contents and who may run them; not on times, and not on where the folder lies."""
    write(source, "a.py", "b/c.py")
    first = snapshot.take(source, config.read())
    os.utime(source / "a.py", (1, 1))
    source = source.rename(source.with_name("moved"))
    again = snapshot.take(source, config.read())
    assert (again.id, first.unchanged, again.unchanged) == (first.id, False, True)
    assert (first.n_files, first.size_bytes) == (2, 8)
    ids = {first.id}
    (source / "a.py").chmod(0o755)
    ids.add(snapshot.take(source, config.read()).id)
    (source / "a.py").rename(source / "d.py")
    ids.add(snapshot.take(source, config.read()).id)
    write(source, "d.py", text="other")
    ids.add(snapshot.take(source, config.read()).id)
    assert len(ids) == 4


def test_only_what_changed_is_kept_anew(source: Path, home_path: Path) -> None:
    """A changed file adds itself and the list of files to the store, and nothing else."""
    write(source, *(f"{n}.py" for n in range(10)), text="same")
    write(source, "big.bin", text="x" * 200_000)
    snapshot.take(source, config.read())
    before = {path.name for path in (home_path / "artifacts").iterdir()}
    write(source, "1.py", text="changed")
    kept = snapshot.take(source, config.read())
    after = {path.name for path in (home_path / "artifacts").iterdir()}
    assert after - before == {kept.id, hashlib.sha256(b"changed").hexdigest()}
    assert len(before) == 3


def test_a_file_that_changes_meanwhile_is_noticed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is written between its hash and its copy is an error, and no list names what was not kept."""
    write(source, "a.py")
    digest = blobs.digest

    def then_changed(opened: BinaryIO) -> tuple[str, int]:
        found = digest(opened)
        write(source, "a.py", text="changed")
        return found

    monkeypatch.setattr(blobs, "digest", then_changed)
    with pytest.raises(SnapshotFailed, match=r"'a\.py' changed while it was read"):
        snapshot.take(source, config.read())


def test_an_empty_folder_is_a_snapshot(source: Path) -> None:
    """A folder without files has a snapshot without files."""
    assert taken(source) == []


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("*.log\n", ["a.py", "data/x.csv", "data/y.csv", "deep/data/z.csv", "keep.txt"]),
        ("data/\n", ["a.py", "b.log", "keep.txt"]),
        ("/data/\n", ["a.py", "b.log", "deep/data/z.csv", "keep.txt"]),
        ("data/*\n!data/y.csv\n", ["a.py", "b.log", "data/y.csv", "deep/data/z.csv", "keep.txt"]),
        ("**/z.csv\n# comment\n\n", ["a.py", "b.log", "data/x.csv", "data/y.csv", "keep.txt"]),
        ("*\n!*.py\n", ["a.py"]),
        ("", ["a.py", "b.log", "data/x.csv", "data/y.csv", "deep/data/z.csv", "keep.txt"]),
    ],
)
@pytest.mark.parametrize("name", [".amlignore", ".gitignore"])
def test_ignored_files_stay_out(rules: str, expected: list[str], name: str, source: Path) -> None:
    """Both files are read as git reads its own: patterns, folders, anchors, negations, comments."""
    write(source, "a.py", "b.log", "data/x.csv", "data/y.csv", "deep/data/z.csv", "keep.txt")
    write(source, name, text=rules)
    assert [path for path in taken(source) if path != name] == expected


def test_amlignore_replaces_gitignore(source: Path) -> None:
    """Where both are there, .amlignore counts alone, even an empty one."""
    write(source, "a.py", "b.log", "c.txt")
    write(source, ".gitignore", text="*.log\n")
    write(source, ".amlignore", text="*.txt\n")
    assert taken(source) == [".amlignore", ".gitignore", "a.py", "b.log"]
    write(source, ".amlignore", text="")
    assert "c.txt" in taken(source)


def test_results_and_repositories_stay_out(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs and logs of earlier runs, .git, byte code and a home inside of the folder are no part of the code."""
    write(source, "a.py", ".git/config", "__pycache__/a.pyc", "outputs/m.pkl", "logs/l.txt", "pkg/outputs/x.py")
    monkeypatch.setenv("RUNSTREAM_HOME", str(source / "home"))
    assert taken(source) == ["a.py", "pkg/outputs/x.py"]
    assert taken(source) == ["a.py", "pkg/outputs/x.py"]


def test_without_ignore_files_nothing_is_needed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package that reads ignore rules is asked for only where there are some, by the extra that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "pathspec", None)
    write(source, "a.py")
    assert taken(source) == ["a.py"]
    write(source, ".gitignore", text="x\n")
    with pytest.raises(ExtraMissing, match=r"runstream\[submit\]"):
        taken(source)


def test_too_many_files_are_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how many there are, where most of them lie, and what to do; the limit can be raised."""
    monkeypatch.setenv("RUNSTREAM_SNAPSHOT_FILES", "5")
    write(source, "a.py", *(f"data/{n}" for n in range(6)))
    with pytest.raises(SnapshotFailed, match=r"7 files, more than 5, .*data/ \(6 files\).*\.amlignore.*SNAPSHOT_FILES"):
        taken(source)
    monkeypatch.setenv("RUNSTREAM_SNAPSHOT_FILES", "7")
    assert len(taken(source)) == 7


def test_the_limits_are_those_of_the_sdk() -> None:
    """2,000 files and 300 MB, unless the environment says otherwise."""
    settings = config.read().settings
    assert (settings.snapshot_files, settings.snapshot_bytes) == (2000, 300 * 1024**2)


def test_no_limit_lets_a_snapshot_be_taken_that_is_not_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than a reader unpacks are refused where they are set, not on the day that the files are wanted."""
    monkeypatch.setenv("RUNSTREAM_SNAPSHOT_BYTES", "2G")
    assert config.read().settings.snapshot_bytes == 2 * 1024**3
    monkeypatch.setenv("RUNSTREAM_SNAPSHOT_BYTES", "3G")
    with pytest.raises(ConfigError, match=r"RUNSTREAM_SNAPSHOT_BYTES.*3G.*2G, the most"):
        config.read()


def test_too_many_bytes_are_refused(source: Path) -> None:
    """A folder above the limit is refused before a byte of it is read."""
    write(source, "a.py")
    with (source / "model.bin").open("wb") as file:
        file.truncate(400 * 1024**2)
    with pytest.raises(SnapshotFailed, match=r"419\.4 MB, more than 315 MB, .*model\.bin.*SNAPSHOT_BYTES"):
        taken(source)


def test_what_cannot_be_kept_is_named(source: Path, tmp_path: Path) -> None:
    """Links out of the folder, to folders or to nothing, pipes, and names of other systems: named, with the way out."""
    write(tmp_path, "secret")
    write(source, "a.py", "inside/b.py")
    hostile: dict[str, Callable[[Path], None]] = {
        "out": lambda path: path.symlink_to(tmp_path / "secret"),
        "up": lambda path: path.symlink_to("../secret"),
        "to-folder": lambda path: path.symlink_to("inside"),
        "to-nothing": lambda path: path.symlink_to("nothing"),
        "to-itself": lambda path: path.symlink_to("to-itself"),
        "pipe": os.mkfifo,
        "back\\slash": Path.touch,
        "C:": Path.touch,
        "dot.": Path.touch,
        "new\nline": Path.touch,
        os.fsdecode(b"not-\xff-utf8"): Path.touch,
    }
    for name, make in hostile.items():
        make(source / name)
        with pytest.raises(SnapshotFailed) as raised:
            taken(source)
        assert repr(name) in str(raised.value)
        assert ".amlignore" in str(raised.value)
        (source / name).unlink()
    (source / "link.py").symlink_to("a.py")
    assert taken(source) == ["a.py", "inside/b.py", "link.py"]


def test_what_cannot_be_kept_can_be_ignored(source: Path) -> None:
    """A hostile file that an ignore rule names does no harm."""
    os.mkfifo(source / "pipe")
    write(source, ".amlignore", text="pipe\n")
    assert taken(source) == [".amlignore"]


def test_a_single_file_is_a_snapshot(source: Path) -> None:
    """A file is kept by its name, whatever ignore rules say; a pipe, and what is not there, are refused."""
    write(source, "deep/a.py")
    write(source, ".amlignore", text="*\n")
    (source / "link.py").symlink_to("deep/a.py")
    assert (taken(source / "deep" / "a.py"), taken(source / "link.py")) == (["a.py"], ["link.py"])
    os.mkfifo(source / "pipe")
    for name in ("pipe", "nowhere"):
        with pytest.raises(SnapshotFailed, match=name):
            snapshot.take(source / name, config.read())


def test_a_run_restores_its_folder(source: Path, tmp_path: Path) -> None:
    """take_snapshot() keeps a folder with a run; restore_snapshot() writes it as a zip, for other processes too."""
    write(source, "a.py", "pkg/b.py")
    (source / "a.py").chmod(0o755)
    run = Experiment(Workspace("lab"), "ridge").start_logging()
    taken_id = run.take_snapshot(source)
    other = Run(run.experiment, run.id)
    assert other.get_snapshot_id() == taken_id
    path = other.restore_snapshot(path=tmp_path / "restored")
    assert path == str(tmp_path / "restored" / f"{taken_id}.zip")
    with zipfile.ZipFile(path) as packed:
        assert packed.namelist() == ["a.py", "pkg/b.py"]
        assert packed.read("pkg/b.py") == b"text"
        assert [info.external_attr >> 16 & 0o777 for info in packed.infolist()] == [0o755, 0o644]
    elsewhere = other.restore_snapshot(taken_id)
    assert (os.path.isabs(elsewhere), Path(elsewhere).read_bytes()) == (True, Path(path).read_bytes())


def test_a_snapshot_lies_on_a_real_s3_server(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A submitted folder is kept at an address, several files at once, and restored from there on another machine."""
    for name, value in {**s3.environment, "RUNSTREAM_ARTIFACTS": "s3://snapshots/of/runs"}.items():
        monkeypatch.setenv(name, value)
    source = folder(tmp_path / "code", "", **{f"file{number}__txt": str(number) for number in range(30)})
    first, second = submit(source), submit(source)
    assert (ended(first), ended(second)) == ("Completed", "Completed")
    assert first.get_snapshot_id() == second.get_snapshot_id()
    assert first.get_properties()["runstream.snapshot_location"] == f"s3://snapshots/of/runs/{first.get_snapshot_id()}"
    monkeypatch.setenv("RUNSTREAM_HOME", str(tmp_path / "elsewhere"))
    path = snapshot.restore_zip(first.get_snapshot_id(), tmp_path / "x.zip", config.read())
    with zipfile.ZipFile(path) as packed:
        assert len(packed.namelist()) == 31
        assert packed.read("file7.txt") == b"7"


def test_a_run_keeps_its_first_snapshot(source: Path) -> None:
    """A later snapshot has an id of its own, and can be restored by it; the run's stays the first."""
    run = Experiment(Workspace("lab"), "ridge").start_logging()
    with pytest.raises(SnapshotNotFound, match="take_snapshot"):
        run.get_snapshot_id()
    first = run.take_snapshot(source)
    write(source, "a.py")
    second = run.take_snapshot(source)
    assert first != second
    assert Run(run.experiment, run.id).get_snapshot_id() == first
    assert run.restore_snapshot(second).endswith(f"{second}.zip")


def test_a_submitted_run_has_its_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A submitted folder is kept, without what is ignored; the script runs in a copy with just these files."""
    monkeypatch.setenv("RUNSTREAM_KEEP_CODE", "yes")
    source = folder(
        tmp_path / "code", "import os; print(sorted(os.listdir('.')))", lib__py="", big__bin="", __amlignore="*.bin"
    )
    run = submit(source)
    (source / "lib.py").write_text("changed afterwards")
    assert ended(run) == "Completed"
    with zipfile.ZipFile(run.restore_snapshot(path=tmp_path)) as packed:
        assert packed.namelist() == [".amlignore", "lib.py", "train.py"]
        assert packed.read("lib.py") == b""
    there = {path.name for path in folder_of(run).code.iterdir()}
    assert there == {".amlignore", "lib.py", "train.py", "outputs", "logs"}
    assert submit(source).get_snapshot_id() != run.get_snapshot_id()


HASH = hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    ("rows", "refusal"),
    [
        ([["../x", HASH, 1, False]], "leaves the run's folder"),
        ([["/etc/x", HASH, 1, False]], "is absolute"),
        ([["a/../../x", HASH, 1, False]], "leaves the run's folder"),
        ([["C:/x", HASH, 1, False]], "is absolute"),
        ([["a\\x", HASH, 1, False]], "holds a backslash"),
        ([["A", HASH, 1, False], ["a", HASH, 1, False]], "occurs twice"),
        ([["a", HASH, 1, False], ["./a", HASH, 1, False]], "empty part"),
        ([["a", HASH, 1, False], ["A/b", HASH, 1, False]], "lies below another file"),
        ([["x", HASH, 2, False]], "gave fewer bytes"),
        ([["x", HASH, 3 * 1024**3, False]], "claims to hold more"),
        ([["x", HASH, 0, False]], "gave other bytes"),
        ([["x", "0" * 64, 1, False]], "does not hold it"),
        ([["x", "../../etc/passwd", 1, False]], "64 hex digits"),
        ([["x", HASH, 1]], "no list of files"),
        (["x"], "no list of files"),
        (None, "no list of files"),
    ],
)
def test_a_forged_list_writes_nothing(rows: object, refusal: str, tmp_path: Path) -> None:
    """What somebody else put into the store as a snapshot cannot leave the zip, fill the disk, or name other files."""
    kept = store.of(config.read())
    kept.save(b"x", BytesIO(), "a file")
    forged = kept.save(json.dumps({"runstream_snapshot": 1, "files": rows}).encode(), BytesIO(), "a forged list")
    with pytest.raises((UnsafePath, SnapshotNotFound), match=refusal):
        snapshot.restore_zip(forged.sha256, tmp_path / "out" / "x.zip", config.read())
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("wanted", ["../../etc/passwd", "0" * 64, "", "x"])
def test_an_unknown_id_is_told(wanted: str, tmp_path: Path) -> None:
    """An id that no snapshot has is an error that names it, and reaches no other file."""
    with pytest.raises(SnapshotNotFound) as raised:
        snapshot.restore_zip(wanted, tmp_path / "x.zip", config.read())
    assert raised.value.snapshot_id == wanted


def test_changed_bytes_are_noticed(source: Path, home_path: Path, tmp_path: Path) -> None:
    """A file of the store that is not what was kept is not restored."""
    write(source, "a.py")
    kept = snapshot.take(source, config.read())
    (home_path / "artifacts" / hashlib.sha256(b"text").hexdigest()).write_text("evil")
    with pytest.raises(SnapshotNotFound, match="other bytes"):
        snapshot.restore_zip(kept.id, tmp_path / "x.zip", config.read())
    assert not (tmp_path / "x.zip").exists()
