"""
Skeletons: what stands in a place of a page until what belongs there has been read.

A place that holds something keeps it while it is read anew, so a skeleton is seen at a page's first read only. It is as
tall as what the place held when anybody last looked at the same address, or as the page says.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

T = TypeVar("T")

ROW_PX = 34
HEADING_PX = 38
CONTROLS_PX = 38
TABLE_PX = 560
_SESSION = "rs-places"
_KEPT = 256

Address = frozenset[tuple[str, str]]


@dataclass(slots=True)
class _Filled:
    """
    The places of this viewer's page that hold something.

    Attributes:
        subject: what the page is about.
        side: at which of two spots it is drawn.
        before, now: names of the places that were drawn by the last run of its script, and since.
    """

    subject: str = ""
    side: int = 0
    before: set[str] = field(default_factory=set)
    now: set[str] = field(default_factory=set)

    def holds(self, name: str) -> bool:
        return name in self.before or name in self.now


@dataclass(slots=True)
class _Drawn:
    """The tallest table of the place that is being drawn."""

    px: int = 0


class _Heights:
    """How tall the tables in places were, by place and address; shared by the threads of all viewers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._px: OrderedDict[tuple[str, Address | None], int] = OrderedDict()

    def get(self, name: str, address: Address) -> int | None:
        with self._lock:
            return self._px.get((name, address), self._px.get((name, None)))

    def put(self, name: str, address: Address, px: int) -> None:
        with self._lock:
            for key in ((name, address), (name, None)):
                self._px[key] = px
                self._px.move_to_end(key)
            while len(self._px) > _KEPT:
                self._px.popitem(last=False)


_heights = _Heights()
_drawing: ContextVar[_Drawn | None] = ContextVar("drawing", default=None)


def _filled() -> _Filled:
    filled: _Filled = st.session_state.setdefault(_SESSION, _Filled())
    return filled


def _address() -> Address:
    return frozenset((name, ",".join(st.query_params.get_all(name))) for name in st.query_params)


@contextmanager
def page(subject: str) -> Iterator[None]:
    """Draw a page in the block; of a page about something else nothing stays while this one is read."""
    filled = _filled()
    filled.before, filled.now = filled.now, set()
    if filled.subject != subject:
        filled.subject, filled.side, filled.before = subject, 1 - filled.side, set()
    # A container that is drawn again keeps what it held until all is drawn: what is to go has to leave its spot.
    spots = [st.container() if side == filled.side else st.empty() for side in range(2)]
    with spots[filled.side]:
        yield


def table_px(n_rows: int, most_px: int) -> int:
    """Return how tall a table of so many rows of ROW_PX is, and keep it for the next skeleton in this place."""
    px = min(most_px, ROW_PX * (n_rows + 1) + 3)
    drawn = _drawing.get()
    if drawn is not None:
        drawn.px = max(drawn.px, px)
    return px


def first(name: str, read: Callable[[], T]) -> T:
    """Read what a page needs before it can draw anything; the outlines of a page are seen meanwhile."""
    filled, name = _filled(), f"first of {name}"
    spot = st.empty()
    if not filled.holds(name):
        _outline(spot.container(), (HEADING_PX, CONTROLS_PX, TABLE_PX))
    try:
        answer = read()
    finally:
        spot.empty()
    filled.now.add(name)
    return answer


@contextmanager
def place(name: str, *heights_px: int) -> Iterator[None]:
    """
    Draw what the block draws in a place of its own, where a skeleton stands until the first of it arrives.

    Args:
        name: of the place, the only one on its page.
        heights_px: how tall the elements are that the block draws, from above; the last is the table. Each skeleton
            stands until the block draws the element that belongs there.
    """
    filled = _filled()
    # As asked for: what is drawn may change it.
    address = _address()
    drawn = _Drawn()
    token = _drawing.set(drawn)
    try:
        if filled.holds(name):
            with st.container():
                yield
        else:
            *above, table = heights_px
            with _waiting((*above, _heights.get(name, address) or table)):
                yield
    finally:
        _drawing.reset(token)
    filled.now.add(name)
    if drawn.px:
        _heights.put(name, address, drawn.px)
    around = _drawing.get()
    if around is not None:
        around.px = max(around.px, drawn.px)


@contextmanager
def _waiting(heights_px: tuple[int, ...]) -> Iterator[None]:
    spot = st.empty()
    _outline(spot.container(), heights_px)
    # A second container at the same spot: what is drawn into it takes the places of the skeletons, one by one.
    drawn = spot.container()
    try:
        with drawn:
            yield
    except Exception:
        _clear(drawn, len(heights_px))
        raise
    # Whatever the block has not drawn over. A script that is run anew or stopped has its page drawn over or kept.
    _clear(drawn, len(heights_px))


def _outline(place: DeltaGenerator, heights_px: tuple[int, ...]) -> None:
    for px in heights_px:
        place.skeleton(px)


def _clear(drawn: DeltaGenerator, n: int) -> None:
    for _ in range(n):
        drawn.empty()
