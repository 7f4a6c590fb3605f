"""The viewer's own clock: every time that a page shows stands in the time zone of whoever looks at it."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from runstream_dashboard import formats


def zone() -> tzinfo:
    """Return the time zone that this viewer's browser tells; UTC where it tells none that is known here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def now() -> datetime:
    """Return the time, in this viewer's zone."""
    return datetime.now(zone())


def moment(at: datetime | None) -> str:
    """Write a time in this viewer's zone."""
    return formats.moment(at, zone())
