"""The run page's Logs: what the run printed, as it prints it."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import LogStream, MetricInfo, RunRow
from runstream_dashboard import clock, downloads, formats, live, log_reads, log_text

HEIGHT_PX = 540


def logs_tab(row: RunRow, _metrics: list[MetricInfo]) -> None:
    """Draw the newest lines of one stream, or those that hold what is looked for."""
    mark = live.watermark()
    streams = log_reads.streams(live.slow(mark, turn=2), row.run_id)
    if not streams:
        _nothing(row)
        return
    name, wanted, follows, wraps = _toolbar(row, streams)
    stream = next(each for each in streams if each.name == name)
    if wanted:
        found = log_reads.found(mark, row.run_id, name, wanted)
        text, told = log_text.found_text(found), log_text.found_summary(found, wanted)
    else:
        text, told = log_reads.tail(mark, row.run_id, name).text(), log_text.summary(stream, clock.zone())
    with st.container(key="rs-log", height=HEIGHT_PX, autoscroll=follows and not wanted, border=False):
        st.code(text, language=None, wrap_lines=wraps)
    with st.container(key="rs-log-told"):
        st.caption(formats.plain(told))


def _toolbar(row: RunRow, streams: list[LogStream]) -> tuple[str, str, bool, bool]:
    """Draw the choices; return the stream, the text to find, and whether to follow and to wrap."""
    names = [stream.name for stream in streams]
    first = "stderr" if row.status == "Failed" and "stderr" in names else names[0]
    with st.container(key="rs-log-bar", horizontal=True, vertical_alignment="center", gap="small"):
        name = st.selectbox(
            "Stream", names, index=names.index(first), key="stream", bind="query-params",
            label_visibility="collapsed", width=220,
        )  # fmt: skip
        wanted = st.text_input(
            "Find", key="find", live=True, bind="query-params", icon=":material/search:",
            placeholder="Find in all lines", label_visibility="collapsed", width=280,
        )  # fmt: skip
        follows = st.toggle(
            "Follow", value=True, key="follow", bind="query-params", help="Keep the newest line in view"
        )
        wraps = st.toggle("Wrap", key="wrap", bind="query-params")
        st.space("stretch")
        chosen = name if name in names else first
        st.link_button("Download", downloads.log_address(row.run_id, chosen), icon=":material/download:")
    return chosen, wanted or "", follows, wraps


def _nothing(row: RunRow) -> None:
    with st.container(key="rs-log-empty"):
        if live.any_live([row]):
            st.caption("Nothing printed yet: lines appear here as the run prints them.")
        else:
            st.caption(
                "This run printed nothing, or what it printed was not captured: `RUNSTREAM_CAPTURE` says what is."
            )
