"""Several questions of one moment: where no consumer runs, the journals are folded once for all of them."""

from __future__ import annotations

import threading

import pytest

from runstream import Experiment, Run, Workspace
from runstream_consumer import access, loop
from runstream_consumer.history import History, connect
from runstream_schemas.errors import StatementFailed
from runstream_schemas.home import Home
from tests.waiting import until


@pytest.fixture
def run() -> Run:
    """Give a run that is logged to the test's home, and is no consumer's."""
    run = Experiment(Workspace(), "moments").start_logging()
    run.log("loss", 1.0, step=0)
    run.flush()
    return run


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give a list that grows by an entry for each fold."""
    counted: list[str] = []
    fold_all = loop._fold_all

    def counting(home: Home) -> None:
        counted.append("fold")
        fold_all(home)

    monkeypatch.setattr(loop, "_fold_all", counting)
    return counted


def n_points(history: History, run: Run) -> int:
    """Return how many points of the run the history has."""
    return history.run(run.id).n_points


def test_questions_of_one_moment_cost_one_fold(run: Run, folds: list[str]) -> None:
    """Inside at_once() one fold answers all questions, and what is logged meanwhile is seen by the next one."""
    with connect() as history:
        with history.at_once():
            first = n_points(history, run)
            run.log("loss", 0.5, step=1)
            run.flush()
            assert (first, n_points(history, run)) == (1, 1)
            assert history.metrics(run.id) == {"loss": 1.0}
        assert len(folds) == 1
        assert n_points(history, run) == 2
        assert len(folds) == 2


def test_two_answers_of_one_moment_stay_apart(run: Run) -> None:
    """Relations asked for inside the block keep their own rows, also after it."""
    with connect() as history:
        with history.at_once():
            one, two = history.sql("select 1 as a"), history.sql("select 2 as a")
        assert (one.fetchall(), two.fetchall()) == ([(1,)], [(2,)])


def test_a_failed_question_gives_the_file_back(run: Run) -> None:
    """An error inside the block leaves nothing locked."""
    with connect() as history:
        with pytest.raises(StatementFailed), history.at_once():
            history.sql("select nonsense from nowhere")
        assert n_points(history, run) == 1


def test_other_threads_wait_for_the_end_of_the_moment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question of another thread is not answered from the block, and is answered after it."""
    answers: list[int] = []
    with connect() as history:
        other = threading.Thread(target=lambda: answers.append(n_points(history, run)))
        with history.at_once():
            other.start()
            held = history._access._access  # type: ignore[attr-defined]
            assert isinstance(held, access.Filed)
            assert held._lock.locked()
            assert answers == []
        other.join()
    until(lambda: answers == [1], what="the other thread's answer")
