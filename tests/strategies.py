"""Hypothesis strategies: values, records and events of every kind, as producers may make them."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from runstream_schemas import points
from runstream_schemas.catalog import (
    SUBJECTS,
    CatalogArchived,
    CatalogChange,
    CatalogDeleted,
    CatalogEvent,
    CatalogTag,
    ModelFile,
    ModelRegistered,
)
from runstream_schemas.events import (
    FORMS,
    Archived,
    ArtifactEvent,
    Change,
    Created,
    Deleted,
    Described,
    Event,
    Gap,
    Heartbeat,
    LogEvent,
    MetricEvent,
    Other,
    ProducerClosed,
    ProducerLost,
    PropertiesAdded,
    RunEvent,
    Series,
    StatusChanged,
    TagEvent,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
COUNTS = st.integers(0, 2**62)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
RUN_IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
PRODUCER_IDS = st.uuids().map(str)
OPTIONAL = st.none() | TEXTS
HEADERS = st.tuples(RUN_IDS, PRODUCER_IDS, COUNTS, INT64)

CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.builds(
        Created, TEXTS, TEXTS, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL, TEXTS, TEXTS, st.integers(0, 2**31), OPTIONAL
    ),
    st.builds(Described, OPTIONAL, OPTIONAL),
    st.builds(StatusChanged, NAMES, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL),
    st.builds(PropertiesAdded, st.dictionaries(NAMES, TEXTS, max_size=4)),
    st.just(Heartbeat()),
    st.builds(ProducerClosed, COUNTS, COUNTS, st.none() | COUNTS),
    st.builds(ProducerLost, TEXTS, st.none() | COUNTS),
    st.builds(Gap, COUNTS, TEXTS),
    st.builds(Archived, st.booleans()),
    st.just(Deleted()),
)
RUN_EVENTS = st.builds(RunEvent, RUN_IDS, PRODUCER_IDS, COUNTS, INT64, CHANGES)
TAG_EVENTS = st.builds(lambda header, *rest: TagEvent(*header, *rest), HEADERS, NAMES, OPTIONAL, st.booleans())
ARTIFACT_EVENTS = st.builds(
    lambda header, *rest: ArtifactEvent(*header, *rest),
    HEADERS,
    NAMES,
    COUNTS,
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    NAMES,
    OPTIONAL,
    st.none() | st.binary(max_size=200),
    OPTIONAL,
)
MODEL_FILES = st.builds(
    ModelFile,
    NAMES,
    COUNTS,
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    NAMES,
    OPTIONAL,
    st.none() | st.binary(max_size=200),
)
CATALOG_CHANGES: st.SearchStrategy[CatalogChange] = st.one_of(
    st.builds(CatalogTag, NAMES, OPTIONAL, st.booleans(), OPTIONAL),
    st.builds(CatalogArchived, st.booleans()),
    st.builds(CatalogDeleted, OPTIONAL),
    st.builds(
        ModelRegistered,
        st.lists(MODEL_FILES, max_size=3).map(tuple),
        OPTIONAL,
        st.dictionaries(NAMES, OPTIONAL, max_size=3),
        st.dictionaries(NAMES, TEXTS, max_size=3),
        OPTIONAL,
        OPTIONAL,
        st.none() | RUN_IDS,
    ),
)
CATALOG_EVENTS = st.builds(
    CatalogEvent,
    st.just("") | RUN_IDS,
    PRODUCER_IDS,
    COUNTS,
    INT64,
    NAMES,
    st.sampled_from(SUBJECTS),
    NAMES,
    CATALOG_CHANGES,
)
LOG_EVENTS = st.builds(lambda header, *rest: LogEvent(*header, *rest), HEADERS, NAMES, COUNTS, TEXTS)


def record(step: int, time_ns: int, value: object, series: int) -> bytes:
    """A 32-byte record of this value; a string's side value is the caller's business."""
    if isinstance(value, bool):
        return points.FLOAT_RECORD.pack(step, time_ns, float(value), points.pack_code(series, points.BOOL))
    if isinstance(value, int):
        return points.INT_RECORD.pack(step, time_ns, value, points.pack_code(series, points.INT))
    if isinstance(value, float):
        return points.FLOAT_RECORD.pack(step, time_ns, value, points.pack_code(series, points.FLOAT))
    if value is None:
        return points.FLOAT_RECORD.pack(step, time_ns, 0.0, points.pack_code(series, points.NONE))
    return points.INT_RECORD.pack(step, time_ns, 0, points.pack_code(series, points.TEXT))


@st.composite
def metric_events(draw: st.DrawFn, max_points: int = 12) -> MetricEvent:
    """A metric event whose points, series and side values fit together."""
    n_series = draw(st.integers(1, 4))
    codes = draw(st.lists(st.integers(0, 2**40), min_size=n_series, max_size=n_series, unique=True))
    series = tuple(
        Series(code, draw(NAMES), draw(st.none() | TEXTS), draw(st.sampled_from(FORMS)), draw(TEXTS)) for code in codes
    )
    values = draw(st.lists(st.one_of(st.floats(), INT64, st.booleans(), st.none(), TEXTS), max_size=max_points))
    rows = [(draw(INT64), draw(INT64), value, draw(st.sampled_from(codes))) for value in values]
    others = tuple(Other(i, value) for i, value in enumerate(values) if isinstance(value, str))
    data = b"".join(record(*row) for row in rows)
    return MetricEvent(*draw(HEADERS), draw(COUNTS), len(rows), series, others, data)


EVENTS: st.SearchStrategy[Event] = st.one_of(
    RUN_EVENTS, metric_events(), TAG_EVENTS, ARTIFACT_EVENTS, LOG_EVENTS, CATALOG_EVENTS
)


def float_bits(value: float) -> int:
    """The 64 bits of a double: tells NaNs and zeros apart."""
    return int.from_bytes(struct.pack("<d", value), "little")
