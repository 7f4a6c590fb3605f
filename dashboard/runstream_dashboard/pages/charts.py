"""Charts: the live grid of several runs."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import FilterError, RunRow
from runstream_dashboard import address, formats, grid, heading, live, run_names, states

DEFAULT_RUNS = 5
_OFFERED = 20
# Among so many newest runs are nearly always five of the newest one's experiment: one question instead of two.
_NEWEST = 50
# Of grouped runs only means are drawn: more of them can be told apart.
MAX_GROUPED = 200


def _chosen() -> tuple[str, ...]:
    given = address.split(st.query_params.get("runs"))
    if given:
        return given
    kept = tuple(st.session_state.get("chosen", ()))
    if kept:
        return kept
    when = live.slow(live.watermark())
    page = live.run_page(when, page_size=_NEWEST)
    if not page.rows:
        return ()
    # Experiments of two workspaces may share a name.
    experiment, workspace = page.rows[0].experiment, page.rows[0].workspace
    same = [row for row in page.rows if (row.experiment, row.workspace) == (experiment, workspace)]
    if len(same) < DEFAULT_RUNS and page.total > _NEWEST:
        same = live.run_page(when, experiment=experiment, workspace=workspace, page_size=DEFAULT_RUNS).rows
    return tuple(row.run_id for row in same[:DEFAULT_RUNS])


def _title(rows: list[RunRow]) -> str:
    experiments = {(row.workspace, row.experiment) for row in rows}
    return rows[0].experiment if len(experiments) == 1 else "Charts"


def _add_runs(chosen: tuple[str, ...]) -> None:
    # Its list is read once somebody opens it: the first chart does not wait for it.
    with st.popover("Add runs", icon=":material/add:", key="add-runs", on_change="rerun") as opened:
        if not opened.open:
            return
        text = st.text_input("Filter", key="add-filter", placeholder="name, id, or val/loss < 0.4", live=True)
        picked = _picked(text or "", chosen)
        if st.button("Plot them", disabled=not picked, type="primary"):
            st.session_state["add-picked"] = {}
            st.query_params["runs"] = address.join([*chosen, *picked])
            st.rerun()


def _picked(text: str, chosen: tuple[str, ...]) -> list[str]:
    """Let runs be picked among those that the filter finds; what was picked under another filter stays picked."""
    rows = []
    try:
        rows = live.run_page(live.slow(live.watermark()), text=text, page_size=_OFFERED).rows
    except FilterError as error:
        st.caption(f":red[:material/error: {formats.plain(str(error))}]")
    kept: dict[str, str] = {
        run_id: name for run_id, name in st.session_state.get("add-picked", {}).items() if run_id not in chosen
    }
    called = {run_id: name for run_id, name in run_names.among(rows).items() if run_id not in chosen}
    called |= {run_id: name for run_id, name in kept.items() if run_id not in called}
    # Other options are another widget, which begins with what it is given.
    picked = st.pills(
        "Runs", list(called), default=list(kept), format_func=lambda run_id: formats.plain(called[run_id]),
        selection_mode="multi", key=f"add-{hash((text, tuple(chosen)))}",
    )  # fmt: skip
    st.session_state["add-picked"] = {run_id: called[run_id] for run_id in picked}
    return picked


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
    with heading.show(_title(rows), ticking):
        _add_runs(chosen)
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
