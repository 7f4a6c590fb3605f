"""Answers shared by all viewers: asked once, kept while the history is away."""

from __future__ import annotations

import threading

import pytest

from runstream_dashboard.answers import Answers


def answers(kept: int = 4) -> Answers:
    """Return an empty set of answers for which a broken connection means unreachable."""
    return Answers(kept, (ConnectionError,))


def away() -> str:
    """Answer as a history that cannot be reached."""
    raise ConnectionError


def test_one_answer_serves_all_who_ask_of_the_same_time() -> None:
    """A question is asked again only when its time is another one."""
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    shared = answers()
    assert [shared.get("q", when, ask) for when in (1, 1, 2, 2, 1)] == [1, 1, 2, 2, 3]


def test_viewers_at_the_same_moment_wait_for_one_answer() -> None:
    """Eight threads that want one answer at once cause one question."""
    shared, asked, gate = answers(), [], threading.Barrier(8)

    def ask() -> int:
        asked.append(1)
        return 7

    def viewer() -> None:
        gate.wait(30)
        assert shared.get("q", 1, ask) == 7

    threads = [threading.Thread(target=viewer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(asked) == 1


def test_the_last_answer_stands_while_the_history_is_away() -> None:
    """An unreachable history leaves what is on the page; a question never answered raises."""
    shared = answers()
    assert shared.get("q", 1, lambda: "old") == "old"
    assert shared.get("q", 2, away) == "old"
    assert shared.get("q", 2, lambda: "new") == "new"
    with pytest.raises(ConnectionError):
        shared.get("never", 1, away)


def test_other_errors_are_told() -> None:
    """A wrong filter is the reader's to see, whatever was answered before."""

    def wrong() -> str:
        raise ValueError

    shared = answers()
    shared.get("q", 1, lambda: "old")
    with pytest.raises(ValueError):  # noqa: PT011 - any message will do
        shared.get("q", 2, wrong)


def test_only_so_many_questions_are_kept() -> None:
    """The question asked longest ago is forgotten first, so that memory stays bounded."""
    shared = answers(kept=2)
    for question in "abac":
        shared.get(question, 1, lambda: "first")
    assert [shared.get(question, 1, lambda: "again") for question in "ac"] == ["first", "first"]
    assert shared.get("b", 1, lambda: "again") == "again"
