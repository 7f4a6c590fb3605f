"""SQL: read-only questions to the history's public tables."""

from __future__ import annotations

from typing import Any

import streamlit as st

from runstream_dashboard import exports, figures, formats, heading, live, loading, queries, states, style, tables

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
_SCHEMA_PX = 480
_KINDS = ("line", "scatter", "bar")
_VIEWS = ("Table", "Chart")
_LOOK_S = 0.5
_AT_ONCE_S = 0.7


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
    before: queries.Asked | None = st.session_state.get("asked")
    if before is not None and not before.is_over.is_set():
        before.cancel()
    st.session_state["asked"] = queries.Asked(live.ask(lambda reader: reader.question(text)))


@st.fragment(run_every=_LOOK_S)
def _running(asked: queries.Asked) -> None:
    """Tell how long a statement has been running, with a button that ends it; draw the page when it is over."""
    if asked.is_over.is_set():
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="rs-sql-running"):
        most = f" of at most {asked.seconds:g}" if asked.seconds else ""
        st.caption(f":material/hourglass_top: Running for {asked.running_s:.0f}{most} s")
        st.button("Cancel", icon=":material/stop_circle:", on_click=asked.cancel)
    st.skeleton(_RESULT_PX)


def _result() -> None:
    asked: queries.Asked | None = st.session_state.get("asked")
    if asked is None:
        st.caption("Ctrl+Enter runs. Only reading is possible; nothing runs before you press Run.")
        return
    # Most statements are over at once: nothing flickers for them.
    if not asked.is_over.wait(_AT_ONCE_S):
        _running(asked)
        return
    if asked.result is None:
        with st.container(key="rs-sql-error"):
            first, _, more = asked.problem.partition("\n")
            st.error(formats.plain(first), icon=":material/block:")
            if more:
                # As code: DuckDB marks the wrong letter by its place under the line.
                st.code(more.strip("\n"), language=None)
        return
    result = asked.result
    with st.container(horizontal=True, vertical_alignment="center", key="rs-sql-result"):
        st.caption(queries.told(result))
        st.space("stretch")
        for kind, name in (("csv", "CSV"), ("parquet", "Parquet")):
            st.link_button(name, exports.address(_token(asked, result), kind), icon=":material/download:")
    view = st.segmented_control("View", _VIEWS, default=_VIEWS[0], key="view", bind="query-params", required=True,
                                label_visibility="collapsed")  # fmt: skip
    if view == "Chart":
        _chart(result)
    else:
        height = loading.table_px(len(result.table), _RESULT_PX)
        st.dataframe(result.table, hide_index=True, row_height=loading.ROW_PX, height=height, alt="Result")


def _token(asked: queries.Asked, result: queries.Result) -> str:
    """Return the token of a result's files, offered once."""
    offered = st.session_state.get("sql-token")
    if offered is None or offered[0] is not asked:
        offered = st.session_state["sql-token"] = (asked, exports.shelf().offer(result.answer))
    return str(offered[1])


def _chosen(name: str, options: list[str], first: str) -> dict[str, Any]:
    """Return how a choice of the chart begins: as the address says if the result has that, else with the first."""
    asked = st.query_params.get(name)
    if asked not in options:
        st.query_params.pop(name, None)
    st.session_state.setdefault(name, asked if asked in options else first)
    if st.session_state[name] not in options:
        st.session_state[name] = first
    return {"options": options, "key": name, "on_change": _to_address, "args": (name,)}


def _to_address(name: str) -> None:
    st.query_params[name] = st.session_state[name]


def _chart(result: queries.Result) -> None:
    values = result.columns()
    axes = figures.axes_of(values)
    if axes is None:
        st.caption("No numeric column to draw.")
        return
    left, middle, right = st.columns(3)
    x = left.selectbox("x", **_chosen("x", [figures.ROW, *values], axes[0]))
    y = middle.selectbox("y", **_chosen("y", figures.numeric_columns(values), axes[1]))
    kind = right.selectbox("Kind", **_chosen("kind", list(_KINDS), _KINDS[0]))
    spec = figures.query_chart(values, x, y, kind, style.primary())
    st.echarts_chart(spec, height=_RESULT_PX - 60, key="sql-chart", alt=f"{y} against {x}, {kind}")


def _page() -> None:
    heading.show("SQL")
    left, right = st.columns([1, 2.6], gap="medium")
    with right:
        st.session_state.setdefault("sql", st.query_params.get("q", EXAMPLES["Newest runs"]))
        st.selectbox("Saved queries", list(EXAMPLES), index=None, key="example", placeholder="Examples",
                     on_change=_take_example, label_visibility="collapsed")  # fmt: skip
        text = st.text_area("Statement", key="sql", height=_EDITOR_PX, label_visibility="collapsed")
        if st.button("Run", icon=":material/play_arrow:", type="primary", shortcut="Ctrl+Enter"):
            st.query_params["q"] = text or ""
            _ask(text or "")
        _result()
    # Last, for it may have to be read.
    with left, st.container(gap="xsmall", key="rs-schema"), loading.place("schema", loading.CONTROLS_PX, _SCHEMA_PX):
        _schema()


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
