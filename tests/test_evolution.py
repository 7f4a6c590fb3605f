"""Schemas grow only in ways that every old and new reader understands: FULL_TRANSITIVE over all that was shipped."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream_schemas import codec
from runstream_schemas.events import Event
from tests.strategies import EVENTS

FOLDER = Path(codec.__file__).parent

SHIPPED = {
    "85a10cab114569ea": "RUNS",
    "4285c6845ac2263d": "METRICS",
    "53a1b3a8f1365213": "TAGS",
    "7316e819b026f371": "ARTIFACTS",
    "ac4a0feec3b2f5ff": "LOGS",
    "f56df477c4ca7fa1": "RUNS",
    "5fc796a6ecaf7ffd": "CATALOG",
    "f019825abe8d57f8": "RUNS",
}
"""Fingerprints of every schema that ever left this repository, and its topic: a line is added, none ever changes."""


def versions(stem: str) -> list[Any]:
    """All shipped versions of one schema, the current one last."""
    paths = [*sorted(FOLDER.glob(f"{stem}.*.avsc")), FOLDER / f"{stem}.avsc"]
    return [json.loads(path.read_text()) for path in paths]


def problems(reader: Any, writer: Any, where: str = "") -> Iterator[str]:
    """Why data of `writer` could not be read with `reader`, by the specification's rules of resolution."""
    reader, writer = unwrapped(reader), unwrapped(writer)
    if isinstance(writer, list):
        for branch in writer:
            options = [list(problems(one, branch, where)) for one in (reader if isinstance(reader, list) else [reader])]
            if all(options):
                yield f"{where}: the writer may send {name_of(branch)}"
        return
    if isinstance(reader, list):
        if all(list(problems(branch, writer, where)) for branch in reader):
            yield f"{where}: {name_of(writer)} is in no branch of the reader"
        return
    if name_of(reader) != name_of(writer):
        yield f"{where}: {name_of(writer)} became {name_of(reader)}"
    elif kind_of(reader) == "record":
        theirs = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            inner = f"{where}.{field['name']}"
            if field["name"] in theirs:
                yield from problems(field["type"], theirs[field["name"]]["type"], inner)
            elif "default" not in field:
                yield f"{inner}: has no default for writers without it"
    elif kind_of(reader) in ("array", "map"):
        part = "items" if kind_of(reader) == "array" else "values"
        yield from problems(reader[part], writer[part], f"{where}[]")


def unwrapped(schema: Any) -> Any:
    """{"type": "string"} is "string"."""
    return schema["type"] if isinstance(schema, dict) and schema["type"] in ("string", "long", "int") else schema


def kind_of(schema: Any) -> Any:
    """Record, array, map or the primitive's name."""
    return schema["type"] if isinstance(schema, dict) else schema


def name_of(schema: Any) -> Any:
    """What must be equal on both sides: a record's name, or the type's."""
    return schema.get("name", schema["type"]) if isinstance(schema, dict) else schema


@pytest.mark.parametrize("stem", ["run", "metric", "tag", "artifact", "log", "catalog"])
def test_every_version_reads_every_other(stem: str) -> None:
    """Any two shipped versions of a schema can read each other's data, both ways."""
    pairs = itertools.permutations(versions(stem), 2)

    assert [problem for reader, writer in pairs for problem in problems(reader, writer)] == []


def test_shipped_schemas_stay() -> None:
    """A schema that was shipped is still known under its fingerprint: edit a copy, keep the old file beside it."""
    known = {mark.hex(): writer.topic.name for mark, writer in codec.SCHEMAS.items()}

    assert known == SHIPPED


BASE: dict[str, Any] = {"type": "record", "name": "E", "fields": [{"name": "a", "type": "long"}]}


def changed(**field: Any) -> dict[str, Any]:
    """The base record with one more field."""
    return {**BASE, "fields": [*BASE["fields"], {"name": "b", **field}]}


@pytest.mark.parametrize(
    ("one", "other", "n_problems"),
    [
        (BASE, changed(type=["null", "string"], default=None), 0),
        (BASE, changed(type="string"), 1),
        (BASE, {**BASE, "fields": [{"name": "a", "type": "string"}]}, 2),
        (BASE, {**BASE, "fields": [{"name": "c", "type": "long"}]}, 2),
        (changed(type=["null", "string"]), changed(type=["null", "string", "long"]), 1),
        (changed(type={"type": "array", "items": "string"}), changed(type={"type": "array", "items": "long"}), 2),
        (BASE, {**BASE, "name": "F"}, 2),
    ],
)
def test_the_checker_finds_what_breaks(one: Any, other: Any, n_problems: int) -> None:
    """Only an added field with a default passes; every other change is found, in the direction in which it breaks."""
    assert len([*problems(one, other), *problems(other, one)]) == n_problems


@given(EVENTS, st.text(max_size=5))
def test_a_later_optional_field_is_read_over(event: Event, extra: str) -> None:
    """Data of a later version with one more optional field is read by this one's schema, through resolution."""
    writer = codec.SCHEMAS[codec.encode(event)[2:10]]
    later = json.loads((FOLDER / writer.file).read_text())
    # Before the last field: a metric event's points stay last.
    later["fields"].insert(-1, {"name": "added", "type": ["null", "string"], "default": None})
    written = BytesIO(codec.encode(event)[10:])
    datum: Any = fastavro.schemaless_reader(written, writer.schema, None)
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(later), {**datum, "added": extra})
    out.seek(0)
    read: Any = fastavro.schemaless_reader(out, fastavro.parse_schema(later), writer.schema)

    # NaN-proof: both are compared as they would be written.
    again, before = BytesIO(), BytesIO()
    fastavro.schemaless_writer(again, writer.schema, read)
    fastavro.schemaless_writer(before, writer.schema, datum)
    assert again.getvalue() == before.getvalue()
