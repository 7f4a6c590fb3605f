"""The differing texts of two runs, line by line beside each other. Pure."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from runstream_consumer.history import RunRow
from runstream_dashboard import tables

COMMAND_LINE: Final = "runstream.command_line"
# Lines are compared with each other: the work grows with their product.
MAX_LINES: Final = 3000
_CONTEXT: Final = 3
_LONG: Final = 80


@dataclass(frozen=True, slots=True)
class Sides:
    """
    Two texts beside each other: as many lines on both sides, equal ones at the same height.

    Each begins with "- " (only left), "+ " (only right) or two blanks, as in a patch; an empty one fills up.
    """

    left: tuple[str, ...]
    right: tuple[str, ...]
    n_changed: int
    is_cut: bool


def documents(left: RunRow, right: RunRow) -> dict[str, tuple[list[str], list[str]]]:
    """Return what two runs say differently, as lines: parameters, tags, command line, origin, and each long value."""
    pair = (left, right)
    found = {
        "Parameters": tuple(_pairs(each.properties, is_origin=False) for each in pair),
        "Tags": tuple(_pairs(each.tags, is_origin=False) for each in pair),
        "Command line": tuple(_words(each.properties.get(COMMAND_LINE) or "") for each in pair),
        "Origin": tuple(_pairs(each.properties, is_origin=True) for each in pair),
        "Description": tuple((each.description or "").splitlines() for each in pair),
    }
    for key in sorted({*left.properties, *right.properties} - {COMMAND_LINE}):
        texts = [each.properties.get(key) or "" for each in pair]
        if any(len(text) > _LONG or "\n" in text for text in texts):
            found[key] = tuple(text.splitlines() for text in texts)
    return {name: (lines[0], lines[1]) for name, lines in found.items() if lines[0] != lines[1]}


def changed(left: Mapping[str, str], right: Mapping[str, str]) -> list[str]:
    """Return the paths that both sides have with other bytes; given are path -> hash."""
    return sorted(path for path, digest in left.items() if right.get(path, digest) != digest)


def beside(left: Sequence[str], right: Sequence[str]) -> Sides:
    """Return two texts beside each other; of long equal stretches only the lines next to a change are kept."""
    is_cut = max(len(left), len(right)) > MAX_LINES
    left, right = left[:MAX_LINES], right[:MAX_LINES]
    ours: list[str] = []
    theirs: list[str] = []
    n_changed = 0
    blocks = difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    for kind, from_left, to_left, from_right, to_right in blocks:
        if kind == "equal":
            is_first, is_last = from_left == 0, to_left == len(left)
            kept = _folded(left[from_left:to_left], is_first, is_last)
            ours += kept
            theirs += kept
            continue
        minus = [f"- {line}" for line in left[from_left:to_left]]
        plus = [f"+ {line}" for line in right[from_right:to_right]]
        height = max(len(minus), len(plus))
        n_changed += height
        ours += minus + [""] * (height - len(minus))
        theirs += plus + [""] * (height - len(plus))
    return Sides(tuple(ours), tuple(theirs), n_changed, is_cut)


def _folded(lines: Sequence[str], is_first: bool, is_last: bool) -> list[str]:
    """Return equal lines, those far from any change as one that counts them."""
    head, tail = (0 if is_first else _CONTEXT), (0 if is_last else _CONTEXT)
    n_hidden = len(lines) - head - tail
    shown = [f"  {line}" for line in lines]
    if n_hidden < 2:
        return shown
    return [*shown[:head], f"  ⋯ {n_hidden:,} equal lines", *shown[len(shown) - tail :]]


def _pairs(values: Mapping[str, str | None], is_origin: bool) -> list[str]:
    """Return keys with their values, a line each; of a value with several lines the first."""
    lines = []
    for key in sorted(values):
        if tables.is_background(key) == is_origin and key != COMMAND_LINE:
            first, *rest = (values[key] or "").splitlines() or [""]
            lines.append(f"{key} = {first}{' …' if rest else ''}" if first or rest else key)
    return lines


def _words(command: str) -> list[str]:
    """Return a command line's words, each option with its value on a line of its own."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    lines: list[str] = []
    for word in words:
        if lines and lines[-1].startswith("-") and " " not in lines[-1] and not word.startswith("-"):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
