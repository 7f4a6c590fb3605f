"""SQL: read-only questions to the history's public tables."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import streamlit as st

from runstream_dashboard import figures, heading, live, queries, states, style, tables

EXAMPLES = {
    "Newest runs": "SELECT run_id, experiment, display_name, status, started_at, duration_s\nFROM run\n"
    "ORDER BY created_at DESC\nLIMIT 20",
    "Best last value of every metric": "SELECT name, min(last_value) AS least, max(last_value) AS greatest, "
    "count(*) AS n_runs\nFROM series\nWHERE column_name IS NULL AND n_numeric > 0\nGROUP BY name\nORDER BY name",
    "One metric, point by point": "SELECT run_id, step, value, logged_at\nFROM metric\nWHERE name = 'loss'\n"
    "ORDER BY run_id, step\nLIMIT 1000",
    "What could not be read": "SELECT received_at, topic, run_id, error_type, error_message\nFROM dead_letter\n"
    "ORDER BY received_at DESC",
}
_EDITOR_PX = 190
_RESULT_PX = 420
_ROW_PX = 35
_KINDS = ("line", "scatter", "bar")


def _schema() -> None:
    find = st.text_input("Find", placeholder="Find table or column", icon=":material/search:", live=True,
                         label_visibility="collapsed", key="find-table")  # fmt: skip
    for table in live.table_docs():
        shown = queries.columns_like(table, find or "")
        if not shown:
            continue
        with st.expander(table.name, expanded=bool(find)):
            st.caption(table.comment)
            st.dataframe(tables.column_docs(shown), hide_index=True, alt=f"Columns of {table.name}")


def _take_example() -> None:
    chosen = st.session_state.get("example")
    if chosen:
        st.session_state["sql"] = EXAMPLES[chosen]


def _ask(text: str) -> None:
    started = time.perf_counter()
    try:
        result = live.ask(lambda reader: queries.run(reader, text))
    except queries.RefusedError as refused:
        st.session_state["sql-result"] = refused
        return
    st.session_state["sql-result"] = (result, time.perf_counter() - started)


def _result() -> None:
    kept: Any = st.session_state.get("sql-result")
    if kept is None:
        st.caption("Ctrl+Enter runs. Only reading is possible; nothing runs before you press Run.")
        return
    if isinstance(kept, queries.RefusedError):
        with st.container(key="rs-sql-error"):
            st.error(str(kept), icon=":material/block:")
        return
    result, seconds = kept
    with st.container(horizontal=True, vertical_alignment="center", key="rs-sql-result"):
        st.caption(queries.told(result, seconds))
        st.space("stretch")
        for name, mime, make in queries.EXPORTS:
            st.download_button(name, partial(make, result), f"result.{name.lower()}", mime)
    table, chart = st.tabs(["Table", "Chart"])
    table.dataframe(
        result.table, hide_index=True, height=min(_RESULT_PX, _ROW_PX * (len(result.table) + 1) + 3), alt="Result"
    )
    with chart:
        _chart(result)


def _chart(result: queries.Result) -> None:
    values = result.columns()
    axes = figures.axes_of(values)
    if axes is None:
        st.caption("No numeric column to draw.")
        return
    numeric = figures.numeric_columns(values)
    left, middle, right = st.columns(3)
    x = left.selectbox("x", [figures.ROW, *values], index=[figures.ROW, *values].index(axes[0]), key="sql-x")
    y = middle.selectbox("y", numeric, index=numeric.index(axes[1]), key="sql-y")
    kind = right.selectbox("Kind", _KINDS, key="sql-kind")
    spec = figures.query_chart(values, x, y, kind, style.primary())
    st.echarts_chart(spec, height=_RESULT_PX - 60, key="sql-chart", alt=f"{y} against {x}")


def _page() -> None:
    heading.show("SQL")
    left, right = st.columns([1, 2.6], gap="medium")
    with left:
        _schema()
    with right:
        st.session_state.setdefault("sql", st.query_params.get("q", EXAMPLES["Newest runs"]))
        st.selectbox("Saved queries", list(EXAMPLES), index=None, key="example", placeholder="Examples",
                     on_change=_take_example, label_visibility="collapsed")  # fmt: skip
        text = st.text_area("Statement", key="sql", height=_EDITOR_PX, label_visibility="collapsed")
        if st.button("Run", icon=":material/play_arrow:", type="primary", shortcut="Ctrl+Enter"):
            st.query_params["q"] = text or ""
            _ask(text or "")
        _result()


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
