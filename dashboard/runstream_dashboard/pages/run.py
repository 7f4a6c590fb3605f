"""Run: everything of one run."""

from __future__ import annotations

from typing import Any

import streamlit as st

from runstream_consumer.history import MetricInfo, RunRow
from runstream_dashboard import formats, grid, heading, live, loading, run_names, states, style, tables
from runstream_dashboard.pages import cells, named, run_family, run_files, run_forms, run_head, run_logs, run_models

N_KEY_CHARTS = 4
HEAD_S = 2.0
LOGS_S = 2.0
_TABLE_PX = 400
# A text of the length that tables.metric_table leaves it.
_LAST_PX = 112
# How tall what each tab draws is, from above.
_TALL = {"Overview": (212, loading.TABLE_PX), "Logs": (loading.CONTROLS_PX, run_logs.HEIGHT_PX)}
TABS = ("Overview", "Charts", "Tables", "Images", "Files", "Logs", "History")


def _overview(row: RunRow, metrics: list[MetricInfo]) -> None:
    keys = {metric.name for metric in tables.key_metrics(metrics)[:N_KEY_CHARTS]}
    if keys:
        _grid("overview", row, [metric for metric in metrics if metric.name in keys], bare=True)
    run_family.children(row)
    run_models.made(row)
    left, right = st.columns([1.25, 1], gap="medium")
    with left:
        st.subheader("Metrics", anchor=False)
        if metrics:
            curves = live.curves(live.slow(live.watermark(), turn=2), row.run_id, metrics)
            shown: dict[str, Any] = dict.fromkeys(("Min", "Max"), st.column_config.TextColumn(alignment="right"))
            shown["Last"] = st.column_config.TextColumn(alignment="right", width=_LAST_PX)
            shown |= dict.fromkeys(
                ("Points", "Min at step", "Max at step"), st.column_config.NumberColumn(format="localized")
            )
            shown["Curve"] = st.column_config.LineChartColumn(width=110, color=tables.css_of(row, style.dark()))
            table = tables.metric_table(metrics, curves)
            st.dataframe(
                table, hide_index=True, column_config=shown, alt="Metrics of this run", placeholder="–",
                row_height=loading.ROW_PX, height=loading.table_px(len(table), _TABLE_PX),
            )  # fmt: skip
        else:
            st.caption("Nothing logged yet.")
    with right:
        st.subheader("Tags and properties", anchor=False)
        with st.container(horizontal=True, gap="small"):
            for text in tables.tag_texts(row.tags):
                st.badge(formats.badge(text), color="violet")
        own, origin = tables.apart(row.properties)
        if own:
            st.dataframe(tables.pairs(own, "Property"), hide_index=True, alt="Properties")
        elif not row.tags:
            st.caption("None: `run.tag` and `run.add_properties` tell what was tried.")
        if origin:
            st.subheader("Code and machine", anchor=False)
            st.dataframe(tables.pairs(origin, "Property"), hide_index=True, alt="Where the run came from")


def _grid(key: str, row: RunRow, metrics: list[MetricInfo], bare: bool = False) -> None:
    grid.write_address(grid.show(key, live.watermark(), [row], metrics, rail=False, bare=bare))


def _charts(row: RunRow, metrics: list[MetricInfo]) -> None:
    _grid("run-charts", row, metrics)


def _history(row: RunRow, _metrics: list[MetricInfo]) -> None:
    when = live.slow(live.watermark())
    events = live.detail("events", when, row.run_id, lambda reader: reader.events(row.run_id))
    widths = {"What": 120, "Detail": 620, "Process": 290}
    st.dataframe(
        tables.event_table(events),
        hide_index=True,
        column_config={"When": cells.moment_column()}
        | {name: st.column_config.Column(width=width) for name, width in widths.items()},
        row_height=loading.ROW_PX,
        height=loading.table_px(len(events), loading.TABLE_PX),
        alt="What changed this run, newest first",
    )


_DRAW = {
    "Overview": _overview,
    "Charts": _charts,
    "Tables": run_forms.tables_tab,
    "Images": run_files.images_tab,
    "Files": run_files.files_tab,
    "Logs": run_logs.logs_tab,
    "History": _history,
}


def _tab(name: str, run_id: str, ticking: bool) -> None:
    facts = live.run_facts(live.slow(live.watermark()), (run_id,))
    _DRAW[name](facts.rows[0], facts.metrics)
    if ticking and not live.any_live(facts.rows):
        st.rerun()


def _page() -> None:
    run_id = st.query_params.get("run", "")
    rows = loading.first("run", lambda: live.run_rows(live.slow(live.watermark()), (run_id,)))
    if not rows:
        heading.show("Run not found" if run_id else "No run chosen")
        if run_id:
            st.warning(f"This history has no run {formats.plain(run_id)}.", icon=":material/search_off:")
        else:
            st.info("A click on a run's name in the list of runs opens it here.", icon=":material/table_rows:")
        st.page_link(named("runs"), label="All runs", icon=":material/arrow_back:")
        return
    heading.name_tab(run_names.of(rows[0]))
    ticking = live.any_live(rows)
    states.renewed(run_head.draw, HEAD_S if ticking else None)(run_id)
    for name, tab in zip(TABS, st.tabs(TABS, key="tab", on_change="rerun", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                every_s = LOGS_S if name == "Logs" else live.TICK_S
                tall = _TALL.get(name, (loading.TABLE_PX,))
                part = states.renewed(_tab, every_s if ticking else None, name, tall)
                part(name, run_id, ticking)


def page() -> None:
    """Draw the page."""
    states.guarded(_page, of=st.query_params.get("run", ""))
