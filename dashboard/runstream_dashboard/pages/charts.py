"""Charts: the live grid of several runs."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import RunRow
from runstream_dashboard import address, grid, heading, live, states
from runstream_dashboard.pages import choosing

# Of grouped runs only means are drawn: more of them can be told apart.
MAX_GROUPED = 200


def _chosen() -> tuple[str, ...]:
    given = address.split(st.query_params.get("runs"))
    if given:
        return given
    kept = tuple(st.session_state.get("chosen", ()))
    if kept:
        return kept
    return tuple(row.run_id for row in choosing.newest())


def _title(rows: list[RunRow]) -> str:
    experiments = {(row.workspace, row.experiment) for row in rows}
    return rows[0].experiment if len(experiments) == 1 else "Charts"


def _limit(group: str) -> int:
    return MAX_GROUPED if group else address.MAX_RUNS


def _tick(found: tuple[str, ...], n_asked: int, n_chosen: int, ticking: bool) -> None:
    mark = live.watermark()
    when = live.slow(mark)
    rows = live.run_rows(when, found)
    view = grid.show("charts", mark, rows, live.metric_list(when, found))
    grid.write_address(view)
    ended = ticking and not live.any_live(rows) and not mark.behind_events
    if ended or n_asked != min(n_chosen, _limit(view.group)):
        st.rerun()


def _page() -> None:
    chosen = _chosen()
    group = address.view_of(st.query_params.to_dict()).group
    run_ids = chosen[: _limit(group)]
    rows = live.run_rows(live.slow(live.watermark()), run_ids)
    if not chosen:
        heading.show("Charts")
        states.no_runs()
        return
    if st.query_params.get("runs") is None:
        st.query_params["runs"] = address.join(chosen)
    ticking = live.any_live(rows)
    heading.name_tab(_title(rows))
    with heading.show(_title(rows), ticking):
        choosing.add(chosen, "Plot them")
        if not ticking:
            st.button("Refresh", icon=":material/refresh:")
    found = [row.run_id for row in rows]
    states.missing(run_ids, len(rows), [run_id for run_id in run_ids if run_id not in found])
    if len(chosen) > len(run_ids):
        more = "" if group else f" Group them, and up to {MAX_GROUPED} count."
        st.info(f"The first {len(run_ids)} of {len(chosen)} runs are plotted.{more}", icon=":material/filter_list:")
    if found:
        states.renewed(_tick, live.TICK_S if ticking else None)(tuple(found), len(run_ids), len(chosen), ticking)


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
