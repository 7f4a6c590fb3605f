"""The view and its address: what a reader chose, to and from the query of a URL. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args
from urllib.parse import quote, unquote

Axis = Literal["step", "relative", "time"]
Band = Literal["range", "std"]
# Written before a metric whose own name is that of an axis, or begins like this.
_METRIC = "metric:"
MAX_RUNS = 50
# A column is named "kind:name", so this is none of them.
NO_COLUMNS = "-"


@dataclass(frozen=True, slots=True)
class View:
    """
    What the chart grid shows.

    Attributes:
        x: an Axis, or a metric as `axis_of` writes it.
        group: what runs are grouped by, as module groups names it; empty = they are not.
        band: what is drawn around the mean of a group.
        zoom: (low, high) in units of the x axis; high None = up to the newest point.
        rail: whether the list of runs stands beside the charts.
        full, table: the chart that fills the screen, and the one whose numbers are shown; empty = none.
    """

    q: str = ""
    x: str = "step"
    group: str = ""
    band: Band = "range"
    smooth: float = 0.0
    log: bool = False
    logs: tuple[str, ...] = ()
    clip: bool = True
    large: bool = False
    zoom: tuple[float, float | None] | None = None
    hide: tuple[str, ...] = ()
    fold: tuple[str, ...] = ()
    rail: bool = True
    full: str = ""
    table: str = ""

    @property
    def sight(self) -> str:
        """What the curves depend on beside their runs and range; the grid's script names the same."""
        return f"{self.x}|{self.group}|{self.band}"

    def wire(self) -> dict[str, Any]:
        """Return the view as the grid's script takes it."""
        return {
            "q": self.q,
            "x": self.x,
            "group": self.group,
            "band": self.band,
            "smooth": self.smooth,
            "log": self.log,
            "logs": list(self.logs),
            "clip": self.clip,
            "large": self.large,
            "zoom": list(self.zoom) if self.zoom else None,
            "hide": list(self.hide),
            "fold": list(self.fold),
            "rail": self.rail,
            "full": self.full,
            "table": self.table,
        }


def split(text: str | None) -> tuple[str, ...]:
    """Return the parts of a comma-separated value, in order and without repeats; a literal comma is written %2C."""
    parts = [part.replace("%2C", ",").replace("%25", "%") for part in (text or "").split(",") if part]
    return tuple(dict.fromkeys(parts))


def join(parts: tuple[str, ...] | list[str]) -> str:
    """Return the parts as one comma-separated value that `split` reads back."""
    return ",".join(part.replace("%", "%25").replace(",", "%2C") for part in parts)


def items_of(text: str | None) -> dict[str, tuple[str, ...]]:
    """Return named choices, name -> what was chosen, as `items_text` wrote them; what is no item is left out."""
    parts = [[unquote(part) for part in item.split(":")] for item in split(text)]
    return {name: tuple(chosen) for name, *chosen in parts if chosen}


def items_text(items: Mapping[str, Sequence[str]]) -> str:
    """Write named choices as one value that `items_of` reads back; names and choices may hold any character."""
    return join([":".join(quote(part, safe="") for part in (name, *chosen)) for name, chosen in items.items()])


def columns_of(text: str | None, first: Sequence[str]) -> list[str]:
    """Return the table columns that `cols` asks for, in its order; `first` where it is not given."""
    if not text:
        return list(first)
    return [] if text == NO_COLUMNS else list(split(text))


def columns_text(picked: Sequence[str], first: Sequence[str]) -> str:
    """Write chosen table columns as `columns_of` reads them back; empty where they are the first ones, in order."""
    if list(picked) == list(first):
        return ""
    return join(list(picked)) or NO_COLUMNS


def _zoom(text: str | None) -> tuple[float, float | None] | None:
    low, separator, high = (text or "").partition("..")
    if not separator:
        return None
    try:
        low_x, high_x = float(low), float(high) if high else None
    except ValueError:
        return None
    if not math.isfinite(low_x) or (high_x is not None and not (math.isfinite(high_x) and high_x > low_x)):
        return None
    return low_x, high_x


def _smooth(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return min(0.99, max(0.0, value)) if math.isfinite(value) else 0.0


def axis_of(metric: str) -> str:
    """Write a metric as an x axis: its name, marked where it could be taken for another axis."""
    return f"{_METRIC}{metric}" if metric in get_args(Axis) or metric.startswith(_METRIC) else metric


def plain_axis(x: str) -> Axis | None:
    """Return the axis that every metric has; None if x is a metric."""
    return cast("Axis", x) if x in get_args(Axis) else None


def axis_metric(x: str) -> str:
    """Return the name of the metric that an x axis shows, as `axis_of` wrote it."""
    return x.removeprefix(_METRIC)


def _band(text: str | None) -> Band:
    return "std" if text == "std" else "range"


def view_of(query: Mapping[str, str]) -> View:
    """Read a view from a URL's query; what it does not understand counts as not given, for a link may be old."""
    return View(
        q=query.get("q", ""),
        x=query.get("x") or "step",
        group=query.get("group", ""),
        band=_band(query.get("band")),
        smooth=_smooth(query.get("smooth")),
        log=query.get("log") == "1",
        logs=split(query.get("logs")),
        clip=query.get("clip") != "0",
        large=query.get("large") == "1",
        zoom=_zoom(query.get("zoom")),
        hide=split(query.get("hide")),
        fold=split(query.get("fold")),
        rail=query.get("rail") != "0",
        full=query.get("full", ""),
        table=query.get("table", ""),
    )


def view_from_wire(told: Mapping[str, Any]) -> View:
    """Read a view from what the grid's script sent."""
    zoom = told.get("zoom")
    view = View(
        q=str(told.get("q", "")),
        x=str(told.get("x") or "step"),
        group=str(told.get("group", "")),
        band=_band(told.get("band")),
        smooth=_smooth(str(told.get("smooth", 0))),
        log=bool(told.get("log")),
        logs=tuple(told.get("logs", ())),
        clip=bool(told.get("clip", True)),
        large=bool(told.get("large")),
        hide=tuple(told.get("hide", ())),
        fold=tuple(told.get("fold", ())),
        rail=bool(told.get("rail", True)),
        full=str(told.get("full", "")),
        table=str(told.get("table", "")),
    )
    if not zoom:
        return view
    return replace(view, zoom=_zoom(f"{zoom[0]!r}..{'' if zoom[1] is None else repr(zoom[1])}"))


def _plain(value: float) -> str:
    return f"{value:.10g}"


def query_of(view: View) -> dict[str, str]:
    """Write a view as a URL's query: only what differs from the default."""
    query = {
        "q": view.q,
        "x": view.x if view.x != "step" else "",
        "group": view.group,
        "band": view.band if view.band != "range" else "",
        "smooth": _plain(view.smooth) if view.smooth else "",
        "log": "1" if view.log else "",
        "logs": join(view.logs),
        "clip": "" if view.clip else "0",
        "large": "1" if view.large else "",
        "zoom": "",
        "hide": join(view.hide),
        "fold": join(view.fold),
        "rail": "" if view.rail else "0",
        "full": view.full,
        "table": view.table,
    }
    if view.zoom:
        low, high = view.zoom
        query["zoom"] = f"{_plain(low)}..{'' if high is None else _plain(high)}"
    return {name: value for name, value in query.items() if value}


def changes(query: Mapping[str, str], wanted: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str | None]:
    """Return what to set (a text) or delete (None) among `names` so that `query` says what `wanted` says."""
    return {name: wanted.get(name) for name in names if query.get(name) != wanted.get(name)}


GRID_NAMES = (
    "q",
    "x",
    "group",
    "band",
    "smooth",
    "log",
    "logs",
    "clip",
    "large",
    "zoom",
    "hide",
    "fold",
    "rail",
    "full",
    "table",
)
