"""Rows on a terminal or for a script: an aligned table, JSON, or CSV."""

from __future__ import annotations

import csv
import json
import math
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TextIO

Row = Sequence[object]

NOTHING = "–"
"""A missing value in a table; in JSON it is null, in CSV an empty field."""

NARROWEST = 8
"""A column is not narrowed below this to fit a terminal: of a run's id so much still finds it."""

CELL_WIDTH = 120
"""A longer cell is cut in a table, wherever it is printed: the other formats hold it whole."""


def write(columns: Sequence[str], rows: Iterable[Row], form: str, out: TextIO) -> None:
    """
    Write rows in one of the forms `table`, `json` or `csv`.

    Args:
        columns: their names, unique.
        rows: each as long as *columns*.
        form: `json` is one array of objects with one object a line.
    """
    if form == "json":
        _write_json(columns, list(rows), out)
    elif form == "csv":
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_csv_cell(value) for value in row] for row in rows)
    else:
        _write_table(columns, list(rows), out)


def _write_table(columns: Sequence[str], rows: Sequence[Row], out: TextIO) -> None:
    cells = [[cell(value) for value in row] for row in rows]
    widths = _fitting([max(map(_width, column)) for column in zip(columns, *cells, strict=True)], out)
    right = [
        any(isinstance(value, (int, float)) for value in column)
        and all(value is None or isinstance(value, (int, float)) for value in column)
        for column in (zip(*rows, strict=True) if rows else [()] * len(columns))
    ]
    for line in (columns, ["─" * width for width in widths], *cells):
        padded = [
            _padded(_cut(text, width), width, is_right)
            for text, width, is_right in zip(line, widths, right, strict=True)
        ]
        out.write("  ".join(padded).rstrip() + "\n")


def _fitting(widths: list[int], out: TextIO) -> list[int]:
    """Narrow the widest columns until a line fits the terminal; in a file or a pipe nothing is cut for width."""
    if not out.isatty():
        return widths
    room = shutil.get_terminal_size().columns - 2 * (len(widths) - 1)
    fitting = list(widths)
    while sum(fitting) > room and max(fitting) > NARROWEST:
        fitting[fitting.index(max(fitting))] -= 1
    return fitting


def _cut(shown: str, width: int) -> str:
    """Return what fits into *width* terminal columns; what is cut ends in an ellipsis."""
    if _width(shown) <= width:
        return shown
    while _width(shown) > width - 1:
        shown = shown[:-1]
    return shown + "…"


def _write_json(columns: Sequence[str], rows: Sequence[Row], out: TextIO) -> None:
    """JSON has no NaN and no infinity: such a value is null, and a column beside it says which it was."""
    flagged = {index for row in rows for index, value in enumerate(row) if _nonfinite(value)}
    lines = [json.dumps(_object(columns, row, flagged), ensure_ascii=False, default=text) for row in rows]
    out.write("[" + ",\n ".join(lines) + "]\n")


def write_line(columns: Sequence[str], row: Row, out: TextIO) -> None:
    """Write one JSON object on one line, for a stream of them."""
    flagged = {index for index, value in enumerate(row) if _nonfinite(value)}
    out.write(json.dumps(_object(columns, row, flagged), ensure_ascii=False, default=text) + "\n")


def write_object(facts: object, out: TextIO) -> None:
    """Write one JSON object over several lines; NaN and infinities inside it become null with a flag beside."""
    out.write(json.dumps(_finite(facts), ensure_ascii=False, indent=2, default=text) + "\n")


def _object(columns: Sequence[str], row: Row, flagged: Iterable[int]) -> dict[str, object]:
    answer = dict(zip(columns, map(_finite, row), strict=True))
    for index in flagged:
        answer[f"{columns[index]}_nonfinite"] = _nonfinite(row[index])
    return answer


def _nonfinite(value: object) -> str | None:
    if not isinstance(value, float) or math.isfinite(value):
        return None
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _finite(value: object) -> object:
    if isinstance(value, dict):
        answer = {str(key): _finite(item) for key, item in value.items()}
        answer |= {f"{key}_nonfinite": flag for key, item in value.items() if (flag := _nonfinite(item))}
        return answer
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if _nonfinite(value) else value


def text(value: object) -> str:
    """Return a value as people and scripts read it: dates as ISO 8601, bytes in hexadecimal."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    return str(value)


def local(at: datetime) -> str:
    """Return a time as people read it, on this machine's clock and to the second."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _csv_cell(value: object) -> object:
    if value is None or isinstance(value, (int, float, str)):
        return value
    return (
        json.dumps(_finite(value), ensure_ascii=False, default=text) if isinstance(value, (dict, list)) else text(value)
    )


def cell(value: object) -> str:
    """Return a value as a table shows it: floats with six digits, on one line, cut where it is long."""
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return f"{value:.6g}"
    shown = "".join(char if char.isprintable() else " " for char in text(value))
    return shown if len(shown) <= CELL_WIDTH else shown[: CELL_WIDTH - 1] + "…"


def _width(shown: str) -> int:
    """Count terminal columns: East Asian wide characters take two, combining marks none."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in shown)
    return len(shown) + wide - sum(unicodedata.combining(char) != 0 for char in shown)


def _padded(shown: str, width: int, is_right: bool) -> str:
    space = " " * (width - _width(shown))
    return space + shown if is_right else shown + space
