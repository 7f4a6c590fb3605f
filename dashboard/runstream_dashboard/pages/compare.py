"""Compare: what tells several runs apart."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import MetricInfo, RunRow
from runstream_dashboard import (
    address,
    differences,
    formats,
    grid,
    heading,
    live,
    loading,
    run_names,
    states,
    style,
    tables,
)
from runstream_dashboard.pages import choosing, compare_images, compare_parallel, compare_scatter, compare_text, named

TABS = ("Differences", "Text", "Scatter", "Parallel", "Curves", "Images")
MAX_SIDE_BY_SIDE = 20
_TABLE_PX = 640
# How tall what each tab draws is, from above: its controls, and what they are for.
_TALL = {
    "Differences": (loading.CONTROLS_PX, _TABLE_PX),
    "Text": (compare_text.CONTROLS_PX, loading.TABLE_PX),
    "Scatter": (compare_scatter.CONTROLS_PX, compare_scatter.CHART_PX),
    "Parallel": (compare_parallel.CONTROLS_PX, compare_parallel.CHART_PX),
    "Curves": (loading.TABLE_PX,),
    "Images": (loading.CONTROLS_PX, loading.TABLE_PX),
}
_STATS: dict[differences.Stat, str] = {"last": "Last values", "least": "Least values", "greatest": "Greatest values"}


def _chosen() -> tuple[str, ...]:
    given = address.split(st.query_params.get("runs")) or tuple(st.session_state.get("chosen", ()))
    if given and "runs" not in st.query_params:
        st.query_params["runs"] = address.join(given)
    return given[: address.MAX_RUNS]


def _differences(rows: list[RunRow], metrics: list[MetricInfo]) -> None:
    called = run_names.among(rows)
    only, which, base, find = st.columns([1, 1, 1.4, 1.4], vertical_alignment="center")
    differ = only.toggle("Only differences", value=True, key="differ", bind="query-params")
    stat = which.selectbox(
        "Metrics", list(_STATS), key="stat", format_func=lambda each: _STATS[each], bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    baseline = base.selectbox(
        "Baseline", list(called), key="base", format_func=lambda run_id: f"Baseline: {called[run_id]}",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    text = find.text_input(
        "Find key", key="find", live=True, placeholder="Find key", icon=":material/search:", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    shown = rows[:MAX_SIDE_BY_SIDE]
    lines = differences.pick(differences.compare(shown, metrics, stat), text or "", differ)
    if not lines:
        st.info("Nothing differs." if differ else "No key matches.", icon=":material/check:")
        return
    at = next((place for place, row in enumerate(shown) if row.run_id == baseline), 0)
    dark = style.dark()
    st.dataframe(
        tables.difference_table(lines, shown).style.apply(
            lambda _: tables.difference_style(lines, shown, at, dark), axis=None
        ),
        column_config={row.run_id: st.column_config.TextColumn(called[row.run_id]) for row in shown},
        hide_index=True,
        row_height=loading.ROW_PX,
        height=loading.table_px(len(lines) + 1, _TABLE_PX),
        alt="Differences between the runs",
    )


def _curves(rows: list[RunRow], metrics: list[MetricInfo]) -> None:
    grid.write_address(grid.show("compare", live.watermark(), rows, metrics))


def _images(rows: list[RunRow], metrics: list[MetricInfo]) -> None:
    compare_images.images(rows[:MAX_SIDE_BY_SIDE], metrics)


_DRAW = {
    "Differences": _differences,
    "Text": compare_text.text,
    "Scatter": compare_scatter.scatter,
    "Parallel": compare_parallel.lines,
    "Curves": _curves,
    "Images": _images,
}


def _tab(name: str, run_ids: tuple[str, ...]) -> None:
    facts = live.run_facts(live.slow(live.watermark()), run_ids)
    _DRAW[name](facts.rows, facts.metrics)


def _nothing_chosen() -> None:
    """Tell how runs are compared, and offer the newest ones."""
    heading.show("Compare")
    rows = choosing.newest()
    if not rows:
        states.no_runs()
        return
    st.info("Check two or more runs on the Runs page, then press Compare.", icon=":material/compare_arrows:")
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(f"Compare the newest of {formats.plain(rows[0].experiment)}", icon=":material/compare_arrows:"):
            st.query_params["runs"] = address.join([row.run_id for row in rows])
            st.rerun()
        st.page_link(named("runs"), label="Choose runs", icon=":material/table_rows:")


def _page() -> None:
    run_ids = _chosen()
    if not run_ids:
        _nothing_chosen()
        return
    rows = loading.first("compare", lambda: live.run_rows(live.slow(live.watermark()), run_ids))
    ticking = live.any_live(rows)
    with heading.show(f"Compare {len(rows)} run{'' if len(rows) == 1 else 's'}", ticking):
        choosing.add(run_ids, "Compare them")
        if st.button("Plot", icon=":material/show_chart:"):
            st.switch_page(named("charts"), query_params={"runs": address.join(run_ids)})
    found = tuple(row.run_id for row in rows)
    states.missing(run_ids, len(rows), [run_id for run_id in run_ids if run_id not in found])
    if not rows:
        return
    for name, tab in zip(TABS, st.tabs(TABS, key="tab", on_change="rerun", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                every_s = (live.TICK_S if name == "Curves" else live.SLOW_S) if ticking else None
                states.renewed(_tab, every_s, name, _TALL[name])(name, found)


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
