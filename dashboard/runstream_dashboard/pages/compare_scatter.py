"""The compare page's Scatter: two numbers of every run against each other, the compared runs in colour."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import MetricInfo, RunRow
from runstream_dashboard import address, colouring, differences, figures, formats, live, style
from runstream_dashboard.figures import Spec

# Grey dots behind the compared runs: enough to see the shape of a sweep.
MAX_OTHERS = 200
CHART_PX = 440
# Choices with a label above each.
CONTROLS_PX = 66
_OWN = "of the run"


def scatter(rows: list[RunRow], metrics: list[MetricInfo]) -> None:
    """Draw the runs of the first one's experiment as dots; a click on a grey one compares that run too."""
    every = with_others(rows, metrics)
    numbers = differences.numbers_of(every, metrics)
    keys = list(dict.fromkeys(key for row in rows for key in numbers[row.run_id]))
    if len(keys) < 2:
        st.caption("These runs share no two numbers to draw against each other.")
        return
    values = colouring.values_of(every, numbers)
    x, y, logs, colour = _axes(keys, differences.first_axes(differences.varied(keys, numbers)), list(values))
    compared = [row.run_id for row in rows]
    points = differences.points(every, numbers, x, y, compared, style.dark())
    spec = figures.scatter(points, x, y, log_x="x" in logs, log_y="y" in logs)
    if colour and spec["series"]:
        spec = colouring.dyed(spec, colouring.colouring(colour, values[colour]), compared, style.dark())
    for series in spec["series"]:
        series["selectedMode"] = "single"
    # Its selection is places in its series: other runs, axes or colours make it another chart.
    key = f"scatter-{len(rows)}-{len(points)}-{x}-{y}-{logs}-{colour}"
    event = st.echarts_chart(spec, height=CHART_PX, key=key, on_select="rerun", alt=f"{y} against {x}, a dot a run")
    st.caption(
        f"{len(points)} runs of {formats.plain(rows[0].experiment)} have both; the compared ones "
        f"{'are large' if colour else 'in colour'}. Click a {'small' if colour else 'grey'} dot to add it."
    )
    picked = _clicked(spec, event.selection.selected, compared)
    if picked:
        st.query_params["runs"] = address.join([*address.split(st.query_params.get("runs")), picked])
        st.rerun()


def with_others(rows: list[RunRow], metrics: list[MetricInfo]) -> list[RunRow]:
    """Return the compared runs, then the newest others of the first one's experiment, each with these metrics."""
    when = live.slow(live.watermark())
    experiment, workspace = rows[0].experiment, rows[0].workspace
    names = tuple(dict.fromkeys(m.name for m in metrics if m.column_name is None and m.form == "scalar"))
    others = live.run_page(when, experiment=experiment, workspace=workspace, page_size=MAX_OTHERS, metrics=names).rows
    compared = {row.run_id for row in rows}
    return [*rows, *(row for row in others if row.run_id not in compared)]


def _axes(keys: list[str], first: tuple[str, str], colours: list[str]) -> tuple[str, str, list[str], str]:
    left, right, third, log = st.columns([2, 2, 2, 1.1])
    x = left.selectbox("x", keys, index=keys.index(first[0]), key="sx", bind="query-params")
    y = right.selectbox("y", keys, index=keys.index(first[1]), key="sy", bind="query-params")
    # At first each compared run has its own colour, as everywhere.
    colour = third.selectbox("Colour", [_OWN, *colours], key="scolour", bind="query-params")
    logs = log.pills("Log axes", ["x", "y"], selection_mode="multi", key="slog", bind="query-params")
    return x, y, logs, "" if colour == _OWN else colour


def _clicked(spec: Spec, selected: list[dict[str, object]], known: list[str]) -> str | None:
    """Return the run of the dot that was clicked, unless it is compared already."""
    for series in selected:
        data = spec["series"][series["series_index"]]["data"]
        for place in series["data_indices"]:  # type: ignore[attr-defined]
            if data[place]["id"] not in known:
                return str(data[place]["id"])
    return None
