"""How the pipeline is doing: rates, lag, what could not be kept or read, sizes."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runstream_consumer.access import Access
from runstream_consumer.instants import utc
from runstream_consumer.progress import Watermark, watermark_of, watermark_statement
from runstream_schemas.topic_facts import Shortfall

RATE_S = 60
LAG_S = 600


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """One partition of the log: the position folded up to, the log's end if known, and events a second of late."""

    partition: str
    folded: int
    end: int | None
    behind_s: float | None
    events_per_s: float
    committed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class ExperimentSize:
    """What one experiment holds."""

    workspace: str
    experiment: str
    n_runs: int
    n_points: int


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """
    The state of the pipeline.

    Attributes:
        watermark: as `watermark()` gives it.
        visible_p95_s: log() to commit, 95th percentile of the newest points not sealed yet, in seconds; None without.
        events_per_s, points_per_s: over the last minute.
        n_dead_letters: events that could not be read.
        n_lost: points that producers could not keep.
        partitions: of the log.
        lag: (seconds ago, seconds behind) over the last ten minutes, oldest first; empty without a consumer.
        database_bytes, wal_bytes: sizes of the history's files; None where they cannot be seen.
        sealed_at: when points were last sealed.
        shrunk: producers whose journals end before what was folded from them, and where; empty without a consumer.
        consumer: what the running consumer tells of itself: process, host, start, versions.
        storage: points per experiment.
        shortfalls: why Kafka's topics cannot, or soon cannot, give the whole history again; empty without a consumer.
    """

    watermark: Watermark
    visible_p95_s: float | None
    events_per_s: float
    points_per_s: float
    n_dead_letters: int
    n_lost: int
    partitions: list[PartitionFacts]
    lag: list[tuple[float, float]]
    database_bytes: int | None
    wal_bytes: int | None
    sealed_at: dt.datetime | None
    shrunk: Mapping[str, int]
    consumer: Mapping[str, Any]
    storage: list[ExperimentSize]
    shortfalls: Sequence[Shortfall] = ()


_FACTS = f"""
WITH now AS (SELECT epoch_us(now()) AS us),
fresh AS (SELECT partition, topic, n, last_sequence - first_sequence + 1 AS n_events
          FROM batch, now WHERE received_at > us - {RATE_S * 1_000_000} AND last_sequence - first_sequence < 1),
place AS (SELECT p.partition, next_position, epoch_us(committed_at) AS folded_at,
                 (SELECT coalesce(sum(n_events), 0) FROM fresh AS f WHERE f.partition = p.partition) / {RATE_S} AS rate
          FROM position AS p),
late AS (SELECT quantile_cont(c.committed_at - p.logged_at, 0.95) AS us FROM point_live AS p
         JOIN (SELECT commit_no, max(committed_at) AS committed_at FROM position_log, now
               WHERE committed_at > us - {LAG_S * 1_000_000} GROUP BY 1) AS c ON c.commit_no = p.commit_no)
SELECT (SELECT us FROM late),
       (SELECT coalesce(sum(n_events), 0) FROM fresh) / {RATE_S},
       (SELECT coalesce(sum(n) FILTER (topic = 2), 0) FROM fresh) / {RATE_S},
       (SELECT coalesce(sum(1), 0) FROM dead_letter_log), (SELECT coalesce(sum(n_lost), 0) FROM run),
       (SELECT list({{'partition': partition, 'next': next_position, 'at': folded_at, 'rate': rate}} ORDER BY partition)
        FROM place),
       (SELECT max(sealed_at) FROM seal),
       (SELECT list({{'workspace': workspace, 'experiment': experiment, 'n_runs': n_runs, 'n_points': n_points}}
                    ORDER BY n_points DESC)
        FROM (SELECT workspace, experiment, sum(1)::BIGINT AS n_runs, sum(n_points)::BIGINT AS n_points
              FROM run GROUP BY 1, 2)),"""


def pipeline(access: Access) -> PipelineFacts:
    """Read the facts of the pipeline, and the watermark, in one statement."""
    told = "(SELECT pulse FROM consumer.main.pulse LIMIT 1)" if access.is_served else "NULL"
    statement = f"SELECT f.*, w.* FROM ({_FACTS} {told}) AS f, ({watermark_statement(access)}) AS w"
    row = access.run(statement, lambda cursor: cursor.fetchall())[0]
    late_us, events_per_s, points_per_s, n_dead, n_lost, places, sealed_at, storage, pulse, *mark = row
    consumer: dict[str, Any] = json.loads(pulse) if pulse else {}
    ends = {one["partition"]: one for one in consumer.pop("partitions", [])}
    if not access.is_served:
        consumer |= _sizes(Path(access.where))
    return PipelineFacts(
        watermark=watermark_of(access, *mark),
        visible_p95_s=None if late_us is None else late_us / 1e6,
        events_per_s=float(events_per_s),
        points_per_s=float(points_per_s),
        n_dead_letters=int(n_dead),
        n_lost=int(n_lost),
        partitions=[_partition(place, ends.get(place["partition"], {})) for place in places or ()],
        lag=[(ago_s, behind_s) for ago_s, behind_s in consumer.pop("lag", [])],
        database_bytes=consumer.pop("database_bytes", None),
        wal_bytes=consumer.pop("wal_bytes", None),
        sealed_at=None if sealed_at is None else utc(sealed_at),
        shrunk=consumer.pop("shrunk", {}),
        shortfalls=[Shortfall(**one) for one in consumer.pop("shortfalls", [])],
        consumer=consumer,
        storage=[ExperimentSize(**one) for one in storage or ()],
    )


def _partition(place: Mapping[str, Any], end: Mapping[str, Any]) -> PartitionFacts:
    return PartitionFacts(
        partition=place["partition"],
        folded=place["next"],
        end=end.get("end"),
        behind_s=end.get("behind_s"),
        events_per_s=float(place["rate"]),
        committed_at=utc(place["at"]),
    )


def _sizes(path: Path) -> dict[str, int]:
    """Sizes of the history's file and of its write-ahead log."""
    wal = path.with_name(path.name + ".wal")
    return {
        "database_bytes": path.stat().st_size if path.exists() else 0,
        "wal_bytes": wal.stat().st_size if wal.exists() else 0,
    }
