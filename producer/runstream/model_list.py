"""The models of a workspace, as the history knows them: listed, found, and not found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runstream import registry
from runstream.config import Config
from runstream.registration import checked_name
from runstream.tags import Wanted, wanted
from runstream_schemas.errors import ModelNotFound

if TYPE_CHECKING:
    from runstream.reading import History, ModelFileRow, ModelRow


def asked(name: str | None, model_id: str | None, version: int | None) -> tuple[str, int | None]:
    """
    Return the name and version that the arguments of Model() ask for.

    Raises:
        InvalidName: *name* cannot name a model.
        TypeError: neither a name nor an id, or both; or a version that is no whole number.
        ValueError: *model_id* is no name, colon and version.
    """
    if (name is None) == (model_id is None):
        message = "Model(workspace, name) needs a name, or an id such as 'ridge:3', and not both"
        raise TypeError(message)
    if type(version) not in {int, type(None)}:
        message = f"version={version!r} is no whole number; leave it out for the newest"
        raise TypeError(message)
    if name is not None:
        return checked_name(name), version
    found, colon, number = str(model_id).rpartition(":")
    if not colon or not number.isdecimal() or version is not None:
        message = f"id={model_id!r} is no name, colon and version such as 'ridge:3'"
        raise ValueError(message)
    return checked_name(found), int(number)


def found(
    config: Config,
    workspace: str,
    name: str | None,
    tags: Wanted,
    properties: Wanted,
    run_id: str | None,
    *,
    latest: bool,
) -> list[ModelRow]:
    """Return versions of models, the newest registered first. Raises HistoryUnreachable when no server answers."""
    looked_for = wanted(tags), wanted(properties)
    with registry.history(config, "listing models") as history:
        return history.models(
            workspace, name, tags=looked_for[0], properties=looked_for[1], run_id=run_id, latest=latest
        )


def newest(
    config: Config,
    workspace: str,
    name: str,
    tags: Wanted,
    properties: Wanted,
    version: int | None,
    run_id: str | None,
) -> ModelRow:
    """
    Return the highest version of one model, of those that the other arguments leave.

    Raises:
        ModelNotFound: they leave none; the error lists the versions that there are, or the models.
        HistoryUnreachable: no server answers.
    """
    looked_for = wanted(tags), wanted(properties)
    with registry.history(config, "finding a model") as history:
        rows = history.models(
            workspace,
            name,
            version=version,
            tags=looked_for[0],
            properties=looked_for[1],
            run_id=run_id,
            latest=True,
        )
        if not rows:
            told = {"version": version, "tags": tags, "properties": properties, "run_id": run_id}
            given = [f"{key} {value!r}" for key, value in told.items() if value is not None]
            raise _not_found(history, workspace, name, f" with {', '.join(given)}" if given else "")
        return rows[0]


def registered(config: Config, workspace: str, name: str, registration_id: str) -> ModelRow:
    """
    Return what the history says about one registration.

    Raises:
        ModelNotFound: it was deleted.
        HistoryUnreachable: no server answers.
    """
    with registry.history(config, "reading a model") as history:
        rows = history.models(workspace, registration_id=registration_id)
        if not rows:
            raise _not_found(history, workspace, name, _DELETED)
        return rows[0]


def files(config: Config, workspace: str, name: str, registration_id: str) -> list[ModelFileRow]:
    """Return the files of one registration. Raises as registered() does."""
    with registry.history(config, "downloading a model") as history:
        rows = history.model_files(registration_id)
        if not rows:
            raise _not_found(history, workspace, name, _DELETED)
        return rows


_DELETED = " in the version that this object stands for: it was deleted"


def _not_found(history: History, workspace: str, name: str, detail: str) -> ModelNotFound:
    """Say what there is instead: other versions, or other models."""
    rows = history.models(workspace, name) or history.models(workspace, latest=True)
    return ModelNotFound(f"{name!r}{detail}", workspace, [f"{row.name}:{row.version}" for row in rows])
