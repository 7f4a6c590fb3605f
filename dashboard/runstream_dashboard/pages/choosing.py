"""Choosing runs on a page that shows several: the newest where none is named, and more of them by a click."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import FilterError, RunRow
from runstream_dashboard import address, formats, live, run_names

DEFAULT_RUNS = 5
_OFFERED = 20
# Among so many newest runs are nearly always five of the newest one's experiment: one question instead of two.
_NEWEST = 50


def newest() -> list[RunRow]:
    """Return the newest runs of the newest run's experiment."""
    when = live.slow(live.watermark())
    page = live.run_page(when, page_size=_NEWEST)
    if not page.rows:
        return []
    # Experiments of two workspaces may share a name.
    experiment, workspace = page.rows[0].experiment, page.rows[0].workspace
    same = [row for row in page.rows if (row.experiment, row.workspace) == (experiment, workspace)]
    if len(same) < DEFAULT_RUNS and page.total > _NEWEST:
        same = live.run_page(when, experiment=experiment, workspace=workspace, page_size=DEFAULT_RUNS).rows
    return same[:DEFAULT_RUNS]


def add(chosen: tuple[str, ...], label: str) -> None:
    """Draw the button that adds runs to those that the page shows; `label` says what is then done with them."""
    # Its list is read once somebody opens it: the page does not wait for it.
    with st.popover("Add runs", icon=":material/add:", key="add-runs", on_change="rerun") as opened:
        if not opened.open:
            return
        text = st.text_input("Filter", key="add-filter", placeholder="name, id, or val/loss < 0.4", live=True)
        picked = _picked(text or "", chosen)
        told = f"{label} ({len(picked)})" if picked else label
        if st.button(told, key="add-them", disabled=not picked, type="primary"):
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
    # Other options are another widget. It may have been drawn before the last pick arrived: what is kept counts.
    key = f"add-{hash((text, tuple(chosen)))}"
    if set(st.session_state.get(key, ())) != set(kept):
        st.session_state[key] = list(kept)
    return st.pills(
        "Runs", list(called), format_func=lambda run_id: formats.plain(called[run_id]),
        selection_mode="multi", key=key, on_change=_keep, args=(key, called),
    )  # fmt: skip


def _keep(key: str, called: dict[str, str]) -> None:
    """Keep what is picked, before anything is drawn: typed at once, another filter has put another widget there."""
    st.session_state["add-picked"] = {run_id: called[run_id] for run_id in st.session_state[key]}
