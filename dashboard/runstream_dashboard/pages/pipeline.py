"""Pipeline: how far the log is folded, how fast, and what could not be read."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from runstream_consumer.history import DeadLetterRow, PipelineFacts
from runstream_dashboard import figures, formats, heading, live, loading, pipeline_tables, states, style, tables
from runstream_dashboard.pages import cells

RENEW_S = 2.0
_LETTERS = 200
_HEAD_BYTES = 256
_CARDS_PX = 104


def _cards(facts: PipelineFacts) -> None:
    mark = facts.watermark
    p95 = formats.duration(facts.visible_p95_s)
    shown = [
        ("Visible after (p95)", p95, "From log() to a committed row, 95 of 100 of the newest points"),
        ("Events / s", formats.number(facts.events_per_s), "Folded over the last minute"),
        ("Points / s", formats.number(facts.points_per_s), "Folded over the last minute"),
        ("Behind", f"{mark.behind_s:.1f} s", f"{formats.count(mark.behind_events)} events wait"),
        ("Dead letters", formats.count(facts.n_dead_letters), "Events that could not be read; listed below"),
        ("Lost points", formats.count(facts.n_lost), "Points that logging processes could not keep"),
    ]
    with st.container(key="rs-cards"):
        places = st.columns(len(shown), gap="small", wrap=True)
    for place, (label, value, help_text) in zip(places, shown, strict=True):
        place.metric(label, value, border=True, help=help_text)


def _lag(facts: PipelineFacts) -> None:
    st.subheader("Lag of the last ten minutes", anchor=False)
    if len(facts.lag) < 2:
        st.caption("Known once a consumer has run for some seconds.")
        return
    st.echarts_chart(
        figures.lag_area(facts.lag, style.primary()), height=190, key="lag", alt="Seconds behind over time"
    )


def _letters() -> None:
    st.subheader("Dead letters", anchor=False)
    letters = live.ask(lambda reader: reader.dead_letters(_LETTERS))
    if not letters:
        st.caption("None: every event could be read.")
        return
    event = st.dataframe(
        pipeline_tables.letter_table(letters), hide_index=True, on_select="rerun",
        column_config={"Received": cells.moment_column(), "Size": cells.size_column()},
        selection_mode="single-row", key="letters", height=210, alt="Events that could not be read, newest first",
    )  # fmt: skip
    picked = [index for index in event.selection.rows if index < len(letters)]
    if picked:
        _letter(letters[picked[0]])


def _letter(letter: DeadLetterRow) -> None:
    st.error(
        f"**{formats.plain(letter.error_type)}** {formats.plain(letter.error_message)}", icon=":material/mail_off:"
    )
    st.code(pipeline_tables.hex_dump(letter.value[:_HEAD_BYTES]), language=None)
    name = f"{letter.topic}-{letter.partition}-{letter.position}.bin".replace("/", "_")
    st.download_button("Download its bytes", letter.value, file_name=name, icon=":material/download:")


def _warnings(facts: PipelineFacts) -> None:
    """Tell what has gone wrong in the log itself, before any figure."""
    shrunk = pipeline_tables.shrunk_table(facts)
    if len(shrunk):
        with st.container(key="rs-shrunk"):
            st.error(pipeline_tables.SHRUNK, icon=":material/content_cut:")
            st.dataframe(shrunk, hide_index=True, alt="Journals that end before what was folded from them")
    shortfall = pipeline_tables.shortfall_text(facts)
    if shortfall:
        with st.container(key="rs-shortfall"):
            st.warning(shortfall, icon=":material/event_busy:")


def _renewed() -> None:
    facts = live.pipeline(live.tick())
    _warnings(facts)
    _cards(facts)
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        st.subheader("Partitions", anchor=False)
        st.dataframe(
            pipeline_tables.partition_table(facts), hide_index=True, placeholder="–", alt="Partitions of the log",
            column_config={
                **dict.fromkeys(("Folded", "End", "Waiting"), st.column_config.NumberColumn(format="localized")),
                "Events / s": st.column_config.NumberColumn(format="%.4g"), "Last commit": cells.moment_column(),
            },
        )  # fmt: skip
        _letters()
    with right:
        _lag(facts)
        st.subheader("Consumer", anchor=False)
        st.dataframe(tables.pairs(pipeline_tables.consumer_facts(facts, datetime.now(UTC)), "Fact"), hide_index=True,
                     alt="The consumer's facts")  # fmt: skip
        st.subheader("Storage", anchor=False)
        counts = dict.fromkeys(("Runs", "Points"), st.column_config.NumberColumn(format="localized"))
        st.dataframe(
            pipeline_tables.storage_table(facts), hide_index=True, column_config=counts, alt="Points per experiment"
        )


def _page() -> None:
    heading.show("Pipeline")
    states.renewed(_renewed, RENEW_S, "pipeline", (_CARDS_PX, loading.TABLE_PX))()


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
