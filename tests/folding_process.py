"""A process that folds a fixed stream into a store, to be killed: ``python -m tests.folding_process FOLDER N``.

It prints the number of events committed after each commit. Every fourth commit is followed by a seal, every second
of these by a compaction; every third fold goes through door one.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from runstream_consumer.fold import Fold
from runstream_consumer.maintain import Maintainer
from runstream_consumer.store import Store
from runstream_schemas.events import Created, Event, Heartbeat, RunEvent, TagEvent
from tests.folded import START_NS, Point, fold_into, metric_event, open_store, scalar

EVENTS_A_COMMIT = 3
POINTS_A_METRIC_EVENT = 40


def stream(n_events: int) -> Iterator[Event]:
    """The first ``n_events`` of a fixed stream: mostly metrics, with and without steps, and the others in between."""
    sequences = [0, 0, 0]
    series = [scalar(0, "loss"), scalar(1, "acc", description="share of hits")]
    for i in range(n_events):
        topic = 1 if i == 0 or i % 7 == 0 else 2 if i % 5 == 0 else 0
        sequence = sequences[topic]
        sequences[topic] += 1
        if topic == 1:
            yield RunEvent("run", "p1", sequence, START_NS + i, Heartbeat() if i else Created("w", "e"))
        elif topic == 2:
            yield TagEvent("run", "p1", sequence, START_NS + i, f"k{i % 3}", str(i))
        else:
            first = sequence * POINTS_A_METRIC_EVENT
            points: list[Point] = [
                (n % 2, None if n % 3 == 0 else n, "text" if n % 11 == 0 else n / 7)
                for n in range(first, first + POINTS_A_METRIC_EVENT)
            ]
            yield metric_event(points, series, sequence=sequence, first_index=first, time_ns=START_NS + i * 10**9)


def fold_rest(store: Store, n_events: int) -> Iterator[int]:
    """Fold what the store does not have of the stream; yields the events committed after each commit."""
    fold = Fold(store.load_state())
    maintainer = Maintainer(store, fold)
    events = list(stream(n_events))
    at = store.positions().get("log")
    begin = at.next_position if at else 0
    for first in range(begin, n_events, EVENTS_A_COMMIT):
        number = first // EVENTS_A_COMMIT
        fold_into(store, fold, events[first : first + EVENTS_A_COMMIT], door_one=number % 3 == 1 or None)
        yield min(first + EVENTS_A_COMMIT, n_events)
        if number % 4 == 3:
            maintainer.seal()
            maintainer.checkpoint()
        if number % 8 == 7:
            maintainer.compact()
    maintainer.write_statistics()


def main() -> None:
    """Fold until done or killed."""
    folder, n_events = Path(sys.argv[1]), int(sys.argv[2])
    store = open_store(folder)
    for n_committed in fold_rest(store, n_events):
        print(n_committed, flush=True)
    store.close()


if __name__ == "__main__":
    main()
