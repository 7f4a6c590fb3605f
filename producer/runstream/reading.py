"""The lazy door to the history: reading back what a run has logged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from runstream import artifacts
from runstream.config import Config
from runstream_schemas import paths
from runstream_schemas.errors import ExtraMissing, RunstreamError
from runstream_schemas.home import Home
from runstream_schemas.ids import check_name
from runstream_schemas.topics import Topic

if TYPE_CHECKING:
    from runstream_consumer.history import (
        ArtifactRow,
        ExperimentRow,
        History,
        LogPage,
        ModelFileRow,
        ModelRow,
        RunQuery,
        RunRow,
    )

# The one door to the consumer: other modules take the names of its rows, too, from here.
__all__ = [
    "Reader",
    "Written",
    "dashboard",
    "model_url",
    "opened",
    "portal_url",
    "run_query",
    "ArtifactRow",
    "ExperimentRow",
    "History",
    "LogPage",
    "ModelFileRow",
    "ModelRow",
    "RunQuery",
    "RunRow",
]

Written = Mapping[tuple[str, Topic], int]
"""(producer id, topic) -> the last sequence that this process wrote there."""

DASHBOARD_PORT = 8501  # where `runstream up` puts the dashboard unless the port is taken


class Reader:
    """
    Reads one run out of the history, once everything that this process logged to it is there.

    Args:
        config: says where the history is.
        run_id: of the run.
        written: called before each read: brings what was logged into the journal and says how far it goes.
    """

    __slots__ = ("_config", "_run_id", "_written")

    def __init__(self, config: Config, run_id: str, written: Callable[[], Written]) -> None:
        self._config = config
        self._run_id = run_id
        self._written = written

    def metrics(self, name: str | None = None) -> dict[str, Any]:
        """Return metric -> value, list, or columns, in the order logged; of one metric when *name* is given."""
        if name is not None:
            check_name("metric", name)
        with self.history() as history:
            found = history.metrics(self._run_id, name)
            if not found:
                history.run(self._run_id)  # raises for a run that nobody knows
            return found

    def metrics_of_family(self, name: str | None, run_type: str | None) -> dict[str, dict[str, Any]]:
        """Return run id -> what metrics() gives, of the run and all below it; only of runs of one type if given."""
        from runstream import queries

        if name is not None:
            check_name("metric", name)
        with queries.history(self._config, "reading a run's family") as history:
            own = history.run(self._run_id)
            below = list(history.find_runs(run_query(parent_run_id=self._run_id, recursive=True, archived=None)))
            rows = [row for row in (own, *reversed(below)) if run_type is None or row.run_type == run_type]
            return history.metrics_of_runs([row.run_id for row in rows], name)

    def populated(self, metrics: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return metrics of runs with a MetricFile instead of each file's name."""
        from runstream import metric_files

        with self.history() as history:
            return metric_files.populated(history, self._config, metrics)

    def tags(self) -> dict[str, str | None]:
        """Return the tags as they are now."""
        return dict(self.row().tags)

    def properties(self) -> dict[str, str]:
        """Return the properties."""
        return dict(self.row().properties)

    def row(self) -> RunRow:
        """Return everything that the history says about the run itself."""
        with self.history() as history:
            return history.run(self._run_id)

    def file_names(self) -> list[str]:
        """Return the names of the run's files, sorted."""
        return [row.path for row in self.files()]

    def download(self, name: str, target: Path) -> Path:
        """Write one of the run's files to *target* (into it, when it is a folder) and return where it is."""
        name = paths.checked(name)
        with self.history() as history:
            row = history.artifact(self._run_id, name)
        place = target / name.rpartition("/")[2] if target.is_dir() else target
        self._save(row, place)
        return place

    def download_many(
        self, prefix: str, folder: Path, output_paths: Sequence[Any] | None, append_prefix: bool
    ) -> list[Path]:
        """Write the files whose names start with *prefix* below *folder*; return where they are."""
        rows = [row for row in self.files(contents=True) if row.path.startswith(prefix)]
        inside = [row.path if append_prefix else row.path.removeprefix(prefix) for row in rows]
        if output_paths is not None:
            if len(output_paths) != len(rows):
                message = f"download_files() got {len(output_paths)} output_paths for {len(rows)} files: {inside}"
                raise ValueError(message)
            inside = [str(path) for path in output_paths]
        # What another process uploaded is not trusted to stay below the folder.
        places = [folder / paths.checked(path) for path in inside]
        for row, place in zip(rows, places, strict=True):
            self._save(row, place)
        return places

    def files(self, *, contents: bool = False) -> Sequence[ArtifactRow]:
        """Return the run's files by name, the newest version of each; with their bytes if *contents*."""
        with self.history() as history:
            found = history.artifacts(self._run_id, contents=contents)
            if not found:
                history.run(self._run_id)  # raises for a run that nobody knows
            return sorted(found, key=lambda row: row.path)

    def _save(self, row: ArtifactRow, place: Path) -> None:
        with artifacts.content_of(row.location, row.content, row.sha256, self._config) as source:
            artifacts.save_as(source, place, row.sha256, row.size_bytes)

    @contextmanager
    def history(self) -> Iterator[History]:
        """Open the history once it covers what this process wrote to the run."""
        with opened(self._config, "reading a run back", self._written()) as history:
            yield history

    def known_properties(self) -> dict[str, str]:
        """
        Return the properties that the history has, or none where it cannot be asked.

        Writing must not depend on a reader: of two values for one key the oldest holds in any case.
        """
        try:
            with opened(self._config, "reading properties") as history:
                return dict(history.run(self._run_id).properties)
        except RunstreamError:
            return {}


@contextmanager
def opened(config: Config, what: str, written: Written | None = None) -> Iterator[History]:
    """
    Open the history that *config* names.

    Args:
        config: says where it is.
        what: is done with it, for the error where the packages are missing.
        written: that it must cover first; nothing is waited for without.

    Raises:
        ExtraMissing: the packages that read it are not installed here.
        HistoryUnreachable: no server answers.
        NotYetFolded: it does not cover *written* within RUNSTREAM_READ_WAIT seconds.
    """
    try:
        from runstream_consumer import history
    except ModuleNotFoundError as error:
        raise ExtraMissing(what=what, extra="consumer", module=str(error.name)) from error
    server, token_file = config.settings.server, config.settings.token_file
    with history.connect(home=config.home.root, server=server, token_file=token_file) as connected:
        if written:
            connected.wait_for(dict(written), config.settings.read_wait_s)
        yield connected


def run_query(**fields: Any) -> RunQuery:
    """Return which runs are looked for; *fields* are those of the consumer's RunQuery."""
    from runstream_consumer.history import RunQuery

    return RunQuery(**fields)


def portal_url(config: Config, run_id: str) -> str:
    """Return the address of the run's page: on the dashboard of this home or of RUNSTREAM_SERVER."""
    return f"{_portal(config)}/run?run={quote(run_id)}"


def experiment_url(config: Config, name: str) -> str:
    """Return the address of the list of runs of an experiment on the dashboard."""
    return f"{_portal(config)}/?{urlencode({'exp': name})}"


def model_url(config: Config, workspace: str, name: str, version: int) -> str:
    """Return the address of a model's page on the dashboard."""
    return f"{_portal(config)}/models?{urlencode({'workspace': workspace, 'model': name, 'version': version})}"


def _portal(config: Config) -> str:
    """Return the address of the dashboard."""
    if config.settings.server:
        return f"http://{config.settings.server.rpartition(':')[0]}:{DASHBOARD_PORT}"
    return dashboard(config.home) or f"http://127.0.0.1:{DASHBOARD_PORT}"


def dashboard(home: Home) -> str | None:
    """Return the address that a running dashboard has left in its home; None when there is none, or it is dead."""
    try:
        told = json.loads(home.server_json.read_text(encoding="utf-8"))
        os.kill(int(told["pid"]), 0)
        address = told["dashboard"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address.rstrip("/") if isinstance(address, str) and address else None
