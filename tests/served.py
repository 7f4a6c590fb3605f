"""A history that is served while a test writes into it, or fills it with events of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import pytest

from runstream_consumer import serve
from runstream_consumer.fold import Fold
from runstream_consumer.history import History, connect
from runstream_consumer.store import Store
from runstream_schemas.events import Event
from runstream_schemas.home import Home
from tests.folded import fold_into

Fill = Callable[[Sequence[Event]], History]


@contextmanager
def serving(home: Home) -> Iterator[tuple[Store, History]]:
    """Open the history file of a home for writing, serve it, and give both it and what readers see."""
    with (
        closing(Store.open(home.history_path, "journal", "journal:test")) as store,
        closing(serve.serve(store.connection, home)),
        connect(home.root) as history,
    ):
        yield store, history


@pytest.fixture
def fill(home: Home) -> Iterator[Fill]:
    """Fold events into a served history, and read it."""
    with serving(home) as (store, history):
        fold = Fold(store.load_state())

        def fill_now(events: Sequence[Event]) -> History:
            fold_into(store, fold, events)
            return history

        yield fill_now
