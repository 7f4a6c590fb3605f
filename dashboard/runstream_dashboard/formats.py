"""How the pages write numbers, durations, sizes and times. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo

_SECOND = 1
_MINUTE = 60
_HOUR = 3600
_DAY = 86400
_THOUSANDS = 1e4
_LONG = 1e15
_TENTH = 0.1
_MARKUP = re.compile(r"[!-/:-@\[-`{-~]")


def number(value: float | None) -> str:
    """Write a value with four significant digits: 0.7377, 12,345, 1.23e-05, NaN, inf, -0; an en dash for None."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    size = abs(value)
    if size == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    if size < 1e-3 or size >= 1e9:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    if float(value).is_integer():
        return f"{int(value):,}"
    decimals = max(0, 3 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: int) -> str:
    """Write a whole number with its thousands separated."""
    return f"{value:,}"


def column_of(values: Iterable[float | None]) -> str:
    """
    Return the format of a table's column of numbers: none of them is falsified, small ones are told to four digits.

    Four digits alone would show 12,345,678 steps as 12350000.
    """
    known = [abs(value) for value in values if value is not None and math.isfinite(value)]
    if all(value.is_integer() for value in map(float, known)):
        return "localized" if max(known, default=0) < _LONG else "%.4g"
    if max(known, default=0) < _THOUSANDS:
        return "%.4g"
    return "localized" if min(filter(None, known)) >= _TENTH else "%.6g"


def duration(seconds: float | None) -> str:
    """Write a length of time in its two greatest units: 40ms, 42s, 12m 30s, 1h 05m, 3d 04h; an en dash for None."""
    if seconds is None:
        return "–"
    s = max(0.0, seconds)
    if s < _SECOND:
        return f"{s * 1000:.0f}ms"
    if s < _MINUTE:
        return f"{s:.0f}s"
    if s < _HOUR:
        return f"{int(s // _MINUTE)}m {int(s % _MINUTE):02d}s"
    if s < _DAY:
        return f"{int(s // _HOUR)}h {int(s % _HOUR // _MINUTE):02d}m"
    return f"{int(s // _DAY)}d {int(s % _DAY // _HOUR):02d}h"


def rounded(seconds: float) -> timedelta:
    """Return a length of time as a table shows it, to what matters of it: a millisecond, second, minute or hour."""
    for least, unit in ((_DAY, _HOUR), (_HOUR, _MINUTE), (_SECOND, _SECOND), (0, 1e-3)):
        if seconds >= least:
            return timedelta(seconds=round(seconds / unit) * unit)
    return timedelta()


def ago(moment: datetime | None, now: datetime) -> str:
    """Write how long before `now` something was: just now, 4 min ago, 2 h ago, 3 d ago."""
    if moment is None:
        return "–"
    s = (now - moment) / timedelta(seconds=1)
    if s < _MINUTE:
        return "just now"
    for unit, size in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if s >= size:
            return f"{int(s // size)} {unit} ago"
    return "just now"


def moment(at: datetime | None, zone: tzinfo | None = None) -> str:
    """Write a time with its zone, the given one or its own: 14 Nov 2026, 10:11:03 UTC."""
    if at is None:
        return "–"
    shown = at.astimezone(zone) if zone else at
    return f"{shown:%d %b %Y, %H:%M:%S} {shown.tzname() or ''}".strip()


def size(n_bytes: int | None) -> str:
    """Write a number of bytes: 512 B, 4.1 kB, 12 MB."""
    if n_bytes is None:
        return "–"
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.0f} TB"


def plain(text: str) -> str:
    """Write text so that Markdown shows it as it is: no link, picture, colour or formula that somebody logged."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.splitlines()))


def badge(text: str) -> str:
    """Write text for a badge as `plain` does elsewhere: a badge takes care of brackets itself."""
    return plain(text).replace(r"\[", "[").replace(r"\]", "]")


def finite(value: float | None) -> bool:
    """Say whether a value can be drawn."""
    return value is not None and math.isfinite(value)
