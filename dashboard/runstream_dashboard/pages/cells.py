"""Places side by side, and columns that several tables have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runstream_dashboard import clock, formats, statuses


def grid(n: int, a_row: int) -> Iterator[DeltaGenerator]:
    """Give n places, `a_row` side by side; on a narrow screen they stack."""
    for start in range(0, n, a_row):
        yield from st.columns(a_row, gap="medium")[: n - start]


def number_column(label: str, values: Iterable[object]) -> Any:
    """Return the column of a metric, property or tag: numbers where all of its values are, else texts."""
    known = list(values)
    if any(isinstance(value, str) for value in known):
        return st.column_config.TextColumn(label)
    numbers = [float(value) for value in known if isinstance(value, int | float)]
    return st.column_config.NumberColumn(label, format=formats.column_of(numbers))


def duration_column(label: str) -> Any:
    """Return a column of lengths of time, in their two greatest units."""
    return st.column_config.NumberColumn(label, format="localized")


def age_column(label: str | None = None) -> Any:
    """Return a column of times, told as how long ago they were."""
    return st.column_config.DatetimeColumn(label, format="distance")


def moment_column(label: str | None = None) -> Any:
    """Return a column of times on this viewer's clock."""
    return st.column_config.DatetimeColumn(label, format="D MMM YYYY, HH:mm:ss", timezone=str(clock.zone()))


def size_column(label: str | None = None) -> Any:
    """Return a column of numbers of bytes."""
    return st.column_config.NumberColumn(label, format="bytes")


def sizes_and_ages(size: str, age: str) -> dict[str, Any]:
    """Return the columns of how large something is and how long ago it was made, by their names."""
    return {size: size_column(), age: age_column()}


def status_column(shown: Iterable[str]) -> Any:
    """Return the column of statuses, each a chip in its colour; `shown` are those in the table."""
    names = statuses.offered(shown)
    colours = [statuses.colour(name) for name in names]
    return st.column_config.MultiselectColumn("Status", options=names, color=colours, width=135)
