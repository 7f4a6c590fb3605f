"""A run's metrics: lists, rows, tables and pictures, and reading them back; log() itself is in logger.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runstream import rows
from runstream.files import Files
from runstream_schemas.errors import WrongArguments
from runstream_schemas.points import NO_STEP


class Metrics(Files):
    """The part of a run that logs values."""

    __slots__ = ()

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
            WrongArguments: both or neither of *path* and *plot* were given.
            InvalidValue: it is no picture; the type is told by the content, not by the name.
            InvalidName, MetricFormClash: as log() does.
        """
        from runstream import images

        picture = images.picture(name, path, plot, self._known.uploads)
        self._log_file(name, "image", picture.path, picture.content, description)

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: str | None = None, populate: bool = False
    ) -> dict[str, Any]:
        """
        Read the run's metrics, in the order in which they were logged, once all that this process logged is there.

        Args:
            name: one metric alone; {} when the run does not have it.
            recursive: those of the runs below it, too.
            run_type: with *recursive*, only of runs of this type.
            populate: a MetricFile, which has the bytes, for each picture and chart, instead of its name.

        Returns:
            name -> value for what was logged once, a list when more often; {column: the same} for rows and tables;
            the file's name for pictures and charts. With *recursive*: run id -> that, for runs that have any.

        Raises:
            RunNotFound: no run of this id was ever logged.
            NotYetFolded: the history did not catch up within RUNSTREAM_READ_WAIT seconds.
            HistoryUnreachable: no server answers.
            ExtraMissing: runstream[consumer], which reads, is not installed here.
            WrongArguments: *run_type* without *recursive*.
        """
        reader = self._reader()
        if not recursive:
            if run_type is not None:
                raise WrongArguments(
                    "get_metrics(run_type=...)", "chooses among the runs below: say recursive=True, too"
                )
            found = reader.metrics(name)
            return reader.populated({self._id: found})[self._id] if populate and found else found
        family = reader.metrics_of_family(name, run_type)
        return reader.populated(family) if populate else family

    def _log_file(self, name: str, form: str, path: str, content: bytes, description: str) -> None:
        """Keep a file as a value of a metric: what is read back is its name."""
        from io import BytesIO

        code = self.producer.register(name, None, form, rows.checked_description(description))
        upload = self._upload(path, BytesIO(content), metric_name=name)
        self.producer.put(code, upload.path, NO_STEP)
