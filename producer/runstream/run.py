"""A run: what training code holds and calls. Each method is a thin line over the module named after its noun."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runstream import config, known, notices, rows, status, tags
from runstream.experiment import Experiment
from runstream.logger import Logger
from runstream.workspace import expect
from runstream_schemas.errors import JournalUnavailable
from runstream_schemas.events import Change, Created, PropertiesAdded, RunEvent, StatusChanged, TagEvent
from runstream_schemas.ids import check_run_id
from runstream_schemas.points import NO_STEP

if TYPE_CHECKING:
    from runstream.artifacts import Upload
    from runstream.producer import Producer
    from runstream.reading import Reader, Written


NEXT_LINE = ",\n"


class Run(Logger):
    """
    One run of an experiment: to log into, and to read back.

    `experiment.start_logging()` starts one. `Run(experiment, run_id)` opens one that exists, for reading and for
    more events, and asks nobody until it is used. A finished run keeps accepting events. A run may be used by
    many threads, in a forked child, and pickled into another process, which logs to it as a producer of its own.

    Args:
        experiment: that the run belongs to.
        run_id: 1 to 128 letters, digits, ".", "_" or "-".

    Raises:
        InvalidName: *run_id* is no such id.
        TypeError: *experiment* is not an Experiment.
    """

    __slots__ = ("_columns", "_config", "_experiment", "_id", "_known", "_status", "_told")

    def __init__(self, experiment: Experiment, run_id: str) -> None:
        expect(experiment, Experiment, "Run(experiment, run_id)")
        created = Created(workspace=experiment.workspace.name, experiment=experiment.name)
        self._prepare(experiment, check_run_id(run_id), created)

    def _prepare(self, experiment: Experiment, run_id: str, created: Created) -> None:
        """Set every field; *created* is what the run's first event from here says."""
        self._experiment = experiment
        self._id = run_id
        self._config = config.read()
        self._status: str | None = None
        # What the run is, where nobody else can have told it before: only of an id that was made here.
        self._told: Created | None = None
        self._columns: rows.Codes = {}
        self._known = known.of(self._config, run_id)
        # Not a bound method of this object: a cycle would keep a dropped run, and its ring, until the next collection.
        super().__init__(partial(_open_producer, self._config, run_id, created))

    # Metrics; log() itself is in logger.py.

    def log_list(self, name: str, value: Iterable[Any], description: str = "") -> None:
        """
        Log every element of a list, tuple, generator, array or any other iterable; further calls append.

        Args:
            name: the metric.
            value: each element as log() takes it; an empty one is recorded as such.
            description: of the metric.

        Raises:
            InvalidName, InvalidValue, TooLarge, MetricFormClash: as log() does; nothing is logged then.
        """
        rows.log_list(self.producer, name, value, description)

    def log_row(self, /, name: str, description: str | None = None, **columns: Any) -> None:
        """
        Log one row of named values; further calls add rows, and a column may be missing in some.

        Args:
            name: the metric.
            description: of the metric.
            columns: each value as log() takes it.

        Raises:
            InvalidName, InvalidValue, TooLarge, MetricFormClash: as log() does; nothing is logged then.
        """
        rows.log_row(self.producer, self._columns, name, description, columns)

    def log_table(self, name: str, value: Mapping[str, Any], description: str = "") -> None:
        """
        Log a table given as column -> values; further calls add rows.

        Args:
            name: the metric.
            value: columns of one length: lists, tuples, arrays; a single value is a column of one row.
            description: of the metric.

        Raises:
            InvalidName, InvalidValue, TooLarge, MetricFormClash: as log() does; nothing is logged then.
        """
        rows.log_table(self.producer, name, value, description)

    def log_image(self, name: str, path: Any = None, plot: Any = None, description: str = "") -> None:
        """
        Log a picture: an image file or stream, a matplotlib figure, or pyplot itself, in either slot.

        The file becomes one of the run's files; get_metrics() gives its name. Figures are saved as png.

        A file keeps its name, unless other bytes have it: then, as in every figure's name, there is a part of its hash.

        Args:
            name: the metric.
            path: an image, or a figure.
            plot: a figure, or an image.
            description: of the metric.

        Raises:
            TypeError: both or neither of *path* and *plot* were given.
            InvalidValue: it is no picture; the type is told by the content, not by the name.
            InvalidName, MetricFormClash: as log() does.
        """
        from io import BytesIO

        from runstream import images

        picture = images.picture(name, path, plot, self._known.uploads)
        code = self.producer.register(name, None, "image", rows.checked_description(description))
        upload = self._upload(picture.path, BytesIO(picture.content), metric_name=name)
        self.producer.put(code, upload.path, NO_STEP)

    # Tags and properties.

    def tag(self, key: str, value: str | None = None) -> None:
        """Set one tag; of several values for one key the newest holds. See set_tags()."""
        self.set_tags({key: value})

    def set_tags(self, tags_to_set: Mapping[str, str | None]) -> None:
        """
        Set tags; other tags stay.

        Raises:
            InvalidName: a key is empty, longer than 256 bytes, or holds control characters.
            TooLarge: a value has more than 64 KiB of UTF-8.
        """
        for key, value in tags.checked_tags(tags_to_set).items():
            self._append_tag(key, value, removed=False)

    def remove_tags(self, keys: str | Iterable[str]) -> None:
        """Remove tags by their keys; one that the run does not have does no harm."""
        for key in tags.checked_keys(keys):
            self._append_tag(key, None, removed=True)

    def get_tags(self) -> dict[str, str | None]:
        """Read the run's tags. Raises as get_metrics() does."""
        return self._reader().tags()

    def add_properties(self, properties: Mapping[str, str]) -> None:
        """
        Add properties, which never change: for what a run was made from, such as a commit.

        Of two processes that add one key at the same moment, the older addition holds.

        Raises:
            PropertyExists: a key was added before; nothing is added then.
            InvalidName, InvalidValue, TooLarge: a key or a value cannot be kept.
        """
        added = tags.checked_properties(properties)
        tags.claim(self._id, self._known.properties, self._reader().known_properties(), added)
        try:
            self._append_change(PropertiesAdded(added))
        except JournalUnavailable:
            tags.release(self._known.properties, added)
            raise

    def get_properties(self) -> dict[str, str]:
        """Read the run's properties. Raises as get_metrics() does."""
        return self._reader().properties()

    # Files.

    def upload_file(self, name: str, path_or_stream: Any) -> Upload:
        """
        Keep a file with the run; other bytes under a known name become its newest version.

        Args:
            name: in the run, such as outputs/model.pkl.
            path_or_stream: a path, or a stream opened in binary mode.

        Returns:
            What was kept: name, size, sha256, type, location.

        Raises:
            UnsafePath: *name* is absolute, leaves the run or cannot be kept everywhere, or the path is no regular file.
            InvalidValue: *path_or_stream* is neither a path nor a binary stream.
            OSError: the file cannot be read, or the store cannot be written.
        """
        return self._upload(name, path_or_stream)

    def upload_files(self, names: Sequence[str], paths: Sequence[Any]) -> list[Upload]:
        """
        Keep several files, each as upload_file() does.

        Raises:
            TypeError: *names* and *paths* differ in length.
        """
        if len(names) != len(paths):
            message = f"upload_files() got {len(names)} names for {len(paths)} paths"
            raise TypeError(message)
        return [self._upload(name, path) for name, path in zip(names, paths, strict=True)]

    def upload_folder(self, name: str, path: Any) -> list[Upload]:
        """
        Keep every file below a folder, under *name* followed by its path in the folder.

        Raises:
            NotADirectoryError: *path* is no folder.
            UnsafePath: a link leads out of the folder, or something in it is no regular file; nothing is kept then.
        """
        from runstream.paths import checked, folder_files

        prefix = checked(name)
        found = [(checked(f"{prefix}/{inside}"), file) for inside, file in folder_files(Path(path))]
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
        append_prefix: bool = True,
    ) -> None:
        """
        Write all files of the run, or those whose names start with *prefix*, into a folder.

        Args:
            prefix: of the names; left out, every file.
            output_directory: the folder; left out, the current one.
            output_paths: a path below the folder for each file, in the order of get_file_names(); left out, its name.
            append_prefix: keep *prefix* in the written paths.

        Raises:
            ValueError: *output_paths* has not one path a file.
            OSError: as download_file() does.
        """
        self._reader().download_many(prefix or "", Path(output_directory or "."), output_paths, append_prefix)

    # Reading back.

    def get_metrics(self, name: str | None = None) -> dict[str, Any]:
        """
        Read the run's metrics, in the order in which they were logged, once all that this process logged is there.

        Args:
            name: one metric alone; {} when the run does not have it.

        Returns:
            name -> value for what was logged once, a list when more often; {column: the same} for rows and tables;
            the file's name for images.

        Raises:
            RunNotFound: no run of this id was ever logged.
            NotYetFolded: the history did not catch up within RUNSTREAM_READ_WAIT seconds.
            HistoryUnreachable: no server answers.
            ExtraMissing: runstream[consumer], which reads, is not installed here.
        """
        return self._reader().metrics(name)

    def get_status(self) -> str:
        """Read the run's status: Running, Completed, Failed, Canceled, NotResponding. Raises as get_metrics() does."""
        self._status = self._reader().row().status
        return self._status

    def get_portal_url(self) -> str:
        """Return the address of the run's page on the dashboard."""
        from runstream.reading import portal_url

        return portal_url(self._config, self._id)

    # The run's life.

    def flush(self, timeout_seconds: float = 300) -> None:
        """
        Wait until the broker has acknowledged everything logged so far; without a broker, until it is on the disk.

        Raises:
            FlushTimeout: it took longer; nothing is lost, the journal keeps it.
        """
        if self._producer is not None:
            self._producer.flush(timeout_seconds)

    def complete(self) -> None:
        """End the run as Completed: everything is in the journal and on the disk when this returns."""
        self._end(status.completed())

    def fail(self, error_details: str | BaseException | None = None, error_code: str | None = None) -> None:
        """
        End the run as Failed.

        Args:
            error_details: a message or an exception, of which type, message and traceback are kept.
            error_code: a word to sort errors by; "UserError" unless given.

        Raises:
            TypeError: *error_details* is neither a string nor an exception.
        """
        self._end(status.failed(error_details, error_code))

    def cancel(self) -> None:
        """End the run as Canceled."""
        self._end(status.canceled())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End the run as Completed, or as Failed with the exception, which goes on its way."""
        if not status.is_clean_exit(error):
            try:
                self.fail(error)
            except JournalUnavailable as trouble:
                # The caller's exception is the one to see; recovery tells of the run's end.
                notices.once(("end", self._id), "run %s could not be ended as Failed: %s", self._id, trouble)
        elif self._status not in status.TERMINAL:
            self.complete()

    # What it is.

    @property
    def id(self) -> str:
        """The run's id."""
        return self._id

    @property
    def experiment(self) -> Experiment:
        """The experiment that the run was opened with."""
        return self._experiment

    @property
    def name(self) -> str:
        """The same as display_name."""
        return self.display_name

    @property
    def display_name(self) -> str:
        """The name for people; the run's id where none was given. Read from the history where another may know it."""
        told = self._reader().row() if self._told is None else self._told
        return told.display_name or self._id

    @property
    def description(self) -> str | None:
        """The run's description; read from the history where another may know it."""
        told = self._reader().row() if self._told is None else self._told
        return told.description

    @property
    def number(self) -> int:
        """The run's place in its experiment by the time of creation, from 1; read from the history."""
        return self._reader().row().number

    @property
    def type(self) -> str | None:
        """What made the run; None for one that was started by start_logging()."""
        told = self._reader().row() if self._told is None else self._told
        return told.run_type

    @property
    def status(self) -> str:
        """The last status that this object set or read; read from the history when it knows none."""
        return self._status or self.get_status()

    def __reduce__(self) -> tuple[object, tuple[Experiment, str]]:
        return Run, (self._experiment, self._id)

    def _facts(self) -> list[tuple[str, str]]:
        """Return what this object knows: a repr that opens a database would surprise every debugger."""
        unread = "not read yet"
        kind = unread if self._told is None else str(self._told.run_type)
        shown = [("Experiment", self._experiment.name), ("Id", self._id), ("Type", kind)]
        return [*shown, ("Status", self._status or unread)]

    def __repr__(self) -> str:
        return f"Run({NEXT_LINE.join(f'{key}: {text}' for key, text in self._facts())})"

    def _repr_html_(self) -> str:
        """Return the run as a table with a link to its page, which notebooks show."""
        import html

        heads = "".join(f"<th>{key}</th>" for key, _ in self._facts())
        cells = "".join(f"<td>{html.escape(text)}</td>" for _, text in self._facts())
        link = f'<a href="{html.escape(self.get_portal_url())}" target="_blank" rel="noopener">Run page</a>'
        return f"<table><tr>{heads}<th>Details Page</th></tr><tr>{cells}<td>{link}</td></tr></table>"

    # Events.

    def _append_change(self, change: Change) -> None:
        """Append an event about the run itself; it is in the journal when this returns."""
        run_id, producer = self._id, self.producer
        producer.append(lambda sequence, at: RunEvent(run_id, producer.producer_id, sequence, at, change))

    def _append_tag(self, key: str, value: str | None, *, removed: bool) -> None:
        run_id, producer = self._id, self.producer
        producer.append(lambda sequence, at: TagEvent(run_id, producer.producer_id, sequence, at, key, value, removed))

    def _end(self, change: StatusChanged) -> None:
        """Append the run's end; then nothing of it waits in memory, and no heartbeat follows."""
        self._append_change(change)
        self._status = change.status
        self.producer.close()

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

    def _reader(self) -> Reader:
        from runstream.reading import Reader

        return Reader(self._config, self._id, self._written)

    def _written(self) -> Written:
        """Bring what this process logged to the run into the journal; return how far it goes."""
        from runstream import process

        return process.written(self._config, self._id)


def _open_producer(settings: config.Config, run_id: str, created: Created) -> Producer:
    """Open the run's producer; what it needs (mapping, threads, journal) is imported at the first use, too."""
    from runstream import process

    return process.open_producer(settings, run_id, created)


def started(experiment: Experiment, run_id: str | None, created: Created, tags_to_set: Mapping[str, str | None]) -> Run:
    """
    Return a run that is Running: what start_logging() does.

    Args:
        experiment: that it belongs to.
        run_id: its id; None = a random one.
        created: what is told about it when it is new.
        tags_to_set: set at once.

    Raises:
        InvalidName: *run_id* cannot be one.
        JournalUnavailable: nothing can be written below RUNSTREAM_HOME.
    """
    checked_tags = tags.checked_tags(tags_to_set)
    run = Run.__new__(Run)
    if run_id is None:
        run._prepare(experiment, str(uuid.uuid4()), created)
        run._told = created
    else:
        run._prepare(experiment, check_run_id(run_id), created)
    run._append_change(StatusChanged(status.RUNNING))
    run._status = status.RUNNING
    run.set_tags(checked_tags)
    return run
