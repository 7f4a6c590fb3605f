"""What the pages' tables show: numbers that a table would hide, journals that have shrunk."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import pytest

from runstream_consumer.history import LoggedMetric, MetricInfo, MetricStat, PipelineFacts, RunRow, Watermark
from runstream_consumer.pipeline import PartitionFacts
from runstream_dashboard import formats, pipeline_tables, tables
from runstream_schemas.topic_facts import Shortfall

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def run(value: float | None) -> RunRow:
    """Return a run whose metric `loss` ended with this value."""
    stat = MetricStat(1, 1, value, None, 0, value, 0, value, 0)
    return RunRow("r", "default", "exp", 1, None, "Completed", NOW, NOW, NOW, 1.0, None, None, None, None, None, None,
                  None, None, None, None, 1, 1, 0, 0, NOW, False, metrics={"loss": stat})  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.0, "-0"), (0.0, "0"), (math.nan, "NaN"), (math.inf, "inf"), (-math.inf, "-inf"), (None, "–"), (0.5, "0.5")],
)
def test_numbers_are_told_apart(value: float | None, text: str) -> None:
    """Every value that can be logged has a text of its own."""
    assert formats.number(value) == text


def test_a_column_of_plain_numbers_stays_numbers() -> None:
    """So that it is sorted and aligned as numbers."""
    shown = tables.run_table([run(0.25), run(None)], ["metric:loss"], {}, dark=False)

    assert shown["metric:loss"].dtype == float


@pytest.mark.parametrize(("odd", "text"), [(math.nan, "NaN"), (math.inf, "inf"), (-0.0, "-0")])
def test_a_run_that_diverged_shows_so(odd: float, text: str) -> None:
    """What a numeric column would leave empty, or show as another number, is written out; a missing one stays empty."""
    shown = tables.run_table([run(odd), run(0.5), run(None)], ["metric:loss"], {}, dark=False)

    assert shown["metric:loss"].tolist()[:2] == [text, "0.5"]
    assert shown["metric:loss"].isna().tolist() == [False, False, True]


def test_a_metric_with_a_curve_comes_first() -> None:
    """A setting logged once does not take the first place, where the curve is; the machine's figures come last."""
    points = {"lr": 1, "system/cpu": 50, "loss": 40, "accuracy": 4}
    logged = [LoggedMetric("r", name, "scalar", n) for name, n in points.items()]

    chosen = tables.choices([run(1.0)], logged)

    assert tables.named(chosen.offered, "metric") == ("loss", "lr", "accuracy", "system/cpu")


def metric(name: str, n: int) -> MetricInfo:
    """Return a scalar metric of n points."""
    return MetricInfo("r", name, None, "scalar", "", n, n, 0, 1.0, None, 0, 1.0, 0, 1.0, 0, 0, 0)


def test_values_of_a_metric_are_written_out_where_a_table_would_hide_them() -> None:
    """A column with NaN, infinities or -0.0 is text; one without stays as it was."""
    shown = tables.columns_table({"a": [math.nan, -0.0, 1.5, None], "b": [1, 2, 3, 4], "c": [1, "x", True, None]})

    assert shown["a"].tolist()[:3] == ["NaN", "-0", "1.5"]
    assert shown["a"].isna().tolist() == [False, False, False, True]
    assert shown["b"].tolist() == [1, 2, 3, 4]
    assert shown["c"].tolist()[:3] == ["1", "x", "True"]


def test_settings_come_before_what_was_found_out() -> None:
    """A run's own properties are apart from git, command and machine, which are told once, not in two SDKs' names."""
    own, origin = tables.apart(
        {"azureml.git.commit": "6f2", "lr": "0.1", "mlflow.source.git.commit": "6f2", "runstream.python": "3.11"}
    )

    assert own == {"lr": "0.1"}
    assert origin == {"azureml.git.commit": "6f2", "runstream.python": "3.11"}
    assert tables.apart({"mlflow.source.git.commit": "6f2"})[1] == {"mlflow.source.git.commit": "6f2"}


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["10", "9", None], [10.0, 9.0, None]),
        (["0.001", "1e-5", "-2"], [0.001, 1e-5, -2.0]),
        (["1.10", "1.9"], ["1.10", "1.9"]),
        (["007"], ["007"]),
        (["adam", "1"], ["adam", "1"]),
        (["nan"], ["nan"]),
        ([None], [None]),
    ],
)
def test_a_setting_that_is_a_number_sorts_as_one(texts: list[str | None], shown: list[object]) -> None:
    """A column of properties holds numbers where each is written as a number is; anything else stays as it was set."""
    rows = [dataclasses.replace(run(None), properties={} if text is None else {"lr": text}) for text in texts]

    assert [
        None if value != value else value for value in tables.run_table(rows, ["property:lr"], {}, False)["property:lr"]
    ] == shown


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([12_345_678, 3], "localized"),
        ([0.95, 3369.1], "%.4g"),
        ([3.4e-9, 0.1, math.nan, None], "%.4g"),
        ([123_456.7, 3.0], "localized"),
        ([123_456.7, 1e-5], "%.6g"),
        ([1e300], "%.4g"),
        ([], "localized"),
    ],
)
def test_no_number_of_a_column_is_falsified(values: list[float | None], form: str) -> None:
    """Counts are shown whole, small numbers to four digits: 12,345,678 steps are not 12350000."""
    assert formats.column_of(values) == form


def test_times_and_lengths_sort_as_such() -> None:
    """The list of runs holds times as times and durations as durations: a click on their heads sorts them so."""
    table = tables.run_table([run(None)], ["run:started", "run:duration"], {}, dark=False)

    assert table["run:started"].tolist() == [NOW]
    assert table["run:duration"].tolist() == [dt.timedelta(seconds=1)]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0362, "36 ms"), (40.7091, "41 s"), (95.2, "95 s"), (4195.0, "70 min"), (90_100.0, "25 h"), (-1.0, "0 s")],
)
def test_a_length_of_time_is_told_to_what_matters_of_it(seconds: float, shown: str) -> None:
    """Milliseconds are told below a second, seconds below an hour, minutes below a day."""
    size, unit = shown.split()
    a_unit_s = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}[unit]

    assert formats.rounded(seconds) == dt.timedelta(seconds=int(size) * a_unit_s)


def test_a_time_stands_in_the_zone_of_its_reader() -> None:
    """A time is written in the given zone, with the zone's name; without one in its own."""
    assert formats.moment(NOW, dt.timezone(dt.timedelta(hours=9), "KST")) == "02 Jan 2026, 09:00:00 KST"
    assert formats.moment(NOW) == "02 Jan 2026, 00:00:00 UTC"
    assert tables.summary(run(None), dt.timezone(dt.timedelta(hours=1), "CET")).count("01:00:00 CET") == 1


def test_a_long_text_is_cut_where_it_stands_among_numbers() -> None:
    """The last value of a metric of texts or pictures is told by its beginning."""
    texts = [
        dataclasses.replace(metric(name, 1), last_text=name) for name in ("warm-up", "mse over alpha_1795890179.png")
    ]

    assert tables.metric_table(texts, {})["Last"].tolist() == ["warm-up", "mse over alph…"]


def test_the_metrics_of_a_run_have_their_curves() -> None:
    """A metric is shown with its curve, by name and column; one without has an empty cell."""
    shown = tables.metric_table([metric("loss", 3), metric("lr", 1)], {("loss", None): [3.0, 2.0, 1.0]})

    assert shown["Curve"].tolist() == [[3.0, 2.0, 1.0], None]


def test_shrunk_journals_are_listed_with_both_places() -> None:
    """Folded up to and ending at: what is between has gone."""
    mark = Watermark(1, NOW, 1, 0.0, 0, "journals", "live")
    facts = PipelineFacts(
        mark, None, 0.0, 0.0, 0, 0, [PartitionFacts("p1", 7, 3, 0.0, 0.0, NOW)], [], None, None, None, {"p1": 3}, {}, []
    )

    assert pipeline_tables.shrunk_table(facts).to_dict("records") == [{"Journal": "p1", "Folded": 7, "Ends at": 3}]


@pytest.mark.parametrize(
    ("from_s", "told"),
    [
        ((1_790_000_000.0, 1_780_000_000.0), "from 2026-05-28 20:26 UTC this history cannot be rebuilt"),
        ((1_790_000_000.0, 0.0), "this history cannot be rebuilt from it any more"),
        ((None,), "one day this history cannot be rebuilt"),
    ],
)
def test_a_log_that_forgets_is_told_with_the_first_date(from_s: tuple[float | None, ...], told: str) -> None:
    """The earliest of the topics' dates counts; what has gone already comes before any date."""
    mark = Watermark(1, NOW, 1, 0.0, 0, "kafka", "live")
    lacks = [Shortfall("a_b", "a_b keeps events", at) for at in from_s]
    facts = PipelineFacts(mark, None, 0.0, 0.0, 0, 0, [], [], None, None, None, {}, {}, [], lacks)

    text = pipeline_tables.shortfall_text(facts)

    assert told in text
    assert text.count("- a\\_b keeps events") == len(from_s)


def test_logged_text_is_not_markup() -> None:
    """A picture in a message would make the browser fetch it."""
    assert formats.badge("a [b] _c_") == r"a [b] \_c\_"
    assert formats.plain("![x](http://a/b)\n:red[y] $z$ ok_1") == (r"\!\[x\]\(http\:\/\/a\/b\) \:red\[y\] \$z\$ ok\_1")
