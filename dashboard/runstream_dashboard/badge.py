"""The promise on every page: how far the history has come, in one coloured word and one short sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal

import streamlit as st

from runstream_consumer.history import Watermark
from runstream_dashboard import clock, formats, live

Colour = Literal["green", "orange", "gray", "red"]
BEHIND_S = 2.0
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Badge:
    """A word, its colour and icon, and the sentence beside it."""

    label: str
    colour: Colour
    icon: str
    text: str


def badge_of(mark: Watermark, zone: tzinfo | None = None) -> Badge:
    """Return the badge for a watermark; times stand in this zone, by default the machine's."""
    complete = f"complete to event {formats.count(mark.n_events)}"
    if mark.state == "stopped":
        since = _clock(mark.committed_at, zone)
        return Badge("Not updating", "red", ":material/pause_circle:", f"the last commit was at {since}")
    if mark.state == "idle":
        return Badge("Idle", "gray", ":material/check_circle:", f"nothing is running · {complete}")
    if mark.state == "behind" or (mark.behind_s or 0) > BEHIND_S:
        waiting = f"{formats.count(mark.behind_events)} events behind, catching up"
        return Badge("Behind", "orange", ":material/hourglass_top:", waiting)
    return Badge("Live", "green", ":material/sensors:", f"{complete} · {max(0.0, mark.behind_s or 0):.1f} s behind")


def _clock(at: datetime | None, zone: tzinfo | None) -> str:
    return "an unknown time" if at is None else f"{at.astimezone(zone):%H:%M:%S}"


def draw() -> None:
    """Draw the badge as of now."""
    badge = badge_of(live.watermark(), clock.zone())
    with st.container(key="rs-badge"):
        st.markdown(f":{badge.colour}-badge[{badge.icon} {badge.label}]&ensp;:gray[{badge.text}]", width="content")


def show(ticking: bool = True) -> None:
    """Draw the badge here; it renews itself unless `ticking` is False."""
    st.fragment(draw, run_every=POLL_S if ticking else None)()
