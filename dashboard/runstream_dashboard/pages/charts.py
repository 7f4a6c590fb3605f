"""Charts: the live grid of several runs."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import RunRow
from runstream_dashboard import address, grid, heading, live, loading, states
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
    facts = live.run_facts(live.slow(mark), found)
    view = grid.show("charts", mark, facts.rows, facts.metrics)
    grid.write_address(view)
    ended = ticking and not live.any_live(facts.rows) and not mark.behind_events
    if ended or n_asked != min(n_chosen, _limit(view.group)):
        st.rerun()


def _read(limit: int) -> tuple[tuple[str, ...], list[RunRow]]:
    """Return the chosen runs, and those of the first `limit` that exist."""
    chosen = _chosen()
    return chosen, live.run_rows(live.slow(live.watermark()), chosen[:limit])


def _page() -> None:
    group = address.view_of(st.query_params.to_dict()).group
    chosen, rows = loading.first("charts", lambda: _read(_limit(group)))
    run_ids = chosen[: _limit(group)]
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
        part = states.renewed(_tick, live.TICK_S if ticking else None, "charts", (loading.TABLE_PX,))
        part(tuple(found), len(run_ids), len(chosen), ticking)


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
