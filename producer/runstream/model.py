"""A model: files that were registered under a name; each registration is a version."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runstream import config, model_files, model_list, registry
from runstream import tags as labels
from runstream.registration import Registration
from runstream.workspace import Workspace, expect
from runstream_schemas.catalog import MODEL, CatalogDeleted, CatalogTag

if TYPE_CHECKING:
    from runstream.reading import ModelRow

NEXT_LINE = ",\n"


class Model:
    """
    One version of a model.

    `run.register_model()` and `Model.register()` make one; `Model(workspace, name)` finds the newest there is. Versions
    are counted by the time of registration, on whatever machine it happened: two that register at once get two
    versions, and one that was made offline takes its place when it arrives.

    Args:
        workspace: where it was registered.
        name: of the model; or give *id*.
        id: the name, a colon and the version, as the attribute `id` tells it.
        tags, properties: only a version with these.
        version: left out, the newest.
        run_id: only a version that this run made.

    Raises:
        ModelNotFound: there is none; the error lists what there is.
        HistoryUnreachable: no server answers.
    """

    __slots__ = ("_config", "_name", "_registration_id", "_row", "_workspace")

    def __init__(
        self,
        workspace: Workspace,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - the name that old code gives it
        tags: labels.Wanted = None,
        properties: labels.Wanted = None,
        version: int | None = None,
        run_id: str | None = None,
    ) -> None:
        expect(workspace, Workspace, "Model(workspace, name)")
        name, version = model_list.asked(name, id, version)
        self._workspace = workspace
        self._config = config.read()
        row = model_list.newest(self._config, workspace.name, name, tags, properties, version, run_id)
        self._row: ModelRow | None = row
        self._name, self._registration_id = row.name, row.registration_id

    @classmethod
    def _registered(cls, workspace: Workspace, settings: config.Config, name: str, registration_id: str) -> Self:
        """Return a model that is known to be registered; the rest is read at its first use."""
        model = cls.__new__(cls)
        model._workspace, model._config = workspace, settings
        model._name, model._registration_id, model._row = name, registration_id, None
        return model

    @classmethod
    def _read(cls, workspace: Workspace, settings: config.Config, row: ModelRow) -> Self:
        model = cls._registered(workspace, settings, row.name, row.registration_id)
        model._row = row
        return model

    @staticmethod
    def register(
        workspace: Workspace,
        model_path: str | os.PathLike[str],
        model_name: str,
        tags: Mapping[str, str | None] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
    ) -> Model:
        """
        Register a file or a folder of this machine as the next version of a model.

        Args:
            workspace: where the model belongs.
            model_path: the file, or the folder with all files in it.
            model_name: letters, digits, ".", "_" and "-", at most 255, beginning with a letter or digit.
            tags: of this version; they may change.
            properties: of this version; they never change.
            description: of this version.
            model_framework, model_framework_version: the library that made it.

        Raises:
            ModelPathNotFound: there is neither file nor folder.
            InvalidName: *model_name* or a key cannot be one.
            TooLarge: the folder has so many files that one event cannot list them.
            OSError: a file cannot be read, or the store cannot be written.
        """
        expect(workspace, Workspace, "Model.register(workspace, model_path, model_name)")
        settings = config.read()
        told = Registration.checked(model_name, tags, properties, description, model_framework, model_framework_version)
        files = model_files.of_machine(model_path, settings)
        registration_id = registry.append(
            registry.producer_of(settings), workspace.name, MODEL, told.name, told.change(files, None)
        )
        return Model._registered(workspace, settings, told.name, registration_id)

    @staticmethod
    def list(
        workspace: Workspace,
        name: str | None = None,
        tags: labels.Wanted = None,
        properties: labels.Wanted = None,
        run_id: str | None = None,
        latest: bool = False,
    ) -> builtins.list[Model]:
        """
        Return the models of a workspace, the newest registered first.

        Args:
            workspace: where they were registered.
            name: only versions of this model.
            tags, properties: only versions with these.
            run_id: only versions that this run made.
            latest: only the highest version of each name.

        Raises:
            HistoryUnreachable: no server answers.
        """
        expect(workspace, Workspace, "Model.list(workspace)")
        settings = config.read()
        rows = model_list.found(settings, workspace.name, name, tags, properties, run_id, latest=latest)
        return [Model._read(workspace, settings, row) for row in rows]

    @property
    def _told(self) -> ModelRow:
        """What the history says about it, read once."""
        if self._row is None:
            self._row = model_list.registered(self._config, self._workspace.name, self._name, self._registration_id)
        return self._row

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    @property
    def version(self) -> int:
        """The place of this registration among those of its name, from 1."""
        return self._told.version

    @property
    def id(self) -> str:
        """The name, a colon and the version."""
        return f"{self.name}:{self.version}"

    @property
    def workspace(self) -> Workspace:
        """Where it was registered."""
        return self._workspace

    @property
    def url(self) -> str:
        """The address of its page on the dashboard."""
        from runstream.reading import model_url

        return model_url(self._config, self._workspace.name, self.name, self.version)

    @property
    def tags(self) -> dict[str, str | None]:
        """Its tags."""
        return dict(self._told.tags)

    @property
    def properties(self) -> dict[str, str]:
        """Its properties."""
        return dict(self._told.properties)

    @property
    def run_id(self) -> str | None:
        """The run that made it; None if none is known."""
        return self._told.run_id

    @property
    def created_time(self) -> datetime:
        """When it was registered, in UTC."""
        return self._told.created_at

    @property
    def description(self) -> str | None:
        """Its description."""
        return self._told.description

    @property
    def model_framework(self) -> str | None:
        """The library that made it."""
        return self._told.framework

    @property
    def model_framework_version(self) -> str | None:
        """The version of that library."""
        return self._told.framework_version

    def add_tags(self, tags_to_set: Mapping[str, str | None]) -> None:
        """Set tags of this version; others stay. Raises as Run.set_tags() does."""
        for key, value in labels.checked_tags(tags_to_set).items():
            self._append(CatalogTag(key, value, registration_id=self._registration_id))

    def remove_tags(self, keys: str | Iterable[str]) -> None:
        """Remove tags of this version by their keys."""
        for key in labels.checked_keys(keys):
            self._append(CatalogTag(key, None, removed=True, registration_id=self._registration_id))

    def download(self, target_dir: str | os.PathLike[str] = ".", exist_ok: bool = False) -> str:
        """
        Write the model's files into a folder; each is compared with the hash that it was registered with.

        Returns:
            The path of the model: its file, or the folder that holds its files.

        Raises:
            TargetExists: it is there already, and *exist_ok* is False.
            OSError: the store does not hold it, gave other bytes, or the folder cannot be written.
        """
        files = model_list.files(self._config, self._workspace.name, self._name, self._registration_id)
        return str(model_files.download(files, Path(target_dir), self._config, exist_ok=exist_ok))

    def delete(self) -> None:
        """Hide this version for good; its number is not given again, and its files stay in the store."""
        self._append(CatalogDeleted(self._registration_id))

    def serialize(self) -> dict[str, Any]:
        """Return what is known about it as a dict that JSON can hold, by the names of the azureml SDK."""
        return {
            "name": self.name,
            "id": self.id,
            "version": self.version,
            "url": self.url,
            "runId": self.run_id,
            "createdTime": self.created_time.isoformat(),
            "description": self.description,
            "tags": self.tags,
            "properties": self.properties,
            "framework": self.model_framework,
            "frameworkVersion": self.model_framework_version,
        }

    def _append(self, change: CatalogTag | CatalogDeleted) -> None:
        registry.append(registry.producer_of(self._config), self._workspace.name, MODEL, self._name, change)
        self._row = None

    def __reduce__(self) -> tuple[object, ...]:
        return _remade, (self._workspace, self._name, self._registration_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other._registration_id == self._registration_id

    def __hash__(self) -> int:
        return hash((Model, self._registration_id))

    def _facts(self) -> builtins.list[tuple[str, str]]:
        """Return what this object knows: a repr that opens a database would surprise every debugger."""
        version = "not read yet" if self._row is None else str(self._row.version)
        return [("Workspace", self._workspace.name), ("Name", self._name), ("Version", version)]

    def __repr__(self) -> str:
        return f"Model({NEXT_LINE.join(f'{key}: {text}' for key, text in self._facts())})"

    def _repr_html_(self) -> str:
        """Return the model as a table, with a link to its page once its version is known, which notebooks show."""
        import html

        heads = "".join(f"<th>{key}</th>" for key, _ in self._facts())
        cells = "".join(f"<td>{html.escape(text)}</td>" for _, text in self._facts())
        if self._row is not None:
            heads += "<th>Details Page</th>"
            cells += f'<td><a href="{html.escape(self.url)}" target="_blank" rel="noopener">Model page</a></td>'
        return f"<table><tr>{heads}</tr><tr>{cells}</tr></table>"


def _remade(workspace: Workspace, name: str, registration_id: str) -> Model:
    """Return a pickled model as it was, to be read where it is now."""
    return Model._registered(workspace, config.read(), name, registration_id)
