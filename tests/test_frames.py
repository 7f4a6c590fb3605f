"""Frames: what the browser holds after a sequence of frames is what the history said, and a tick sends a tail only."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from runstream_dashboard import frames
from runstream_dashboard.frames import Curve


@dataclass(frozen=True)
class Columns:
    """What the history gives for one curve."""

    run_id: str
    name: str
    width: float
    n: int
    last_x: NDArray[np.float64]
    last: NDArray[np.float64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]
    nonfinite: Sequence[tuple[float, str, int]] = ()


def curve(values: Sequence[float], width: float = 0.0, run_id: str = "r1", chart: str = "loss") -> Curve:
    """Make a curve of these values at x = 0, 1, 2, ..."""
    y = np.array(values, dtype=float)
    return frames.curve_of(Columns(run_id, chart, width, len(y), np.arange(len(y), dtype=float), y, y - 1, y + 1))


def decode(data: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Take a frame apart as web/frame.js does."""
    (length,) = struct.unpack_from("<I", data)
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    at = 8 + -(-length // 8) * 8
    curves = header.pop("curves")
    for each in curves:
        for name in ("x", "y", "low", "high"):
            if name in {"low", "high"} and not each["width"]:
                each[name] = each["y"]
                continue
            each[name] = np.frombuffer(data, "<f8", each["count"], at)
            at += each[name].nbytes
    assert at == len(data)
    return header, curves


def merge(held: dict[frames.Key, dict[str, Any]], curves: Sequence[dict[str, Any]]) -> None:
    """Put a frame's curves into what the browser holds, as web/frame.js does."""
    for each in curves:
        key = (each["chart"], each["run"])
        if each["from"]:
            old = held[key]
            for name in ("x", "y", "low", "high"):
                each[name] = np.concatenate([old[name][: each["from"]], each[name]])
        held[key] = each


def same(one: Mapping[str, Any], other: Curve) -> bool:
    """Say whether the browser holds this curve, bit for bit."""
    pairs = [(one["x"], other.x), (one["y"], other.y)]
    pairs += [(one["low"], other.low), (one["high"], other.high)] if other.width else []
    return all(a.tobytes() == b.tobytes() for a, b in pairs) and one["nonfinite"] == [list(m) for m in other.nonfinite]


_VALUES = st.lists(st.sampled_from([0.0, -0.0, 1.5, float("nan"), 2.0, 1e300]), max_size=12)


@given(st.lists(st.tuples(_VALUES, st.sampled_from([0.0, 4.0])), min_size=1, max_size=6))
def test_tails_give_the_same_curves_as_whole_frames(states: list[tuple[list[float], float]]) -> None:
    """However a curve grows, shrinks, changes inside or changes its width, the browser ends with what was said last."""
    held: dict[frames.Key, dict[str, Any]] = {}
    sent: dict[frames.Key, Curve] = {}
    for values, width in states:
        new = curve(values, width)
        merge(held, decode(frames.encode({}, [new], sent))[1])
        sent[new.key] = new
        assert same(held[new.key], new)


def test_a_tick_sends_only_the_changed_tail() -> None:
    """After 300 columns, a tick with one changed and one new column sends two."""
    old = curve(np.sin(np.arange(300.0)).tolist(), 8.0)
    values = [*old.y.tolist(), 0.5]
    values[299] = 0.25
    new = curve(values, 8.0)
    frame = frames.encode({"frame": 2, "base": 1}, [new], {old.key: old})
    header, curves = decode(frame)
    assert header == {"frame": 2, "base": 1}
    assert [(each["from"], each["count"]) for each in curves] == [(299, 2)]
    assert len(frame) < 300


def test_an_unchanged_curve_is_not_sent() -> None:
    """A tick without news for a curve does not mention it."""
    held = curve([1.0, 2.0])
    assert decode(frames.encode({}, [held], {held.key: held}))[1] == []


def test_a_new_mark_alone_is_sent() -> None:
    """A value that is not finite changes no column, and still arrives."""
    old = curve([1.0, 2.0])
    new = replace(old, nonfinite=((1.0, "nan", 1),))
    (sent,) = decode(frames.encode({}, [new], {old.key: old}))[1]
    assert (sent["from"], sent["count"], sent["nonfinite"]) == (2, 0, [[1.0, "nan", 1]])


def test_another_width_is_a_whole_curve() -> None:
    """When columns become twice as wide nothing of the old curve is kept, even where values agree."""
    assert frames.common(curve([1.0, 2.0], 4.0), curve([1.0, 2.0], 8.0)) == 0


def test_raw_points_travel_without_a_band() -> None:
    """A curve of single points is x and y: 16 bytes a point, not 32."""
    raw, band = (len(frames.encode({}, [curve([0.5] * 1000, width)], {})) for width in (0.0, 2.0))
    assert 15990 <= band - raw <= 16010


def test_names_in_any_script_survive() -> None:
    """Chart names travel as they are, also in the padding's way."""
    for name in ("손실", "손실/값", "a", "ab", "loss, or not"):
        (sent,) = decode(frames.encode({}, [curve([1.0], chart=name)], {}))[1]
        assert sent["chart"] == name
