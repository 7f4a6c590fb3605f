"""The live chart grid on a page: the component, what this viewer holds, and the frames that bring it up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import streamlit as st

from runstream_consumer.history import MetricInfo, RunRow, Watermark
from runstream_dashboard import address, formats, frames, groups, live, palette, run_names, tables
from runstream_dashboard.server import web_path

# Charts sent before the browser has told what it sees: three rows of four.
FIRST_CHARTS = 12
FIRST_COLUMNS = 400
# Curves kept per viewer to send tails of; older ones travel whole when they come back into view.
MAX_HELD = 600
_FORMS = frozenset({"scalar", "list"})

_LOADER = """export default async function (component) {
  const grid = await import(new URL("%s/grid.js", location.origin));
  grid.default(component);
}"""


@cache
def _component() -> Any:
    base = st.get_option("server.baseUrlPath").strip("/")
    return st.components.v2.component("runstream.grid", js=_LOADER % f"{'/' if base else ''}{base}{web_path()}")


@dataclass(slots=True)
class Viewer:
    """What one browser tab holds of one grid."""

    mount: str = ""
    frame: int = 0
    resync: int = 0
    sight: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    held: dict[frames.Key, frames.Curve] = field(default_factory=dict)

    def lacks_base(self, told: dict[str, Any]) -> bool:
        """Say whether the tab must get a whole frame: it is new, it asked for one, or too much is held for tails."""
        new = told.get("mount", self.mount) != self.mount and told.get("frame") != self.frame
        self.mount = told.get("mount", self.mount)
        return self.frame == 0 or new or told.get("resync", 0) > self.resync or len(self.held) > MAX_HELD

    def frame_of(
        self,
        told: dict[str, Any],
        view: address.View,
        facts: dict[str, Any],
        curves: Sequence[frames.Curve],
        version: int,
    ) -> bytes:
        """
        Return the frame that brings the tab up to date, and note what it then holds.

        Args:
            told: what the grid's script sent last.
            view: what it shows.
            facts: named parts of the header that are sent when they have changed.
            curves: of the charts that it looks at.
            version: the commit that they show.
        """
        whole = self.lacks_base(told)
        if whole:
            self.resync = self.frame
        if whole or view.sight != self.sight:
            self.held.clear()
        header: dict[str, Any] = {
            "frame": self.frame + 1,
            "base": 0 if whole else self.frame,
            "version": version,
            "answers": told.get("question"),
            "sight": view.sight,
        }
        if whole:
            header |= {"palette": {"light": palette.LIGHT, "dark": palette.DARK}, "view": view.wire()}
        header |= {name: fact for name, fact in facts.items() if whole or self.facts.get(name) != fact}
        data = frames.encode(header, curves, self.held)
        self.held |= {curve.key: curve for curve in curves}
        self.sight, self.facts, self.frame = view.sight, facts, self.frame + 1
        return data


def describe_runs(rows: Sequence[RunRow]) -> list[dict[str, Any]]:
    """Return the runs as the grid's script takes them: name, colour, dash, status."""
    colours = [tables.colour_of(row) for row in rows]
    called = run_names.among(rows)
    return [
        {
            "id": row.run_id,
            "name": called[row.run_id],
            "color": colour,
            "dash": dash,
            "status": row.status,
            "live": row.status == "Running",
        }
        for row, colour, dash in zip(rows, colours, palette.dashes(colours), strict=True)
    ]


def describe_groups(rows: Sequence[RunRow], members: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Return groups of runs as the grid's script takes runs: coloured by their order, live while one of theirs is."""
    running = {row.run_id for row in rows if row.status == "Running"}
    colours = [palette.colour_index(place) for place in range(1, len(members) + 1)]
    return [
        {
            "id": group,
            "name": f"{group} · {len(run_ids)} run{'' if len(run_ids) == 1 else 's'}",
            "color": colour,
            "dash": dash,
            "status": "",
            "live": not running.isdisjoint(run_ids),
        }
        for (group, run_ids), colour, dash in zip(members.items(), colours, palette.dashes(colours), strict=True)
    ]


def describe_metrics(metrics: Sequence[MetricInfo], live_ids: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """
    Return the charts of a grid, first logged first: a curve where there are numbers, a card of values elsewhere.

    Args:
        metrics: of all runs in the grid.
        live_ids: the runs that may still log, whose single number is the first of a curve.
    """
    found: dict[str, dict[str, Any]] = {}
    for metric in metrics:
        if metric.form not in _FORMS or metric.column_name is not None:
            continue
        axis = address.axis_of(metric.name)
        chart = found.setdefault(metric.name, {"name": metric.name, "axis": axis, "kind": "text", "values": []})
        # A single value is told, not drawn; a live run's first point is the start of a curve.
        if metric.n_numeric and (metric.n > 1 or metric.run_id in live_ids):
            chart["kind"] = "line"
        text = metric.last_text if metric.last_text is not None else formats.number(metric.last_value)
        value = metric.last_value if metric.last_text is None and formats.finite(metric.last_value) else None
        chart["values"].append([metric.run_id, text, value])
    for chart in found.values():
        if chart["kind"] == "line":
            chart["values"] = []
    return list(found.values())


def _told(key: str) -> dict[str, Any]:
    state = st.session_state.get(key) or {}
    return dict(state.get("view") or {})


def _seen(charts: Sequence[dict[str, Any]], told: dict[str, Any], view: address.View) -> list[str]:
    lines = [chart["name"] for chart in charts if chart["kind"] == "line"]
    if "charts" not in told:
        first = {*lines[:FIRST_CHARTS], view.full, view.table}
        return [name for name in lines if name in first]
    seen = set(told["charts"])
    return [name for name in lines if name in seen]


def _view(told: dict[str, Any], rail: bool) -> address.View:
    view = address.view_from_wire(told) if "x" in told else address.view_of(st.query_params.to_dict())
    # A grid of one run has nothing to group.
    return view if rail else replace(view, group="")


def _curves(
    mark: Watermark,
    rows: Sequence[RunRow],
    metrics: Sequence[MetricInfo],
    names: list[str],
    told: dict[str, Any],
    view: address.View,
    members: dict[str, list[str]],
) -> list[frames.Curve]:
    have = {(metric.run_id, metric.name) for metric in metrics if metric.column_name is None and metric.n_numeric}
    keys = tuple((row.run_id, name, None) for name in names for row in rows if (row.run_id, name) in have)
    if not keys or told.get("hidden"):
        return []
    # A power of two: viewers with windows of about the same width share one answer. The history gives up to twice
    # as many, so the greatest that is not wider than the chart is fine enough.
    columns = 1 << (int(told.get("columns", FIRST_COLUMNS)).bit_length() - 1)
    curves = [frames.curve_of(chart) for chart in live.charts(mark, keys, view.x, view.zoom, columns)]
    return groups.combined(curves, members, view.band, columns) if members else curves


def show(
    key: str,
    mark: Watermark,
    rows: Sequence[RunRow],
    metrics: Sequence[MetricInfo],
    rail: bool = True,
    bare: bool = False,
) -> address.View:
    """
    Draw the grid of these runs and bring this viewer's copy up to date; return the view that it shows.

    Args:
        key: names the grid on its page.
        mark: the watermark of this tick.
        rows: the runs, at most address.MAX_RUNS of them.
        metrics: their metrics, first logged first.
        rail: whether the list of runs is shown beside the charts.
        bare: the charts alone, without toolbar and sections.
    """
    viewer: Viewer = st.session_state.setdefault(f"{key}-viewer", Viewer())
    told = _told(key)
    view = _view(told, rail)
    live_ids = frozenset(row.run_id for row in rows if live.any_live([row]))
    members = groups.members(rows, view.group) if view.group else {}
    charts = describe_metrics(metrics, live_ids)
    facts = {
        "rail": rail,
        "bare": bare,
        "groups": groups.keys_of(rows) if rail else [],
        "runs": describe_groups(rows, members) if members else describe_runs(rows),
        "charts": charts,
    }
    curves = _curves(mark, rows, metrics, _seen(charts, told, view), told, view, members)
    data = viewer.frame_of(told, view, facts, curves, mark.commit_no)
    _component()(key=key, data=data, on_view_change=lambda: None)
    return view


def write_address(view: address.View) -> None:
    """Make the page's address say what the grid shows; touches only what changed."""
    wanted = address.query_of(view)
    for name, value in address.changes(st.query_params.to_dict(), wanted, address.GRID_NAMES).items():
        if value is None:
            del st.query_params[name]
        else:
            st.query_params[name] = value
