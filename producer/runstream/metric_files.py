"""Pictures and charts among metrics, with their bytes."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from runstream import artifacts

if TYPE_CHECKING:
    from runstream.config import Config
    from runstream.reading import History

FILE_FORMS: Final = ("image", "chart")
"""Forms of metrics whose values are names of files."""


@dataclass(frozen=True, slots=True)
class MetricFile:
    """
    A file that was logged as a metric.

    Attributes:
        name: of the file in its run.
        bytes: what it holds.
        content_type: its media type.
    """

    name: str
    bytes: builtins.bytes = field(repr=False)
    content_type: str


def populated(history: History, config: Config, metrics: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """
    Return metrics with a MetricFile where a value is the name of a file.

    Args:
        history: to read from.
        config: says where large files lie.
        metrics: run id -> metric -> value, as the history gives it.

    Raises:
        ArtifactNotFound: a run does not have such a file.
        OSError: the store does not hold it, or cannot be read.
    """
    files = {(info.run_id, info.name) for info in history.metric_list(list(metrics)) if info.form in FILE_FORMS}

    def read(run_id: str, name: str) -> MetricFile:
        row = history.artifact(run_id, name)
        with artifacts.content_of(row.location, row.content, row.sha256, config) as source:
            return MetricFile(name, artifacts.whole(source), row.content_type)

    def filled(run_id: str, name: str, value: Any) -> Any:
        if (run_id, name) not in files:
            return value
        return [read(run_id, one) for one in value] if isinstance(value, list) else read(run_id, value)

    return {
        run_id: {name: filled(run_id, name, value) for name, value in own.items()} for run_id, own in metrics.items()
    }
