"""A workspace, and the file that names it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from runstream import Workspace
from runstream_schemas.errors import ConfigError, InvalidName

IDS = {"subscription_id": "sub", "resource_group": "group"}


def test_a_workspace_is_named_by_either_parameter() -> None:
    """The name alone, or the azureml SDK's keywords in any order; the rest is kept and read back."""
    workspace = Workspace(workspace_name="lab", **IDS)

    assert Workspace("lab") == workspace
    assert Workspace().name == "default"
    assert (workspace.name, workspace.subscription_id, workspace.resource_group) == ("lab", "sub", "group")
    assert workspace.get_details() == {
        "name": "lab", "subscriptionId": "sub", "resourceGroup": "group", "location": "local",
    }  # fmt: skip


def test_two_names_for_one_workspace_are_refused() -> None:
    """Which one holds would be a guess; a name that cannot be one is refused as ever."""
    with pytest.raises(TypeError, match="twice"):
        Workspace("a", workspace_name="b")
    with pytest.raises(InvalidName):
        Workspace(workspace_name="")


def test_a_pickled_workspace_comes_back_whole() -> None:
    """With what was kept beside the name."""
    again = pickle.loads(pickle.dumps(Workspace("lab", **IDS)))

    assert (again.name, again.subscription_id, again.resource_group) == ("lab", "sub", "group")


@pytest.mark.parametrize(
    "place", [".azureml/config.json", "aml_config/config.json", "config.json", ".azureml/project.json"]
)
def test_the_file_is_found_where_the_sdk_looked(tmp_path: Path, place: str) -> None:
    """In each of the places, from a folder far below, and named itself."""
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({**IDS, "workspace_name": "실험실", "more": 1}), encoding="utf-8")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    for path in (below, tmp_path, file, str(below)):
        workspace = Workspace.from_config(path)
        assert (workspace.name, workspace.subscription_id) == ("실험실", "sub")


def test_the_nearest_file_holds(tmp_path: Path) -> None:
    """A folder's own file goes before that of a folder above."""
    below = tmp_path / "a"
    Workspace("outer").write_config(tmp_path)
    Workspace("inner").write_config(below)

    assert Workspace.from_config(below / "none").name == "inner"


def test_a_written_file_is_read_back_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments both mean the current folder; the file lies where azureml code looks for it."""
    monkeypatch.chdir(tmp_path)

    written = Workspace("lab", **IDS).write_config()

    assert written == Path(".azureml/config.json")
    assert Workspace.from_config() == Workspace("lab")
    assert Workspace.from_config(_file_name="config.json").resource_group == "group"


def test_a_missing_file_tells_where_it_was_looked_for(tmp_path: Path) -> None:
    """The error names the folder, the places, and what makes such a file."""
    with pytest.raises(ConfigError, match=r"config\.json.*write_config") as missing:
        Workspace.from_config(tmp_path, _file_name="config.json")
    assert str(tmp_path) in str(missing.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"workspace_name": 3}'])
def test_a_file_that_names_no_workspace_is_refused(tmp_path: Path, text: str) -> None:
    """No JSON, no object, no name: the error names the file."""
    file = tmp_path / "config.json"
    file.write_text(text)

    with pytest.raises(ConfigError) as refused:
        Workspace.from_config(file)
    assert str(file) in str(refused.value)
