"""Places side by side, and columns that several tables have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runstream_dashboard import statuses


def grid(n: int, a_row: int) -> Iterator[DeltaGenerator]:
    """Give n places, `a_row` side by side; on a narrow screen they stack."""
    for start in range(0, n, a_row):
        yield from st.columns(a_row, gap="medium")[: n - start]


def status_column(shown: Iterable[str]) -> Any:
    """Return the column of statuses, each a chip in its colour; `shown` are those in the table."""
    names = statuses.offered(shown)
    colours = [statuses.colour(name) for name in names]
    return st.column_config.MultiselectColumn("Status", options=names, color=colours, width=135)
