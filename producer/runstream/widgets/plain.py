"""A run as text: for terminals, and for notebooks that cannot show a widget."""

from __future__ import annotations

from collections.abc import Sequence

from runstream.widgets.curves import Curve
from runstream.widgets.look import Seen

MAX_LINES = 10
MAX_CELL_CHARACTERS = 60


def text(seen: Seen) -> str:
    """Return the run's facts, its metrics, children and newest lines."""
    run, progress = seen.run, seen.progress
    parts = [
        _table([[key, str(value)] for key, value in _facts(seen) if value]),
        _titled("Metrics", ["name", "last", "least", "greatest", "points"], _metrics(seen)),
        _titled("Tags", ["key", "value"], [[key, str(value)] for key, value in seen.labels["tags"]]),
        _titled(
            f"Children ({seen.n_children})",
            ["name", "status", "points"],
            [[child["name"], child["status"], f"{child['n_points']:,}"] for child in seen.children],
        ),
        *(_titled(stream.name, [], [[line] for line in list(stream.newest)[-MAX_LINES:]]) for stream in seen.lines),
    ]
    lost = f"{progress['n_lost']:,} points could not be kept" if progress["n_lost"] else ""
    return "\n\n".join(part for part in [*parts, lost, f"More: {run['url']}"] if part)


def _facts(seen: Seen) -> list[tuple[str, object]]:
    run, progress = seen.run, seen.progress
    error = run["error"] or {}
    return [
        ("Run", run["name"]),
        ("Id", run["id"]),
        ("Experiment", f"{run['experiment']} (run {run['number']})"),
        ("Status", run["status"]),
        ("Error", ": ".join(part for part in (error.get("type"), error.get("message")) if part)),
        ("Progress", f"{progress['n_points']:,} points in {progress['duration_s']:,.0f} s"),
        ("Pictures", ", ".join(picture.path for picture in seen.pictures)),
    ]


def _metrics(seen: Seen) -> list[list[str]]:
    single = [[value["name"], value["value"], "", "", f"{value['n']:,}"] for value in seen.values]
    return [*single, *map(_curve, seen.curves)]


def _curve(curve: Curve) -> list[str]:
    _, values = curve.points()
    known = [value for value in values if value is not None]
    bounds = curve.least_and_greatest()
    figures = ["-", "-", "-"] if bounds is None else [f"{value:.6g}" for value in (known[-1], *bounds)]
    return [curve.name, *figures, f"{curve.n:,}"]


def _titled(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"{title}\n{_table([head, *rows] if head else rows)}" if rows else ""


def _table(rows: Sequence[Sequence[str]]) -> str:
    cut = [[_cell(text, alone=len(row) == 1) for text in row] for row in rows]
    widths = [max(len(row[place]) for row in cut) for place in range(len(cut[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cut
    )


def _cell(text: str, alone: bool) -> str:
    # What runs log is data: it moves no cursor and colours nothing.
    flat = "".join(character if character.isprintable() else " " for character in text)
    return flat if alone or len(flat) <= MAX_CELL_CHARACTERS else f"{flat[: MAX_CELL_CHARACTERS - 3]}..."
