"""Colours: readable on both pages, told apart by colour-blind readers, dashed where they repeat."""

from __future__ import annotations

import itertools

import pytest

from runstream_dashboard import palette

Vector = tuple[float, float, float]
# Viénot's matrices in linear RGB: what red-blind and green-blind eyes see.
_SIGHT: dict[str, tuple[Vector, Vector, Vector]] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
    "deutan": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
}


def linear(colour: str) -> Vector:
    """Return a hex colour in linear RGB."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return r, g, b


def oklab(rgb: Vector) -> Vector:
    """Return linear RGB as OKLab, where distance is difference seen."""
    r, g, b = rgb
    long = max(0.0, 0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = max(0.0, 0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = max(0.0, 0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def seen(colour: str, sight: str) -> Vector:
    """Return a colour as eyes of this kind see it, in OKLab."""
    rgb = linear(colour)
    r, g, b = (max(0.0, sum(m * c for m, c in zip(row, rgb, strict=True))) for row in _SIGHT[sight])
    return oklab((r, g, b))


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour."""
    r, g, b = linear(colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize(("colours", "page"), [(palette.LIGHT, "#ffffff"), (palette.DARK, "#0e1117")])
def test_every_colour_stands_out_from_its_page(colours: tuple[str, ...], page: str) -> None:
    """A curve has a contrast of at least 3:1 to the page that it is drawn on."""
    for colour in colours:
        light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 2.95, colour


@pytest.mark.parametrize("sight", _SIGHT)
@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK])
def test_any_two_colours_differ_for_every_sight(colours: tuple[str, ...], sight: str) -> None:
    """No two colours come closer than an OKLab distance of 0.08, colour-blind or not."""
    for one, other in itertools.combinations(colours, 2):
        a, b = seen(one, sight), seen(other, sight)
        assert sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5 >= 0.08, (one, other)


def test_neighbouring_runs_get_different_colours_and_numbers_repeat_every_eight() -> None:
    """Run numbers 1..8 have eight colours; run 9 has that of run 1."""
    assert [palette.colour_index(number) for number in range(1, 10)] == [0, 1, 2, 3, 4, 5, 6, 7, 0]


def test_a_repeated_colour_is_dashed() -> None:
    """The first run of a colour is solid, each further one of the same colour has another dash."""
    assert palette.dashes([3, 1, 3, 3, 1]) == [0, 0, 1, 2, 1]


def test_a_dot_is_a_picture_without_a_server() -> None:
    """A dot is a data URI that holds its colour, so that tables load nothing."""
    assert palette.dot(0).startswith("data:image/svg+xml,")
    assert palette.LIGHT[0].lstrip("#") in palette.dot(0)
    assert palette.DARK[0].lstrip("#") in palette.dot(0, dark=True)
