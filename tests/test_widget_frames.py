"""What a widget is sent: curves and lines, whole now and then, between that only what was added."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runstream.widgets import frames
from runstream.widgets.curves import Curve
from runstream.widgets.frames import Frames
from runstream.widgets.newest_lines import MAX_LINES, Lines

KEYS = ("x", "y", "low", "high")


def curve(values: Sequence[float], name: str = "loss", width: float = 0.0) -> Curve:
    """Return the curve of these values at the steps 0, 1, 2 ..., with a band where it has a width."""
    x, y = array("d", range(len(values))).tobytes(), array("d", values).tobytes()
    return Curve(name, "step", "", len(values), width, x, y, *((y, y) if width else ()))


class Page:
    """Does with frames what web/frames.js does: the reader that they are made for."""

    def __init__(self) -> None:
        self.whole: dict[str, Any] = {}

    def take(self, whole: dict[str, Any] | None, tail: dict[str, Any]) -> dict[str, Any]:
        """Return curve -> its four columns as bytes, and stream -> its lines."""
        self.whole = self.whole if whole is None else whole
        assert tail["base"] == self.whole["version"]
        base = _over(self.whole, {})
        shown = _over(tail, base)
        names = [*tail["order"], *tail["streams"]]
        return {name: shown[name] for name in names}


def _over(frame: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    shown = dict(base)
    for sent in frame["curves"]:
        before = base.get(sent["name"], dict.fromkeys(KEYS, b""))
        shown[sent["name"]] = {key: before[key][: sent["from"] * 8] + sent[key] for key in KEYS}
    for sent in frame["lines"]:
        before = base.get(sent["name"], []) if sent["goes_on"] else []
        shown[sent["name"]] = [*before, *sent["lines"]][-MAX_LINES:]
    return shown


def columns(of: Curve) -> dict[str, bytes]:
    """Return a curve as `Page` shows it."""
    return {key: getattr(of, key) for key in KEYS}


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "print", "cut anew", "many", "new curve"]), st.integers(1, 300)), max_size=12
)


@given(STEPS)
def test_a_page_shows_what_was_read(steps: list[tuple[str, int]]) -> None:
    """Whatever is added, and however curves are cut anew, the newest whole frame and tail give the curves and lines."""
    made, page = Frames(), Page()
    values: dict[str, list[float]] = {"loss": [0.0, math.nan]}
    lines, width = Lines("stdout"), 0.0
    for what, n in steps:
        if what == "new curve":
            values[f"curve {len(values)}"] = [1.0]
        elif what == "print":
            lines.add("\n".join(f"line {lines.n_seen + number}" for number in range(n)))
        elif what == "cut anew":
            width += 1.0
        else:
            values["loss"] += [float(number) for number in range(n * (40 if what == "many" else 1))]
        curves = [curve(each, name, width) for name, each in values.items()]
        shown = page.take(*made.next(curves, [lines]))
        assert shown == {**{each.name: columns(each) for each in curves}, "stdout": list(lines.newest)}


def test_a_tail_holds_what_was_added() -> None:
    """A point more costs its own bytes, and nothing new costs none."""
    made = Frames()
    values = [1.0 / (step + 1) for step in range(250)]
    other = curve([1.0, 2.0], "other")
    made.next([curve(values), other], [])
    whole, tail = made.next([curve([*values, 0.5]), other], [])
    assert whole is None
    assert [(sent["name"], sent["from"], len(sent["x"]), len(sent["low"])) for sent in tail["curves"]] == [
        ("loss", 250, 8, 0)
    ]
    assert made.next([curve(values), other], [])[1]["curves"] == []


def test_a_tail_that_is_not_small_becomes_a_whole_frame() -> None:
    """A tail never grows beyond its share of the whole frame."""
    made, values = Frames(), [0.0]
    wholes = 0
    for step in range(1, 3000):
        values.append(float(step))
        whole, tail = made.next([curve(values)], [])
        wholes += whole is not None
        size = frames._size_bytes(tail)
        assert size <= max(frames.SMALL_BYTES, len(values) * 16 // frames.SHARE)
    assert 2 <= wholes < 20


def test_equal_beginnings_are_found_bit_for_bit() -> None:
    """A changed value in the middle, -0.0 for 0.0 too, is where two curves part; NaN equals itself."""
    base = curve([1.0, math.nan, 0.0, 4.0])
    assert curve([1.0, math.nan, 0.0, 4.0, 5.0]).after(base) == 4
    assert curve([1.0, math.nan, -0.0, 4.0]).after(base) == 2
    assert curve([1.0]).after(base) == 1
    assert curve([1.0, math.nan, 0.0, 4.0], width=2.0).after(base) == 0
    assert base.after(None) == 0


def test_a_progress_bar_leaves_its_last_state() -> None:
    """What was overwritten by a carriage return is not among the lines, and a line's length is bounded."""
    lines = Lines("stderr")
    lines.add("10%\r50%\r100%\ndone\r\n" + "x" * 5000 + "\n")
    assert list(lines.newest)[:2] == ["100%", "done"]
    assert len(lines.newest[2]) == 2000


def test_lines_that_are_gone_are_not_gone_on_from() -> None:
    """As many new lines as are kept can be added to what a page has; one more, and it gets all that are kept."""
    lines = Lines("stdout")
    lines.add("first\n")
    lines.add("\n".join(map(str, range(MAX_LINES))))
    assert lines.since(1) == list(lines.newest)
    assert lines.since(MAX_LINES) == [str(MAX_LINES - 1)]
    assert lines.since(0) is None
