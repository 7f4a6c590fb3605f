"""Answers shared by all viewers: each question keeps its newest answer, asked once however many want it. Pure."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    when: Hashable = None
    answer: Any = None


class Answers:
    """The newest answers to at most `kept` questions; those asked longest ago are forgotten."""

    def __init__(self, kept: int, unreachable: tuple[type[Exception], ...]) -> None:
        """Use at most `kept` slots; while `ask` raises one of `unreachable`, the last answer stands."""
        self._kept = kept
        self._unreachable = unreachable
        self._lock = threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()

    def get(self, question: Hashable, when: Hashable, ask: Callable[[], T]) -> T:
        """
        Return the answer to `question` as of `when`, asking only if the one at hand is of another time.

        Viewers that want the same answer at once wait for one of them to ask.

        Args:
            question: names what is asked.
            when: the state asked about, such as a commit's number; never None.
            ask: gets the answer; called with this question's lock held.

        Raises:
            What `ask` raises; of the kind "unreachable" only when there is no earlier answer.
        """
        with self._lock:
            slot = self._slots.setdefault(question, _Slot())
            self._slots.move_to_end(question)
            while len(self._slots) > self._kept:
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.when != when:
                try:
                    slot.answer = ask()
                except self._unreachable:
                    if slot.when is None:
                        raise
                    return slot.answer  # type: ignore[no-any-return]
                slot.when = when
            return slot.answer  # type: ignore[no-any-return]
