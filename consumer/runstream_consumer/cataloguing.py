"""What an event of the catalog becomes in the tables: rows, nothing else. Pure, as the fold is."""

from collections.abc import Iterator

from runstream_schemas.catalog import (
    CatalogEvent,
    CatalogTag,
    ModelRegistered,
    catalog_change_name,
    registration_id,
)

Row = tuple[str, dict[str, object]]
"""(table, columns by name)"""

_FIELDS = (
    *("registration_id", "key", "value", "removed", "archived"),
    *("description", "framework", "framework_version", "run_id"),
)
_FILE_FIELDS = ("path", "size_bytes", "sha256", "content_type", "location", "content")


def rows_of(event: CatalogEvent) -> Iterator[Row]:
    """The rows of one event, by table; a registration's tags and files are rows of their own."""
    change = event.change
    told: dict[str, object] = {name: getattr(change, name, None) for name in _FIELDS}
    if isinstance(change, ModelRegistered):
        told["registration_id"] = registration_id(event.producer_id, event.logged_at_ns)
        yield from _parts(event, change, told["registration_id"])
    yield "catalog_event", _row(event, catalog_change_name(change), told)


def _parts(event: CatalogEvent, change: ModelRegistered, registration: object) -> Iterator[Row]:
    for key, value in change.tags.items():
        told = dict.fromkeys(_FIELDS) | {"registration_id": registration, "key": key, "value": value, "removed": False}
        yield "catalog_event", _row(event, catalog_change_name(CatalogTag(key, value)), told)
    for key, text in change.properties.items():
        yield "model_property_event", {"registration_id": registration, "key": key, "value": text}
    for file in change.files:
        yield (
            "model_file_event",
            {
                "registration_id": registration,
                **{name: getattr(file, name) for name in _FILE_FIELDS},
            },
        )


def _row(event: CatalogEvent, change: str, told: dict[str, object]) -> dict[str, object]:
    header: dict[str, object] = {
        "producer_id": event.producer_id,
        "sequence": event.sequence,
        "logged_at_ns": event.logged_at_ns,
        "workspace": event.workspace,
        "subject": event.subject,
        "name": event.name,
        "change": change,
    }
    return header | told
