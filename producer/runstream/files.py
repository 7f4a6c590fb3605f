"""A run's files: kept by it, listed, and written back to the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runstream import notices
from runstream.handle import Handle
from runstream_schemas.errors import OutOfScope, WrongArguments

if TYPE_CHECKING:
    from runstream.artifacts import Upload


class Files(Handle):
    """The part of a run that keeps files."""

    __slots__ = ()

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> Upload:
        """
        Keep a file with the run; other bytes under a known name become its newest version.

        Args:
            name: in the run, such as outputs/model.pkl.
            path_or_stream: a path, or a stream opened in binary mode.
            datastore_name: out of scope; RUNSTREAM_ARTIFACTS says where files are kept.

        Returns:
            What was kept: name, size, sha256, type, location.

        Raises:
            UnsafePath: *name* is absolute, leaves the run or cannot be kept everywhere, or the path is no regular file.
            InvalidValue: *path_or_stream* is neither a path nor a binary stream.
            OutOfScope: a *datastore_name* is given.
            OSError: the file cannot be read, or the store cannot be written.
        """
        _refuse_datastore(datastore_name)
        return self._upload(name, path_or_stream)

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[Any],
        return_artifacts: bool = True,
        timeout_seconds: float | None = None,
        datastore_name: str | None = None,
    ) -> list[Upload]:
        """
        Keep several files, each as upload_file() does.

        Args:
            names, paths: of the files, in the same order.
            return_artifacts: False = an empty list is returned.
            timeout_seconds: accepted with a warning: an upload ends with its last byte, or with an error.
            datastore_name: out of scope, as for upload_file().

        Raises:
            WrongArguments: *names* and *paths* differ in length.
        """
        _refuse_datastore(datastore_name)
        _tell_unused("upload_files()", timeout_seconds=timeout_seconds)
        if len(names) != len(paths):
            reason = f"got {len(names)} names for {len(paths)} paths; give as many of one as of the other"
            raise WrongArguments(call="upload_files()", reason=reason)
        uploads = [self._upload(name, path) for name, path in zip(names, paths, strict=True)]
        return uploads if return_artifacts else []

    def upload_folder(self, name: str, path: Any, datastore_name: str | None = None) -> list[Upload]:
        """
        Keep every file below a folder, under *name* followed by its path in the folder.

        Args:
            name: the folder's in the run.
            path: the folder's on this machine.
            datastore_name: out of scope, as for upload_file().

        Raises:
            NotADirectoryError: *path* is no folder.
            UnsafePath: a link leads out of the folder, or something in it is no regular file; nothing is kept then.
        """
        from runstream import folder_files
        from runstream_schemas.paths import checked

        _refuse_datastore(datastore_name)
        prefix = checked(name)
        found = [(checked(f"{prefix}/{inside}"), file) for inside, file in folder_files.below(Path(path))]
        return [self._upload(inside, file) for inside, file in found]

    def get_file_names(self) -> list[str]:
        """Read the names of the run's files, sorted. Raises as get_metrics() does."""
        return self._reader().file_names()

    def download_file(self, name: str, output_file_path: Any = None) -> None:
        """
        Write one of the run's files to *output_file_path*: a file, or a folder to put it in; left out, the current one.

        Raises:
            ArtifactNotFound: the run has no such file; the message lists those that it has.
            OSError: the store does not hold it, gave other bytes, or the target cannot be written.
        """
        self._reader().download(name, Path(output_file_path or "."))

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: Any = None,
        output_paths: Sequence[Any] | None = None,
        batch_size: int | None = None,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """
        Write all files of the run, or those whose names start with *prefix*, into a folder.

        Args:
            prefix: of the names; left out, every file.
            output_directory: the folder; left out, the current one.
            output_paths: a path below the folder for each file, in the order of get_file_names(); left out, its name.
            batch_size, timeout_seconds: accepted with a warning: files are fetched one after another, to the last byte.
            append_prefix: keep *prefix* in the written paths.

        Raises:
            ValueError: *output_paths* has not one path a file.
            OSError: as download_file() does.
        """
        _tell_unused("download_files()", batch_size=batch_size, timeout_seconds=timeout_seconds)
        self._reader().download_many(prefix or "", Path(output_directory or "."), output_paths, append_prefix)

    def _upload(self, name: str, source: Any, metric_name: str | None = None) -> Upload:
        """Keep a file, and append the event about it unless this process kept the same bytes under this name last."""
        from runstream import artifacts

        upload, content = artifacts.keep_as(name, source, self._config)
        if self._known.uploads.get(upload.path) != upload:
            run_id, producer = self._id, self.producer
            producer.append(
                lambda sequence, at: artifacts.event(
                    upload, content, metric_name, (run_id, producer.producer_id, sequence, at)
                )
            )
            self._known.uploads[upload.path] = upload
        return upload


def _refuse_datastore(name: str | None) -> None:
    if name is not None:
        raise OutOfScope(feature=f"datastore_name={name!r}", instead="RUNSTREAM_ARTIFACTS says where files are kept")


def _tell_unused(call: str, **given: object) -> None:
    """Say once of each argument of the azureml SDK that it is not needed."""
    for name, value in given.items():
        if value is not None:
            notices.once(
                (call, name), "%s: %s=%r is not used: files go one after another, to the end", call, name, value
            )
