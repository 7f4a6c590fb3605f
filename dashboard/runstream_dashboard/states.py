"""What a page shows when there is nothing to show yet, or no history to show it from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import NoReturn, ParamSpec

import streamlit as st

from runstream_consumer.history import HistoryBusy, StoreError
from runstream_dashboard import formats, live, loading

P = ParamSpec("P")

SNIPPET = """from runstream import Experiment, Workspace

with Experiment(Workspace(), "first").start_logging() as run:
    for step in range(1000):
        run.log("loss", 0.99**step, step=step)"""
RETRY_S = 2.0
NOT_OURS = (
    "Its file is not one that this version reads. Nothing is lost: the history is made from the event log. "
    "Upgrade, or move the file away and have it rebuilt from the log:"
)
UP = "runstream up          # consumer and dashboard\nrunstream consume     # the consumer alone"
REBUILD = 'cd "${RUNSTREAM_HOME:-$HOME/.runstream}"\nmv history.duckdb history.duckdb.aside\nrunstream consume'


def no_runs() -> None:
    """Tell how to log the first run; the page goes on by itself when one arrives."""
    with st.container(key="rs-no-runs"):
        st.subheader("No runs yet", anchor=False)
        st.write("Log from any Python program; the first run opens here by itself.")
        st.code(SNIPPET, language="python", width=720)
        home = live.pipeline(live.tick()).consumer.get("home")
        where = f"the home {home}" if home else live.ask(lambda reader: reader.where)
        st.caption(formats.plain(f"This page reads {where}. Programs log to RUNSTREAM_HOME, by default ~/.runstream."))


def unreachable(error: Exception) -> NoReturn:
    """Tell that the history cannot be read and what to do; looks again every two seconds, then draws the page."""
    with st.container(key="rs-unreachable"):
        st.subheader("The history cannot be read", anchor=False)
        st.error(formats.plain(str(error)), icon=":material/cloud_off:")
        advice, commands = remedy(error)
        st.write(advice)
        st.code(commands, language="bash", width=560)
    _retry()
    st.stop()


def remedy(error: Exception) -> tuple[str, str]:
    """Return what to do about a history that cannot be read, in words and as commands."""
    if isinstance(error, HistoryBusy):
        return "Another process has its file. This page goes on by itself when it is free; a consumer shares it:", UP
    if isinstance(error, StoreError):
        return NOT_OURS, REBUILD
    return "Start the consumer that serves it; what was logged meanwhile is not lost:", UP


@st.fragment(run_every=RETRY_S)
def _retry() -> None:
    st.caption("Looking again every two seconds.")
    try:
        live.watermark()
    except live.UNREACHABLE:
        return
    st.rerun()


def renewed(
    draw: Callable[P, None], every_s: float | None, name: str = "", heights_px: tuple[int, ...] = ()
) -> Callable[P, None]:
    """
    Return a part of a page that draws itself anew.

    Args:
        draw: draws it.
        every_s: seconds between; None: only when its widgets change.
        name, heights_px: of the skeleton in its place while it is read for the first time (see loading.place).
    """

    @wraps(draw)
    def steady(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with loading.place(name, *heights_px) if name else nullcontext():
                draw(*args, **kwargs)
        except live.UNREACHABLE as error:
            st.warning(f"Not read yet, looking again: {error}", icon=":material/cloud_off:")

    return st.fragment(steady, run_every=every_s)


def guarded(page: Callable[[], None], of: str = "") -> None:
    """
    Draw a page; a history that was never reached gets its own state instead of a stack trace.

    Args:
        page: draws it.
        of: what it is about, for a page of one thing: of another one nothing stays while that is read.
    """
    try:
        with loading.page(f"{page.__module__} {of}"):
            # First of all: a part of it that renews itself waits for a history that went away, and would hide this.
            loading.first("watermark", live.watermark)
            page()
    except live.UNREACHABLE as error:
        unreachable(error)


def missing(wanted: tuple[str, ...], found: int, absent: list[str]) -> None:
    """Tell which of the runs named in the address do not exist; draws nothing when all do."""
    if absent:
        names = ", ".join(formats.plain(run_id) for run_id in absent)
        st.warning(f"{found} of {len(wanted)} runs found. Not in this history: {names}", icon=":material/search_off:")
