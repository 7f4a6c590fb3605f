"""The series of one run in this process: their codes, and the tables in which `log()` looks them up."""

from __future__ import annotations

import itertools
import operator
import sys
import unicodedata
from collections.abc import Callable
from mmap import mmap
from typing import TypeAlias

from runstream import notices
from runstream_schemas.errors import InvalidName, InvalidStep, MetricFormClash, TooLarge
from runstream_schemas.events import Series
from runstream_schemas.ids import check_name
from runstream_schemas.points import BOOL, FLOAT, FLOAT_RECORD, INT, INT_RECORD, NO_STEP, NONE, pack_code

MAX_DESCRIPTION_BYTES = 4096

Ring: TypeAlias = mmap | bytearray
Pack: TypeAlias = Callable[[Ring, int, int, int, object, int], None]
Kinds: TypeAlias = dict[type, tuple[Pack, dict[str, int]]]


def _pack_none(ring: Ring, offset: int, step: int, time_ns: int, _value: object, code: int) -> None:
    """Write a record that holds None: its value slot is 0."""
    INT_RECORD.pack_into(ring, offset, step, time_ns, 0, code)


PACKERS: dict[type, tuple[Pack, int]] = {
    float: (FLOAT_RECORD.pack_into, FLOAT),
    int: (INT_RECORD.pack_into, INT),
    bool: (INT_RECORD.pack_into, BOOL),
    type(None): (_pack_none, NONE),
}


def checked_step(name: str, step: object) -> int:
    """
    Return *step* as a plain integer of 64 bits.

    Raises:
        InvalidStep: no integer, beyond 64 bits, or -2**63, which stands for "no step".
    """
    try:
        number = operator.index(step)  # type: ignore[arg-type]
    except TypeError as error:
        raise InvalidStep(name=name, step=step) from error
    if not NO_STEP < number < 2**63:
        raise InvalidStep(name=name, step=step)
    return int(number)


class SeriesTable:
    """
    Every series that this process has logged to a run.

    The codes stay the same when the run's producer is opened anew (after a fork, after close), so nobody who holds one
    has to ask again.

    Attributes:
        kinds: type of value -> (how to write the record, name -> code word), of scalar metrics; what `log()` reads.
        by_code: series number -> series, as metric events tell it.
        n_changes: descriptions that were changed.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._codes: dict[tuple[str, str | None], int] = {}
        self._forms: dict[str, str] = {}
        self._spellings: dict[str, str] = {}
        self._words: dict[int, dict[str, int]] = {kind: {} for _, kind in PACKERS.values()}
        self.by_code: dict[int, Series] = {}
        self.n_changes = 0
        self.kinds: Kinds = {kind: (pack, self._words[number]) for kind, (pack, number) in PACKERS.items()}

    def code(self, name: str, column_name: str | None, form: str, description: str) -> int | None:
        """
        Return the number of a series that is known just so, else None: it has to be registered.

        Raises:
            MetricFormClash: the metric is known in another form.
        """
        other = self._forms.get(name, form) if type(name) is str else form
        if other != form:
            raise MetricFormClash(name=name, form=form, other=other)
        number = self._codes.get((name, column_name)) if type(name) is str else None
        if number is None or (description and self.by_code[number].description != description):
            return None
        return number

    def planned(self, name: str, column_name: str | None, form: str, description: str) -> Series:
        """
        Return the series to register, with a number of its own or, for a new description, the one it has.

        Nothing is published yet: the caller first writes it where recovery finds it.

        Raises:
            InvalidName: of the metric or the column.
            TooLarge: a description of more than 4 KiB of UTF-8.
        """
        check_name("metric", name)
        if column_name is not None:
            check_name("column", column_name)
        check_description(name, description)
        known = self._codes.get((name, column_name))
        if known is None:
            return Series(next(self._numbers), name, column_name, form, description)
        return Series(known, name, column_name, form, description or self.by_code[known].description)

    def publish(self, series: Series) -> None:
        """Let everybody use a registered series; the fast tables come last."""
        if series.code in self.by_code:
            self.n_changes += 1
        else:
            self._look_for_twin(series.name)
        self.by_code[series.code] = series
        self._codes[series.name, series.column_name] = series.code
        self._forms.setdefault(series.name, series.form)
        if series.form == "scalar":
            for kind, words in self._words.items():
                words[series.name] = pack_code(series.code, kind)

    def _look_for_twin(self, name: str) -> None:
        """Tell once of two metrics whose names look alike: nobody means both "Loss" and "loss"."""
        other = self._spellings.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
        if other != name:
            text = "metrics %r and %r differ only in case or in how they are encoded; they are kept as two metrics"
            notices.once(("alike", other, name), text, other, name)

    def describes(self, name: str, description: str) -> bool:
        """Tell whether the scalar metric *name* is known with this description."""
        number = self._codes.get((name, None)) if type(name) is str else None
        return number is not None and self.by_code[number].description == description

    def admit(self, kind: type) -> None:
        """Let a NumPy scalar type take the fast way from now on; NumPy is looked for, never imported."""
        if kind in self.kinds:
            return
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return
        if kind in (numpy.float64, numpy.float32, numpy.float16):
            self.kinds[kind] = self.kinds[float]
        elif issubclass(kind, numpy.integer) and kind.__module__ == "numpy":
            self.kinds[kind] = self.kinds[int]


def check_description(name: str, description: str) -> None:
    """
    Check a metric's description, which travels with every event of the metric.

    Raises:
        InvalidName: it is no valid Unicode.
        TooLarge: more than 4 KiB of UTF-8.
    """
    try:
        size_bytes = len(description.encode())
    except UnicodeEncodeError as error:
        reason = "holds half of a surrogate pair and is no valid Unicode"
        raise InvalidName(what="description", name=description, reason=reason) from error
    if size_bytes > MAX_DESCRIPTION_BYTES:
        raise TooLarge(what=f"the description of {name!r}", size_bytes=size_bytes, limit_bytes=MAX_DESCRIPTION_BYTES)
