"""Runs below a run: begun one by one, or many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runstream_schemas.errors import WrongArguments
from runstream_schemas.events import Created
from runstream_schemas.ids import MAX_NAME_BYTES, check_name

if TYPE_CHECKING:
    from runstream.experiment import Experiment
    from runstream.run import Run

MAX_CHILDREN: Final = 100
"""Of one call."""

_CALL: Final = "create_children()"

NUMBER_TAG: Final = "azureml.batch_child_number"


def begin(
    experiment: Experiment,
    parent: tuple[str, str],
    name: str | None,
    run_id: str | None = None,
    outputs: Path | None = None,
    tags: Mapping[str, str | None] | None = None,
    *,
    captures: bool = True,
) -> Run:
    """
    Start a run below another one.

    Args:
        experiment: of both.
        parent: its id, and its name for people, which the child's begins with.
        name: of the child among its siblings; None: it is shown under its id.
        run_id: of the child; None = a random one.
        outputs: the folder whose files become the child's; None = none.
        tags: set at once.
        captures: whether what is printed meanwhile is the child's, too.
    """
    from runstream.run import started

    parent_run_id, shown = parent
    created = Created(
        workspace=experiment.workspace.name,
        experiment=experiment.name,
        display_name=None if name is None else _below(shown, check_name("display name", name)),
        parent_run_id=parent_run_id,
    )
    return started(experiment, run_id, created, tags or {}, outputs, captures=captures)


def begin_many(
    experiment: Experiment,
    parent: tuple[str, str],
    count: int | None,
    tag_key: str | None,
    tag_values: Sequence[str | None] | None,
) -> list[Run]:
    """
    Start runs below another one, numbered from 0 in a tag.

    Args:
        experiment, parent: as for `begin`.
        count: how many; None: one for each of *tag_values*.
        tag_key, tag_values: a tag of all of them, and its value for each.

    Raises:
        WrongArguments: the arguments do not say how many, or contradict each other; nothing is started then.
    """
    labels = _labels(count, tag_key, tag_values)
    return [
        begin(experiment, parent, str(number), tags={**own, NUMBER_TAG: str(number)}, captures=False)
        for number, own in enumerate(labels)
    ]


def _labels(
    count: int | None, tag_key: str | None, tag_values: Sequence[str | None] | None
) -> list[dict[str, str | None]]:
    """Return the tags of each child."""
    if (tag_key is None) != (tag_values is None):
        raise WrongArguments(
            _CALL, "takes tag_key and tag_values together: a tag, and a list with its value for each child"
        )
    if isinstance(tag_values, str):
        raise WrongArguments(
            _CALL, f"got one string as tag_values, {tag_values!r}; give a list with a value for each child"
        )
    values = None if tag_values is None else list(tag_values)
    n = len(values) if count is None and values is not None else count
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_CHILDREN:
        raise WrongArguments(_CALL, f"starts 1 to {MAX_CHILDREN} runs, not {n}; call it more than once for more")
    if values is None or tag_key is None:
        return [{} for _ in range(n)]
    if len(values) != n:
        raise WrongArguments(_CALL, f"got count={n} and {len(values)} tag_values; leave count away")
    return [{tag_key: value} for value in values]


def _below(parent: str, name: str) -> str:
    """Return `parent>name`, or *name* alone where that is longer than a name may be."""
    chained = f"{parent}>{name}"
    return chained if len(chained.encode()) <= MAX_NAME_BYTES else name
