"""A served history that a test fills with events of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from runstream_consumer import serve
from runstream_consumer.fold import Fold
from runstream_consumer.history import History, connect
from runstream_consumer.store import Store
from runstream_schemas.events import Event
from runstream_schemas.home import Home
from tests.folded import fold_into

Fill = Callable[[Sequence[Event]], History]


@pytest.fixture
def fill(tmp_path: Path) -> Iterator[Fill]:
    """Fold events into a served history, and read it."""
    home = Home(tmp_path / "home").ensure()
    store = Store.open(home.history_path, "journal", "journal:test")
    fold = Fold(store.load_state())
    server = serve.serve(store.connection, home)
    with connect(home.root) as history:

        def fill_now(events: Sequence[Event]) -> History:
            fold_into(store, fold, events)
            return history

        yield fill_now
    server.close()
    store.close()
