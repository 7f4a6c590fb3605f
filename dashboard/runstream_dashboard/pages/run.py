"""Run: everything of one run."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from runstream_consumer.history import MetricInfo, RunRow
from runstream_dashboard import address, badge, grid, live, palette, states, style, tables
from runstream_dashboard.pages import named, run_files, run_forms

N_KEY_CHARTS = 4
Colour = Literal["blue", "green", "red", "gray", "orange"]
_OTHER: Colour = "gray"
STATUS_COLOURS: dict[str, Colour] = {
    "Running": "blue",
    "Completed": "green",
    "Failed": "red",
    "Canceled": "gray",
    "NotResponding": "orange",
}
TABS = ("Overview", "Charts", "Tables", "Images", "Files", "History")


def _head(row: RunRow) -> None:
    with st.container(key="rs-heading", horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            st.image(palette.dot(tables.colour_of(row), style.dark(), radius=7), width=18)
            st.title(row.display_name or row.run_id, anchor=False, width="content")
        st.badge(row.status, color=STATUS_COLOURS.get(row.status, _OTHER))
        badge.show(live.any_live([row]))
        st.space("stretch")
        others = [run_id for run_id in st.session_state.get("chosen", ()) if run_id != row.run_id]
        query = {"runs": address.join([row.run_id, *others])}
        if st.button("Plot with others", icon=":material/add_chart:"):
            st.switch_page(named("charts"), query_params=query)
        if st.button("Compare", icon=":material/compare_arrows:"):
            st.switch_page(named("compare"), query_params=query)
    st.caption(tables.summary(row), help=f"Run id: {row.run_id}")


def _warnings(row: RunRow) -> None:
    if row.status == "Failed" and (row.error_type or row.error_message):
        st.error(f"**{row.error_type or 'Failed'}** {row.error_message or ''}", icon=":material/error:")
        if row.error_traceback:
            with st.expander("Traceback"):
                st.code(row.error_traceback, language="python")
    lost = tables.losses(row)
    if lost:
        st.warning(lost, icon=":material/report:")


def _overview(row: RunRow, metrics: list[MetricInfo]) -> None:
    keys = {metric.name for metric in tables.key_metrics(metrics)[:N_KEY_CHARTS]}
    if keys:
        _grid("overview", row, [metric for metric in metrics if metric.name in keys], bare=True)
    left, right = st.columns([1.25, 1], gap="medium")
    with left:
        st.subheader("Metrics", anchor=False)
        if metrics:
            counts = dict.fromkeys(
                ("Points", "Min at step", "Max at step"), st.column_config.NumberColumn(format="localized")
            )
            st.dataframe(tables.metric_table(metrics), hide_index=True, column_config=counts, alt="Metrics of this run")
        else:
            st.caption("Nothing logged yet.")
    with right:
        st.subheader("Tags and properties", anchor=False)
        with st.container(horizontal=True, gap="small"):
            for text in tables.tag_texts(row.tags):
                st.badge(text, color="violet")
        if row.properties:
            st.dataframe(tables.pairs(row.properties, "Property"), hide_index=True, alt="Properties")
        elif not row.tags:
            st.caption("None.")


def _grid(key: str, row: RunRow, metrics: list[MetricInfo], bare: bool = False) -> None:
    grid.write_address(grid.show(key, live.watermark(), [row], metrics, rail=False, bare=bare))


def _charts(row: RunRow, metrics: list[MetricInfo]) -> None:
    _grid("run-charts", row, metrics)


def _history(row: RunRow, _metrics: list[MetricInfo]) -> None:
    when = live.slow(live.watermark())
    events = live.detail("events", when, row.run_id, lambda reader: reader.events(row.run_id))
    st.dataframe(tables.event_table(events), hide_index=True, alt="What changed this run, newest first")


_DRAW = {
    "Overview": _overview,
    "Charts": _charts,
    "Tables": run_forms.tables_tab,
    "Images": run_files.images_tab,
    "Files": run_files.files_tab,
    "History": _history,
}


def _tab(name: str, run_id: str, ticking: bool) -> None:
    when = live.slow(live.watermark())
    rows = live.run_rows(when, (run_id,))
    _DRAW[name](rows[0], live.metric_list(when, (run_id,)))
    if ticking and not live.any_live(rows):
        st.rerun()


def _page() -> None:
    run_id = st.query_params.get("run", "")
    rows = live.run_rows(live.slow(live.watermark()), (run_id,))
    if not rows:
        st.title("Run not found", anchor=False)
        st.warning(f"This history has no run `{run_id}`.", icon=":material/search_off:")
        st.page_link(named("runs"), label="All runs", icon=":material/arrow_back:")
        return
    row = rows[0]
    _head(row)
    _warnings(row)
    ticking = live.any_live(rows)
    for name, tab in zip(TABS, st.tabs(TABS, key="tab", on_change="rerun", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                states.renewed(_tab, live.TICK_S if ticking else None)(name, run_id, ticking)


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
