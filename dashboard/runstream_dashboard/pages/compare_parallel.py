"""The compare page's Parallel: settings and results of every run as a line through upright axes."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import MetricInfo, RunRow
from runstream_dashboard import colouring, differences, formats, parallel, run_names, style, tables
from runstream_dashboard.pages.compare_scatter import with_others

CHART_PX = 460
# Choices with a label above each.
CONTROLS_PX = 66


def lines(rows: list[RunRow], metrics: list[MetricInfo]) -> None:
    """Draw the runs of the first one's experiment as lines, the compared ones wide."""
    every = with_others(rows, metrics)
    values = colouring.values_of(every, differences.numbers_of(every, metrics))
    keys = parallel.offered(values)
    if len(keys) < 2:
        st.caption("These runs differ in less than two settings and results.")
        return
    axis_names, by_result = _choices(keys)
    if len(axis_names) < 2:
        st.caption("Two axes are the least.")
        return
    axes = [parallel.axis(name, values[name]) for name in axis_names]
    found = set(parallel.drawn((row.run_id for row in every), axes))
    drawn = [row for row in every if row.run_id in found]
    chosen = {row.run_id: tables.css_of(row, style.dark()) for row in rows if row.run_id in found}
    spec = parallel.spec(run_names.among(drawn), axes, chosen, by_result, style.dark())
    key = f"parallel-{hash((tuple(axis_names), len(drawn), len(chosen), by_result))}"
    st.echarts_chart(spec, height=CHART_PX, key=key, alt=f"{len(drawn)} runs over {', '.join(axis_names)}")
    st.caption(
        f"{len(drawn)} runs of {formats.plain(rows[0].experiment)} have all of these; the compared ones are wide. "
        "Drag along an axis to keep the runs that pass there; a click on the axis lets go."
    )


def _choices(keys: list[str]) -> tuple[list[str], bool]:
    left, right = st.columns([5, 1.2], vertical_alignment="bottom")
    names = left.multiselect(
        "Axes, from left to right", keys, default=parallel.first(keys), key="paxes", bind="query-params"
    )
    return names, right.toggle("Colour by the last", key="plast", bind="query-params")
