"""Compare: what tells several runs apart."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import MetricInfo, RunRow
from runstream_dashboard import address, differences, figures, grid, heading, live, states, style, tables
from runstream_dashboard.pages import named

TABS = ("Differences", "Scatter", "Curves")
MAX_SIDE_BY_SIDE = 20
# Grey dots behind the compared runs: enough to see the shape of a sweep.
MAX_OTHERS = 200
_SCATTER_PX = 440
_ROW_PX = 34


def _chosen() -> tuple[str, ...]:
    given = address.split(st.query_params.get("runs")) or tuple(st.session_state.get("chosen", ()))
    if given and "runs" not in st.query_params:
        st.query_params["runs"] = address.join(given)
    return given[: address.MAX_RUNS]


def _differences(rows: list[RunRow], metrics: list[MetricInfo]) -> None:
    names = {row.run_id: row.display_name or row.run_id for row in rows}
    only, base, find = st.columns([1.1, 1.4, 1.4], vertical_alignment="center")
    differ = only.toggle("Only differences", value=True, key="differ", bind="query-params")
    baseline = base.selectbox(
        "Baseline", list(names), key="base", format_func=lambda run_id: f"Baseline: {names[run_id]}",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    text = find.text_input(
        "Find key", key="find", live=True, placeholder="Find key", icon=":material/search:", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    shown = rows[:MAX_SIDE_BY_SIDE]
    lines = differences.pick(differences.compare(shown, metrics), text or "", differ)
    if not lines:
        st.info("Nothing differs." if differ else "No key matches.", icon=":material/check:")
        return
    at = next((place for place, row in enumerate(shown) if row.run_id == baseline), 0)
    dark = style.dark()
    st.dataframe(
        tables.difference_table(lines, shown).style.apply(
            lambda _: tables.difference_style(lines, shown, at, dark), axis=None
        ),
        column_config={row.run_id: st.column_config.TextColumn(tables.head(row)) for row in shown},
        hide_index=True,
        row_height=_ROW_PX,
        height=min(640, _ROW_PX * (len(lines) + 2) + 3),
        alt="Differences between the runs",
    )


def _scatter(rows: list[RunRow], _metrics: list[MetricInfo]) -> None:
    when = live.slow(live.watermark())
    experiment = rows[0].experiment
    others = live.run_page(when, experiment=experiment, page_size=MAX_OTHERS).rows
    every = [*rows, *(row for row in others if row.run_id not in {each.run_id for each in rows})]
    known = live.metric_list(when, tuple(row.run_id for row in every))
    numbers = differences.numbers_of(every, known)
    keys = list(dict.fromkeys(key for row in rows for key in numbers[row.run_id]))
    if len(keys) < 2:
        st.caption("These runs share no two numbers to draw against each other.")
        return
    first = differences.first_axes(keys)
    left, right, log = st.columns([2, 2, 1.2], vertical_alignment="bottom")
    x = left.selectbox("x", keys, index=keys.index(first[0]), key="sx", bind="query-params")
    y = right.selectbox("y", keys, index=keys.index(first[1]), key="sy", bind="query-params")
    logs = log.pills("Log axes", ["x", "y"], selection_mode="multi", key="slog", bind="query-params")
    points = differences.points(every, numbers, x, y, [row.run_id for row in rows], style.dark())
    spec = figures.scatter(points, x, y, log_x="x" in logs, log_y="y" in logs)
    st.echarts_chart(spec, height=_SCATTER_PX, key="scatter", alt=f"{y} against {x}, one dot a run")
    st.caption(f"{len(points)} runs of {experiment} have both; the compared ones in colour.")


def _curves(rows: list[RunRow], metrics: list[MetricInfo]) -> None:
    grid.write_address(grid.show("compare", live.watermark(), rows, metrics))


_DRAW = {"Differences": _differences, "Scatter": _scatter, "Curves": _curves}
_RENEW_S = {"Differences": 3.0, "Scatter": 3.0, "Curves": live.TICK_S}


def _tab(name: str, run_ids: tuple[str, ...]) -> None:
    when = live.slow(live.watermark())
    _DRAW[name](live.run_rows(when, run_ids), live.metric_list(when, run_ids))


def _page() -> None:
    run_ids = _chosen()
    if not run_ids:
        heading.show("Compare")
        st.info("Check two or more runs on the Runs page, then press Compare.", icon=":material/compare_arrows:")
        st.page_link(named("runs"), label="Choose runs", icon=":material/table_rows:")
        return
    rows = live.run_rows(live.slow(live.watermark()), run_ids)
    ticking = live.any_live(rows)
    with heading.show(f"Compare {len(rows)} run{'' if len(rows) == 1 else 's'}", ticking):
        if st.button("Plot", icon=":material/show_chart:"):
            st.switch_page(named("charts"), query_params={"runs": address.join(run_ids)})
    found = tuple(row.run_id for row in rows)
    states.missing(run_ids, len(rows), [run_id for run_id in run_ids if run_id not in found])
    if not rows:
        return
    for name, tab in zip(TABS, st.tabs(TABS, key="tab", on_change="rerun", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                states.renewed(_tab, _RENEW_S[name] if ticking else None)(name, found)


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
