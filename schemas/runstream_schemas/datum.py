"""Events as the dictionaries that Avro reads and writes: the one place where the two differ in shape."""

from __future__ import annotations

from typing import Any

from runstream_schemas.events import (
    Archived,
    Created,
    Deleted,
    Event,
    Gap,
    Heartbeat,
    MetricEvent,
    Other,
    ProducerClosed,
    ProducerLost,
    PropertiesAdded,
    RunEvent,
    Series,
    StatusChanged,
    change_name,
)

_CHANGES: dict[str, type] = {
    "created": Created,
    "status": StatusChanged,
    "closed": ProducerClosed,
    "lost": ProducerLost,
    "gap": Gap,
}


def _slots(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def to_datum(event: Event) -> dict[str, Any]:
    """The record that Avro writes for this event."""
    datum = _slots(event)
    if isinstance(event, MetricEvent):
        datum["series"] = [_slots(s) for s in event.series]
        datum["others"] = [_slots(o) for o in event.others]
    elif isinstance(event, RunEvent):
        change = event.change
        name = change_name(change)
        details: Any = _slots(change)
        if isinstance(change, PropertiesAdded):
            details = change.properties
        elif isinstance(change, Archived):
            details = change.archived
        datum |= dict.fromkeys((*_CHANGES, "properties", "archived")) | {"change": name}
        if name in datum:
            datum[name] = details
    return datum


def _run_event(datum: dict[str, Any]) -> RunEvent:
    name = datum["change"]
    if name in ("heartbeat", "deleted"):
        change: Any = Heartbeat() if name == "heartbeat" else Deleted()
    else:
        if name not in (*_CHANGES, "properties", "archived"):
            raise ValueError(f"unknown change {name!r}; if a newer runstream wrote it, upgrade this one and replay")
        details = datum[name]
        if details is None:
            raise ValueError(f"change {name!r} without its details")
        if name == "properties":
            change = PropertiesAdded(details)
        elif name == "archived":
            change = Archived(details)
        else:
            change = _CHANGES[name](**details)
    return RunEvent(datum["run_id"], datum["producer_id"], datum["sequence"], datum["logged_at_ns"], change)


def metric_event(datum: dict[str, Any]) -> MetricEvent:
    """The event of what Avro read, which is used up; `series` may be a tuple of Series already."""
    if type(datum["series"]) is list:
        datum["series"] = tuple([Series(**s) for s in datum["series"]])
    datum["others"] = tuple([Other(**o) for o in datum["others"]])
    return MetricEvent(**datum)


def from_datum(event: type[Event], datum: dict[str, Any]) -> Event:
    """The event of class `event` that Avro read as `datum`, which is used up.

    Raises:
        ValueError: a change that this version does not know, or one without its details.
    """
    if event is RunEvent:
        return _run_event(datum)
    if event is MetricEvent:
        return metric_event(datum)
    return event(**datum)
