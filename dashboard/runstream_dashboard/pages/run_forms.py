"""The run page's Tables: each list, row or table metric as a chart above its values."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import MetricInfo, RunRow
from runstream_dashboard import address, figures, formats, live, loading, style, tables
from runstream_dashboard.pages import cells, run_diagnoses

_FORMS = ("list", "row", "table", "chart")
_CHART_PX = 250
# Eight rows, and so much of the next one that there is more to see.
_TABLE_PX = 320


def tables_tab(row: RunRow, metrics: list[MetricInfo]) -> None:
    """Draw the metrics of this run that are lists, rows, tables or diagnostic charts."""
    forms = {metric.name: metric for metric in metrics if metric.form in _FORMS}
    names = tuple(name for name, metric in forms.items() if metric.form != "chart")
    when = live.slow(live.watermark())
    values = live.detail(
        "forms", when, row.run_id, lambda reader: reader.columns_of(row.run_id, names), "\0".join(names)
    )
    if not forms:
        st.caption(
            "No rows, tables, lists or charts: `run.log_row`, `run.log_table`, `run.log_list`, "
            "`run.log_confusion_matrix` and their likes fill this page."
        )
    for place, (name, metric) in zip(cells.grid(len(forms), 2), forms.items(), strict=True):
        with place.container(border=True, key=f"rs-form-{name}"):
            if metric.form == "chart":
                run_diagnoses.chart(row, name, metric.description)
            else:
                _form(row, name, metric.form, values.get(name, {}))


def _form(row: RunRow, name: str, form: str, values: dict[str, list[object]]) -> None:
    st.subheader(formats.plain(name), anchor=False)
    axes = figures.axes_of(values)
    colour = tables.css_of(row, style.dark())
    if axes is not None and form == "list":
        spec = figures.list_line(name, values[axes[1]], colour)
        st.echarts_chart(spec, height=_CHART_PX, key=f"form-{name}", alt=f"{name}: values in the order logged")
    elif axes is not None:
        x, y = _axes(name, values, axes)
        spec = figures.table_line(values, x, y, colour)
        st.echarts_chart(spec, height=_CHART_PX, key=f"form-{name}", alt=f"{name}: {y} against {x}")
    table = tables.columns_table(values)
    height = loading.table_px(len(table), _TABLE_PX)
    st.dataframe(table, hide_index=False, row_height=loading.ROW_PX, height=height, alt=f"Values of {name}")


def _axes(name: str, values: dict[str, list[object]], axes: tuple[str, str]) -> tuple[str, str]:
    numeric = figures.numeric_columns(values)
    if len(numeric) <= 2:
        return axes
    asked = address.items_of(st.query_params.get("axes")).get(name, ())
    first = asked if len(asked) == 2 and asked[0] in [figures.ROW, *numeric] and asked[1] in numeric else axes
    x_key, y_key = f"x-{name}", f"y-{name}"
    st.session_state.setdefault(x_key, first[0])
    st.session_state.setdefault(y_key, first[1])

    def changed() -> None:
        chosen = address.items_of(st.query_params.get("axes"))
        chosen[name] = (st.session_state[x_key], st.session_state[y_key])
        st.query_params["axes"] = address.items_text(chosen)

    left, right = st.columns(2)
    x = left.selectbox("x", [figures.ROW, *numeric], key=x_key, on_change=changed)
    y = right.selectbox("y", numeric, key=y_key, on_change=changed)
    return x, y
