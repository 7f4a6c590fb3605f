"""What of a run has arrived, and what its processes have written besides: over Kafka topics come in no common order."""

from dataclasses import dataclass

from runstream_consumer.access import Access
from runstream_consumer.literal import literal
from runstream_schemas.ids import run_key
from runstream_schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    How much of a run is there.

    Attributes:
        n_missing: events that its processes say they have written, and that are neither in the tables nor among the
            dead letters.
        is_told: every process that logged to it has ended and said how much it has written; else nobody knows whether
            more is on its way.
    """

    n_missing: int
    is_told: bool


class ArrivalReads:
    """The part of History that tells what is still on its way."""

    _access: Access

    def arrival(self, run_id: str) -> Arrival:
        """Return how much of a run is there; of a run that nobody knows, nothing is missing and nothing told."""
        key = literal(run_key(run_id))
        statement = f"""
WITH told AS (
    SELECT producer_id, max(n_events) AS n FROM run_event
    WHERE run_key = {key} AND change IN ('created', 'producer_closed', 'producer_lost') GROUP BY 1
),
folded AS (
    SELECT producer_id, sum(last_sequence - first_sequence + 1) AS n FROM batch
    WHERE run_key = {key} AND topic <> {Topic.RUNS:d} GROUP BY 1
),
dead AS (SELECT sum(1) AS n FROM dead_letter_log WHERE run_id = {literal(run_id)})
SELECT greatest(0, coalesce(sum(greatest(0, t.n - coalesce(f.n, 0))), 0) - coalesce((SELECT n FROM dead), 0))::BIGINT,
       coalesce(bool_and(t.n IS NOT NULL), false)
FROM told AS t LEFT JOIN folded AS f ON f.producer_id = t.producer_id"""
        n_missing, is_told = self._access.run(statement, lambda cursor: cursor.fetchall())[0]
        return Arrival(n_missing, is_told)
