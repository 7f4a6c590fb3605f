"""Places side by side."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def grid(n: int, a_row: int) -> Iterator[DeltaGenerator]:
    """Give n places, `a_row` side by side; on a narrow screen they stack."""
    for start in range(0, n, a_row):
        yield from st.columns(a_row, gap="medium")[: n - start]
