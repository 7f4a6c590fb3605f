"""The file that names a workspace for the folder it lies in and all below, as the azureml SDK wrote it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from runstream_schemas.errors import ConfigError

FILE_NAME = "config.json"
FIELDS = ("subscription_id", "resource_group", "workspace_name")

_FOLDERS = (".azureml", "aml_config", "")
_FILE_NAMES = (FILE_NAME, "project.json")


def read(path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> dict[str, str]:
    """
    Find and read the file: below *path* or the nearest folder above it that has one.

    In each folder it is looked for in .azureml, in aml_config and in the folder itself.

    Args:
        path: a folder, or the file; the current folder unless given.
        file_name: of the file; config.json, and the older project.json, unless given.

    Returns:
        The fields of FIELDS that the file has; workspace_name is among them.

    Raises:
        ConfigError: there is no such file, or it is no JSON object with a workspace_name.
    """
    start = Path(path or ".").expanduser().absolute()
    names = _FILE_NAMES if file_name is None else (file_name,)
    found = start if start.is_file() else next((file for file in _places(start, names) if file.is_file()), None)
    if found is None:
        reason = (
            f"no {' or '.join(names)} in .azureml, in aml_config or in the folder itself, here or in any folder above"
        )
        raise ConfigError(name="workspace file below", value=str(start), reason=f"{reason}; write_config() makes one")
    return _fields(found)


def write(fields: Mapping[str, str | None], path: str | os.PathLike[str] | None, file_name: str | None) -> Path:
    """
    Write the file into the folder .azureml of *path* (the current folder), and return where it is.

    Raises:
        OSError: it cannot be written.
    """
    folder = Path(path or ".").expanduser()
    if folder.name != _FOLDERS[0]:
        folder /= _FOLDERS[0]
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (file_name or FILE_NAME)
    text = json.dumps({key: fields.get(key) for key in FIELDS}, indent=4, ensure_ascii=False)
    target.write_text(f"{text}\n", encoding="utf-8")
    return target


def _places(start: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for folder in (start, *start.parents):
        for below in _FOLDERS:
            yield from (folder / below / name for name in names)


def _fields(file: Path) -> dict[str, str]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(name="workspace file", value=str(file), reason=f"cannot be read: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("workspace_name"), str):
        reason = 'holds no "workspace_name"; write_config() makes a file that does'
        raise ConfigError(name="workspace file", value=str(file), reason=reason)
    return {key: told[key] for key in FIELDS if isinstance(told.get(key), str)}
