"""A batch that the database refuses, taken apart until only the events at fault are left.

An error before COMMIT that comes again with the same batch would come for ever, and stop every other run with it: no
restart helps. So the batch is halved until single events fail; these become dead letters, all others are folded.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import duckdb
import pyarrow as pa

UNSTORABLE: tuple[type[Exception], ...] = (
    duckdb.DataError,
    duckdb.IntegrityError,
    duckdb.InvalidInputException,
    pa.ArrowException,
)
"""Errors about what is written. All others are about the file, the disk, the memory or the program, and are raised."""

Item = TypeVar("Item")


def commit_parts(
    items: Sequence[Item],
    commit: Callable[[Sequence[Item]], None],
    set_aside: Callable[[Item, Exception], None],
) -> None:
    """Commit ``items``, in order, in as few parts as it takes; those that fail alone are set aside.

    Args:
        items: in the order of their partitions; what a part has committed stays committed.
        commit: writes some of them in one transaction, or raises and has written nothing.
        set_aside: commits one of them as a dead letter, with the error that it met.

    Raises:
        Exception: what ``commit`` raises besides UNSTORABLE, and all that ``set_aside`` raises.
    """
    try:
        commit(items)
    except UNSTORABLE as error:
        if len(items) == 1:
            set_aside(items[0], error)
            return
        half = len(items) // 2
        commit_parts(items[:half], commit, set_aside)
        commit_parts(items[half:], commit, set_aside)
