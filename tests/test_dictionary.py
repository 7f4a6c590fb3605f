"""Series dictionaries that are remembered by their bytes change what decoding costs, never what it says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstream_schemas import codec
from runstream_schemas.dictionary import Dictionaries
from runstream_schemas.errors import DecodeError
from runstream_schemas.events import MetricEvent, Series
from tests.strategies import metric_events

HEADER = ("run-1", "01890000-0000-7000-8000-00000000d1c7", 7, 1_700_000_000_000_000_000)
TWO = (Series(0, "loss", None, "scalar"), Series(1, "table", "a", "table", "a column"))


def event(series: tuple[Series, ...] = TWO) -> MetricEvent:
    """An event without points that describes ``series``."""
    return MetricEvent(*HEADER, 0, 0, series, (), b"")


def fresh(monkeypatch: pytest.MonkeyPatch, limit_bytes: int = 1 << 20) -> Dictionaries:
    """The codec's dictionaries, empty."""
    known = Dictionaries(limit_bytes)
    monkeypatch.setattr(codec, "_dictionaries", known)
    return known


@given(metric_events(), metric_events(), st.booleans())
def test_a_remembered_dictionary_reads_as_a_fresh_one(first: MetricEvent, second: MetricEvent, is_same: bool) -> None:
    """Whatever a producer's former event described, the next one decodes to what it says itself."""
    second = replace(second, producer_id=first.producer_id, series=first.series if is_same else second.series)

    for each in (first, second, first):
        assert codec.decode(codec.encode(each)) == each


def test_a_repeated_dictionary_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two events of a producer with the same dictionary share it: whoever comes after can tell at a glance."""
    fresh(monkeypatch)
    first, second = (codec.decode(codec.encode(event())) for _ in range(2))

    assert isinstance(first, MetricEvent)
    assert isinstance(second, MetricEvent)
    assert first.series is second.series


@pytest.mark.parametrize("series", [(*TWO, Series(2, "more", None, "scalar")), TWO[:1], (), TWO[::-1]])
def test_a_changed_dictionary_takes_the_place_of_the_former(
    monkeypatch: pytest.MonkeyPatch, series: tuple[Series, ...]
) -> None:
    """Series added, taken away or in another order are read as they are."""
    fresh(monkeypatch)
    codec.decode(codec.encode(event()))

    assert codec.decode(codec.encode(event(series))) == event(series)


def test_damage_behind_a_known_dictionary_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut or longer event is a DecodeError also where its dictionary need not be read."""
    fresh(monkeypatch)
    data = codec.encode(event())
    codec.decode(data)

    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(DecodeError):
            codec.decode(wrong)


def test_a_refused_dictionary_is_refused_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two series with one number are refused each time: only what passed all checks is remembered."""
    known = fresh(monkeypatch)
    data = codec.encode(event())
    at = data.index(b"\x02\x0atable")
    wrong = data[:at] + b"\x00" + data[at + 1 :]

    for _ in range(2):
        with pytest.raises(DecodeError, match="two series have one code"):
            codec.decode(wrong)
    assert known.size_bytes == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dictionaries beyond the limit leave, those used longest ago first, empty ones and too large ones as well."""
    known = fresh(monkeypatch, 4096)
    for n in range(100):
        codec.decode(codec.encode(replace(event(), producer_id=f"producer-{n}")))
        codec.decode(codec.encode(replace(event(()), producer_id=f"empty-{n}")))
    codec.decode(codec.encode(event((Series(0, "x" * 200, None, "scalar", "y" * 5000),))))

    assert known.size_bytes <= 4096
    assert known.find("producer-99", codec.encode(event()), 0) is None
