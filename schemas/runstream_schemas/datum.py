"""Events as the dictionaries that Avro reads and writes: the one place where the two differ in shape."""

from __future__ import annotations

from typing import Any

from runstream_schemas.catalog import (
    CATALOG_CHANGES,
    CatalogArchived,
    CatalogEvent,
    ModelFile,
    ModelRegistered,
    catalog_change_name,
)
from runstream_schemas.events import (
    Archived,
    Created,
    Deleted,
    Described,
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
    "described": Described,
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
        datum["points"] = bytes(event.points)
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
    elif isinstance(event, CatalogEvent):
        datum |= _catalog_details(event)
    return datum


def _catalog_details(event: CatalogEvent) -> dict[str, Any]:
    change = event.change
    name = catalog_change_name(change)
    details: Any = _slots(change)
    if isinstance(change, CatalogArchived):
        details = change.archived
    elif isinstance(change, ModelRegistered):
        details["files"] = [_slots(file) for file in change.files]
    return dict.fromkeys(CATALOG_CHANGES) | {"change": name, name: details}


def _run_event(datum: dict[str, Any]) -> RunEvent:
    name = datum["change"]
    if name in ("heartbeat", "deleted"):
        change: Any = Heartbeat() if name == "heartbeat" else Deleted()
    else:
        if name not in (*_CHANGES, "properties", "archived"):
            raise ValueError(_unknown(name))
        details = _details(datum)
        if name == "properties":
            change = PropertiesAdded(details)
        elif name == "archived":
            change = Archived(details)
        else:
            change = _CHANGES[name](**details)
    return RunEvent(datum["run_id"], datum["producer_id"], datum["sequence"], datum["logged_at_ns"], change)


def _unknown(change: str) -> str:
    return f"unknown change {change!r}; if a newer runstream wrote it, upgrade this one and rebuild the history"


def _details(datum: dict[str, Any]) -> Any:
    details = datum[datum["change"]]
    if details is None:
        raise ValueError(f"change {datum['change']!r} without its details")
    return details


def _catalog_event(datum: dict[str, Any]) -> CatalogEvent:
    name = datum["change"]
    if name not in CATALOG_CHANGES:
        raise ValueError(_unknown(name))
    details = _details(datum)
    if name == "registered":
        details["files"] = tuple([ModelFile(**file) for file in details["files"]])
    change: Any = CatalogArchived(details) if name == "archived" else CATALOG_CHANGES[name](**details)
    return CatalogEvent(**{field: datum[field] for field in CatalogEvent.__slots__ if field != "change"}, change=change)


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
    if event is CatalogEvent:
        return _catalog_event(datum)
    return event(**datum)
