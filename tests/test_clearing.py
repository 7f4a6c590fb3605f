"""When a submitted run has ended, what of its copy is stored goes; what is nowhere else stays."""

from __future__ import annotations

import os
import signal
import zipfile
from pathlib import Path

import pytest

from runstream import Run
from runstream.capture import Capture
from runstream.run_folder import started_at
from tests.submitted import EXPERIMENT, ended, folder, folder_of, submit, supervisor_of, user_managed
from tests.waiting import until

SCRIPT = """
    import helper
    open("outputs/model.pkl", "wb").write(b"model")
    open("logs/train.log", "w").write("epoch 1")
"""


@pytest.fixture(autouse=True)
def capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have outputs and logs kept, as they are without these tests' settings."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "all")


def unsupervised(run: Run) -> None:
    """Wait until the process beside a run has ended."""
    pid = supervisor_of(run)
    until(lambda: started_at(pid) is None, what="the end of the supervisor")


def left(run: Run) -> list[str]:
    """Return the files of a run's copy."""
    code = folder_of(run).code
    return sorted(path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file())


def test_the_copy_of_a_run_that_has_ended_goes(tmp_path: Path) -> None:
    """Code, outputs and logs are removed with the run's folder, and are all read from the store."""
    run = submit(folder(tmp_path / "code", SCRIPT, helper__py="x = 1"))
    assert ended(run) == "Completed"
    until(lambda: not folder_of(run).root.exists(), what="the end of the run's folder")

    assert run.get_file_names() == ["logs/train.log", "outputs/model.pkl"]
    run.download_file("outputs/model.pkl", tmp_path / "model.pkl")
    assert (tmp_path / "model.pkl").read_bytes() == b"model"
    with zipfile.ZipFile(run.restore_snapshot(path=tmp_path)) as packed:
        assert packed.namelist() == ["helper.py", "train.py"]
    assert run.get_status() == "Completed"
    assert Run(EXPERIMENT, run.id).get_details()["status"] == "Completed"


def test_what_is_stored_nowhere_else_stays(tmp_path: Path) -> None:
    """A file beside outputs and logs, a changed file of the code, and a link stay; the rest goes."""
    script = """
        import os
        os.mkdir("checkpoints")
        open("checkpoints/last", "w").write("only here")
        open("helper.py", "a").write("# changed")
        os.symlink("/etc/hostname", "outputs/link")
    """
    run = submit(folder(tmp_path / "code", script, helper__py="x = 1", other__py="y = 2"))
    assert ended(run) == "Completed"
    until(lambda: "train.py" not in left(run), what="the code's removal")
    until(lambda: not (folder_of(run).code / "logs").exists(), what="the end of the folder without files")

    assert left(run) == ["checkpoints/last", "helper.py", "outputs/link"]
    assert (folder_of(run).code / "helper.py").read_text() == "x = 1# changed"


def test_a_copy_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With RUNSTREAM_KEEP_CODE=yes it stays whole: the supervisor ends, and nothing has gone."""
    monkeypatch.setenv("RUNSTREAM_KEEP_CODE", "yes")
    run = submit(folder(tmp_path / "code", SCRIPT, helper__py="x = 1"))
    assert ended(run) == "Completed"
    unsupervised(run)

    found = [name for name in left(run) if "__pycache__" not in name]
    assert found == ["helper.py", "logs/train.log", "outputs/model.pkl", "train.py"]


def test_code_without_a_snapshot_stays(tmp_path: Path) -> None:
    """Where no snapshot was taken and outputs are not collected, nothing of the copy is anywhere else."""
    configuration = user_managed()
    configuration.history.output_collection = configuration.history.snapshot_project = False
    run = submit(folder(tmp_path / "code", SCRIPT, helper__py="x = 1"), run_config=configuration)
    assert ended(run) == "Completed"
    unsupervised(run)

    found = [name for name in left(run) if "__pycache__" not in name]
    assert found == ["helper.py", "logs/train.log", "outputs/model.pkl", "train.py"]


def test_the_copy_of_a_run_that_goes_on_stays(tmp_path: Path) -> None:
    """While the script runs, and after its supervisor was killed, nothing is removed."""
    run = submit(folder(tmp_path / "code", "import time; open('outputs/begun', 'w'); time.sleep(1000)"))
    until((folder_of(run).code / "outputs" / "begun").exists, what="the script's start")
    os.kill(supervisor_of(run), signal.SIGKILL)
    unsupervised(run)

    assert left(run) == ["outputs/begun", "train.py"]


def test_a_store_that_has_lost_the_snapshot_keeps_the_copy(tmp_path: Path, home_path: Path) -> None:
    """Files are removed only where the list of the snapshot is still in the store."""
    script = f"""
        import pathlib
        for kept in pathlib.Path({str(home_path / "artifacts")!r}).iterdir():
            kept.unlink()
    """
    run = submit(folder(tmp_path / "code", script))
    assert ended(run) == "Completed"
    unsupervised(run)

    assert left(run) == ["train.py"]


def test_an_output_that_could_not_be_kept_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was uploaded, and is still as it was then, counts as the run's."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "none")
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    run = EXPERIMENT.start_logging()
    capture = Capture(run, outputs, None, has_console=False)
    for name in ("kept", "changed", "bad\\name"):
        (outputs / name).write_text("text")
    capture.catch_up()
    (outputs / "changed").write_text("other text")

    assert capture.uploaded() == [outputs / "kept"]
    run.complete()
