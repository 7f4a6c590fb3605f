"""Hypothesis strategies: what producers log, and what a log may do to it on the way to the fold."""

import math
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from runstream_schemas.events import Created, Event, RunEvent, Series, TagEvent, topic_for
from tests.folded import START_NS, metric_event, scalar

VALUES = st.one_of(
    st.floats(width=64),
    st.integers(-(2**70), 2**70),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
    st.sampled_from([2**53 + 1, math.nan, math.inf, -0.0]),
)
STEPS = st.one_of(st.none(), st.integers(-3, 3), st.integers(-(2**63) + 1, 2**63 - 1))


@st.composite
def logged(draw: st.DrawFn) -> list[Event]:
    """The events of one to three producers of two runs, each stream in order; one form per metric name."""
    events: list[Event] = []
    for number in range(draw(st.integers(1, 3))):
        run_id, producer_id = f"run{number % 2}", f"p{number}"
        events.append(RunEvent(run_id, producer_id, 0, START_NS, Created("w", "e")))
        n_tags = draw(st.integers(0, 3))
        events += [TagEvent(run_id, producer_id, i, START_NS + i, "k", str(i)) for i in range(n_tags)]
        series = [scalar(code, name) for code, name in enumerate("abc")]
        index = 0
        for sequence in range(draw(st.integers(0, 4))):
            points = draw(st.lists(st.tuples(st.integers(0, 2), STEPS, VALUES), max_size=6))
            describe = draw(st.sampled_from(["", "", "described", "again"]))
            known: list[Series] = [replace(one, description=describe) for one in series]
            event = metric_event(points, known, sequence=sequence, first_index=index)
            events.append(replace(event, run_id=run_id, producer_id=producer_id))
            index += len(points)
    return events


@st.composite
def delivered(draw: st.DrawFn, events: Sequence[Event]) -> list[list[Event]]:
    """The same events in another interleaving of their streams, with some sent again, cut into batches."""
    streams: dict[tuple[str, int], list[Event]] = {}
    for event in events:
        streams.setdefault((event.producer_id, int(topic_for(event))), []).append(event)
    order: list[Event] = []
    queues = list(streams.values())
    while any(queues):
        queue = draw(st.sampled_from([q for q in queues if q]))
        order.append(queue.pop(0))
        if draw(st.integers(0, 3)) == 0:
            order.append(draw(st.sampled_from(order)))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    return [order[low:high] for low, high in zip([0, *cuts], [*cuts, len(order)], strict=True)]
