"""The run page's head: name, status and actions; what went wrong stands right below it, before anything else."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import RunRow
from runstream_dashboard import (
    address,
    badge,
    clock,
    formats,
    live,
    log_reads,
    log_text,
    palette,
    run_names,
    snippets,
    statuses,
    style,
    tables,
)
from runstream_dashboard.pages import named, run_family

_LAST_WORDS = 14
_TRACEBACK_PX = 300


def draw(run_id: str) -> None:
    """Draw the head as of now; it is made to be renewed."""
    mark = live.watermark()
    rows = live.run_rows(live.slow(mark), (run_id,))
    if not rows:
        return
    row = rows[0]
    _title(row)
    st.caption(formats.plain(tables.summary(row, clock.zone())))
    run_family.parent(row)
    if row.description:
        st.caption(formats.plain(row.description))
    _trouble(row)


def _title(row: RunRow) -> None:
    with st.container(key="rs-heading", horizontal=True, vertical_alignment="center", gap="medium"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            st.image(palette.dot(tables.colour_of(row), style.dark(), radius=7), width=18)
            st.title(formats.plain(run_names.of(row)), anchor=False, width="content")
        with st.container(key="rs-status", width="content", horizontal=True):
            st.badge(formats.badge(row.status), color=statuses.colour(row.status))
            if row.archived:
                st.badge("Archived", color="gray", icon=":material/archive:")
        badge.draw()
        st.space("stretch")
        _actions(row)


def _actions(row: RunRow) -> None:
    with st.container(horizontal=True, width="content", gap="small"):
        others = [run_id for run_id in st.session_state.get("chosen", ()) if run_id != row.run_id]
        query = {"runs": address.join([row.run_id, *others])}
        if st.button("Plot with others", icon=":material/add_chart:"):
            st.switch_page(named("charts"), query_params=query)
        if st.button("Compare", icon=":material/compare_arrows:"):
            st.switch_page(named("compare"), query_params=query)
        _use(row)


def _use(row: RunRow) -> None:
    """Offer what reaches the run from elsewhere, each to be copied by a click."""
    with st.popover("Use", icon=":material/content_copy:"), st.container(key="rs-use", width=560):
        for label, text, language in (
            ("Run id", row.run_id, None),
            ("In a terminal", snippets.terminal(row), "bash"),
            ("In Python", snippets.python(row), "python"),
            ("In SQL", snippets.sql(row), "sql"),
        ):
            st.caption(label)
            st.code(text, language=language)


def _trouble(row: RunRow) -> None:
    silence = statuses.silence(row, clock.now())
    if silence:
        with st.container(key="rs-silent"):
            st.warning(formats.plain(silence), icon=":material/heart_broken:")
    if row.status == "Failed":
        with st.container(key="rs-failure"):
            _failure(row)
    lost = tables.losses(row)
    if lost:
        st.warning(lost, icon=":material/report:")


def _failure(row: RunRow) -> None:
    """Tell why a run failed: its error and traceback, else the last that it wrote to stderr."""
    is_lost = statuses.is_found_dead(row)
    kind = "Lost" if is_lost else row.error_type or "Failed"
    code = f" ({formats.plain(row.error_code)})" if row.error_code else ""
    message = formats.plain(row.error_message or "The run did not say why.")
    if is_lost:
        message += ": its processes are gone, or silent for ten minutes, and none of them said how the run ended."
    st.error(f"**{formats.plain(kind)}**{code}  {message}", icon=f":material/{'heart_broken' if is_lost else 'error'}:")
    if row.error_traceback:
        lines = row.error_traceback.rstrip().split("\n")
        is_first = st.query_params.get("tab", "Overview") == "Overview"
        # On the other tabs it would push what was asked for out of sight.
        place = st.container(key="rs-traceback") if is_first else st.expander("Traceback")
        with (
            place,
            st.container(
                height=_TRACEBACK_PX if len(lines) > _LAST_WORDS else "content", border=False, autoscroll=True
            ),
        ):
            st.code("\n".join(map(log_text.shown, lines)), language="python")
        return
    words = log_reads.tail(live.watermark(), row.run_id, "stderr").lines[-_LAST_WORDS:]
    if words:
        st.caption("The end of stderr; the Logs tab has all of it.")
        st.code("\n".join(map(log_text.shown, words)), language=None)
