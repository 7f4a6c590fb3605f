"""Where a run comes from: git, command line, machine; told once a run, and nothing secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runstream import Experiment, Workspace, origin
from runstream_schemas.events import PropertiesAdded
from tests.run_events import changes

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org")


def git(folder: Path, *words: str) -> str:
    """Run git in a folder."""
    told = subprocess.run(["git", "-C", str(folder), *IDENTITY, *words], check=True, capture_output=True, text=True)
    return told.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Give a repository of one commit, on a branch of its own, with a remote that has a password in its address."""
    folder = tmp_path / "code"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "work")
    (folder / "train.py").write_text("1\n")
    git(folder, "add", "train.py")
    git(folder, "commit", "--quiet", "-m", "one")
    git(folder, "remote", "add", "origin", "https://me:pass@example.org/code.git")
    return folder


def test_the_state_of_the_code_is_told_in_both_languages(repository: Path) -> None:
    """By azureml's names and by MLflow's; the address without its password, from a folder inside too."""
    inside = repository / "deep"
    inside.mkdir()
    commit = git(repository, "rev-parse", "HEAD")

    assert origin.git(inside, {}) == {
        "azureml.git.repository_uri": "https://***@example.org/code.git",
        "azureml.git.branch": "work",
        "azureml.git.commit": commit,
        "azureml.git.dirty": "False",
        "mlflow.source.git.repoURL": "https://***@example.org/code.git",
        "mlflow.source.git.branch": "work",
        "mlflow.source.git.commit": commit,
    }


def test_changed_code_is_dirty(repository: Path) -> None:
    """A tracked file that differs from the commit is what makes a result hard to repeat."""
    (repository / "train.py").write_text("2\n")

    assert origin.git(repository, {})["azureml.git.dirty"] == "True"


def test_outside_a_repository_nothing_is_told(tmp_path: Path) -> None:
    """No repository, a repository without commits: no properties, no error."""
    assert origin.git(tmp_path, {}) == {}
    git(tmp_path, "init", "--quiet")
    assert origin.git(tmp_path, {}) == {}


def test_the_environment_goes_before_git(repository: Path) -> None:
    """A build system knows better what it checked out."""
    told = origin.git(repository, {"AZUREML_GIT_BRANCH": "release"})

    assert (told["azureml.git.branch"], told["mlflow.source.git.branch"]) == ("release", "release")


def test_a_repository_gets_to_run_none_of_its_programs(repository: Path) -> None:
    """A monitor that its configuration names is not started by being looked at."""
    witness = repository / "ran"
    program = repository / "monitor.sh"
    program.write_text(f"#!/bin/sh\ntouch {witness}\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))

    assert origin.git(repository, {})["azureml.git.dirty"] == "False"
    assert not witness.exists()


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (["train.py", "--lr", "0.1"], "train.py --lr 0.1"),
        (["train.py", "--api-key", "abc", "x"], "train.py --api-key '***' x"),
        (["train.py", "--token=abc"], "train.py '--token=***'"),
        (["train.py", "--password", "--verbose"], "train.py --password --verbose"),
        (["train.py", "s3://user:pass@host/x"], "train.py 's3://***@host/x'"),
        (["train.py", "두 단어"], "train.py '두 단어'"),
    ],
)
def test_a_command_line_is_kept_without_its_secrets(argv: list[str], shown: str, tmp_path: Path) -> None:
    """What an option that sounds secret is given is struck out, and users in addresses."""
    assert origin.host(argv, tmp_path)["runstream.command_line"] == shown


def test_a_run_tells_where_it_comes_from(home_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git, command line and machine are properties of the run when it has ended, without anybody's doing."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "git,host")
    monkeypatch.chdir(repository)

    with Experiment(Workspace(), "origin").start_logging():
        pass

    (told,) = changes(home_path, PropertiesAdded)
    assert told.properties["azureml.git.branch"] == "work"
    assert told.properties["runstream.working_directory"] == str(repository)
    assert told.properties["runstream.python"] == ".".join(map(str, sys.version_info[:3]))


def test_each_part_can_be_left_out(home_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RUNSTREAM_CAPTURE without git asks git nothing."""
    monkeypatch.setenv("RUNSTREAM_CAPTURE", "host")
    monkeypatch.chdir(repository)

    with Experiment(Workspace(), "origin").start_logging():
        pass

    (told,) = changes(home_path, PropertiesAdded)
    assert not [key for key in told.properties if "git" in key]
