"""Colours of runs: eight hues, tuned so that colour-blind readers tell them apart on light and on dark."""

from __future__ import annotations

from collections.abc import Sequence

# Contrast to the page is at least 3:1, the smallest OKLab distance of any pair 0.105 (normal, deutan, protan and
# tritan sight); the order makes neighbouring run numbers differ most.
LIGHT = ("#4460f3", "#ad8b0b", "#9052a7", "#0d6e4a", "#ef5f94", "#233385", "#3c9cde", "#6c2100")
DARK = ("#3e9dfd", "#f5c337", "#aa4b9f", "#52febd", "#e483a2", "#5b59f4", "#a0cbf5", "#dc4b02")
# From a small number to a large one, ever darker on light and ever lighter on dark.
LIGHT_SCALE = ("#f2ab1f", "#ef5f94", "#9052a7", "#233385")
DARK_SCALE = ("#5a50c8", "#b85aa8", "#e98a6b", "#f7e68a")
# The product's own colour: buttons, links, focus.
LIGHT_PRIMARY = LIGHT[0]
DARK_PRIMARY = DARK[0]
# How many dash patterns the grid knows: solid, long, short, long-short.
N_DASHES = 4


def colour_index(number: int) -> int:
    """Return the place in the palette of a run with this number in its experiment (1 is the first run)."""
    return (number - 1) % len(LIGHT)


def colours(dark: bool) -> tuple[str, ...]:
    """Return the palette for a light or a dark page."""
    return DARK if dark else LIGHT


def scale(dark: bool) -> tuple[str, ...]:
    """Return the colours from a small number to a large one, for a light or a dark page."""
    return DARK_SCALE if dark else LIGHT_SCALE


def spread(scale: Sequence[str], n: int) -> list[str]:
    """Return `n` colours, evenly spaced along a scale, its ends among them; of one only the last."""
    places = [(len(scale) - 1) * step / (n - 1) for step in range(n)] if n > 1 else [len(scale) - 1.0]
    return [_between(scale[int(at)], scale[min(int(at) + 1, len(scale) - 1)], at - int(at)) for at in places]


def _between(first: str, second: str, share: float) -> str:
    parts = [(int(first[at : at + 2], 16), int(second[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in parts)


def dashes(colours: Sequence[int]) -> list[int]:
    """Return a dash pattern for each place in the palette: 0 = solid, then one more for every repeat."""
    seen: dict[int, int] = {}
    patterns = []
    for colour in colours:
        patterns.append(seen.get(colour, 0) % N_DASHES)
        seen[colour] = seen.get(colour, 0) + 1
    return patterns


def dot(colour: int, dark: bool = False, radius: int = 4) -> str:
    """Return a picture of a dot in this colour as a data URI; `radius` of at most 8 in a square of 16."""
    fill = colours(dark)[colour].replace("#", "%23")
    circle = f"<circle cx='8' cy='8' r='{radius}' fill='{fill}'/>"
    return f"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'>{circle}</svg>"
