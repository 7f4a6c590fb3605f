"""A run's models: files of the run, registered under a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from runstream.handle import Handle
from runstream_schemas.errors import RunNotFound, RunstreamError

if TYPE_CHECKING:
    from runstream.artifacts import Upload
    from runstream.model import Model
    from runstream.reading import ArtifactRow


class Models(Handle):
    """The part of a run that registers models."""

    __slots__ = ()

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        properties: Mapping[str, str] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
    ) -> Model:
        """
        Register a file or a folder of this run as the next version of a model.

        Nobody is asked for a number: where no server answers, what this process uploaded can still be registered.

        Args:
            model_name: letters, digits, ".", "_" and "-", at most 255, beginning with a letter or digit.
            model_path: the file in the run, or the folder with all files in it; left out, the model's name.
            tags: of this version; they may change.
            properties: of this version; they never change.
            model_framework, model_framework_version: the library that made it.
            description: of this version.

        Raises:
            ModelPathNotFound: the run has no such file or folder; the error lists its files.
            InvalidName: *model_name* or a key cannot be one.
            TooLarge: the folder has so many files that one event cannot list them.
        """
        from runstream import model_files, registry
        from runstream.model import Model
        from runstream.registration import Registration
        from runstream_schemas.catalog import MODEL

        told = Registration.checked(model_name, tags, properties, description, model_framework, model_framework_version)
        path = told.name if model_path is None else model_path
        change = told.change(model_files.of_run(path, self._id, self._files_for(path)), self._id)
        workspace = self._experiment.workspace
        registration_id = registry.append(self.producer, workspace.name, MODEL, told.name, change)
        registry.note(self._config, self._written())
        return Model._registered(workspace, self._config, told.name, registration_id)

    def _files_for(self, path: str) -> Mapping[str, Upload | ArtifactRow]:
        """Return the run's files: as the history has them, or, where it cannot be asked, as this process knows them."""
        from runstream import capture
        from runstream_schemas import paths

        capture.catch_up(self._config, self._id)
        own = dict(self._known.uploads)
        if paths.checked(path) in own:
            return own
        try:
            return {row.path: row for row in self._reader().files()}
        except RunNotFound:
            raise
        except RunstreamError:
            if not own:
                raise
            return own
