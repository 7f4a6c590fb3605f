"""How far the history has come: the watermark, what waits, and the facts of the pipeline page."""

import datetime as dt
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from runstream_consumer.access import Access
from runstream_consumer.instants import utc
from runstream_consumer.literal import literal
from runstream_consumer.runs import TERMINAL
from runstream_schemas.errors import NotYetFolded
from runstream_schemas.topics import Topic

State = Literal["live", "behind", "idle", "stopped"]
BEHIND_S = 2.0
SILENT_S = 60
STOPPED_S = 10.0
"""A consumer tells of itself about once a second; one that has been silent for this long does not fold."""

_POLL_S = 0.02
_SLOWEST_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Watermark:
    """
    What the tables are complete to.

    Attributes:
        commit_no: number of the newest commit; it grows with every change that a reader can see.
        committed_at: when that was.
        n_events: events folded so far.
        behind_s, behind_events: age of the oldest event not folded yet in seconds, and how many there are.
        source: what is read and where, in words.
        state: live; behind (more than two seconds); idle (no run is running and all is folded); stopped (the consumer
            has been silent for ten seconds).
    """

    commit_no: int
    committed_at: dt.datetime | None
    n_events: int
    behind_s: float
    behind_events: int
    source: str
    state: State


def watermark(access: Access) -> Watermark:
    """Read the watermark: one cheap statement."""
    return watermark_of(access, *access.run(watermark_statement(access), lambda cursor: cursor.fetchall())[0])


def watermark_statement(access: Access) -> str:
    """Return the statement whose one row `watermark_of` reads."""
    pulse = "(SELECT pulse FROM consumer.main.pulse LIMIT 1)" if access.is_served else "NULL"
    return f"""
-- Cheaper than view run, which looks at every run: only those that were heard of within a minute can be running.
WITH heard AS (SELECT DISTINCT run_key FROM batch WHERE received_at > epoch_us(now()) - {SILENT_S * 1_000_000}),
running AS (SELECT run_key FROM heard EXCEPT
            SELECT run_key FROM run_event WHERE change = 'status' AND run_key IN (FROM heard) GROUP BY 1
            HAVING arg_max(status, (logged_at_ns, producer_id, sequence)) IN {TERMINAL!r})
SELECT (SELECT max(commit_no) FROM position_log),
       (SELECT max(committed_at) FROM position_log WHERE commit_no = (SELECT max(commit_no) FROM position_log)),
       (SELECT sum(last_sequence - first_sequence + 1)::BIGINT FROM batch),
       (SELECT value FROM meta WHERE key = 'source_kind'),
       EXISTS (FROM running), {pulse}"""


def watermark_of(
    access: Access,
    commit_no: int | None,
    committed_at: int | None,
    n_events: int | None,
    kind: str | None,
    is_running: bool,
    told: str | None,
) -> Watermark:
    """Return the watermark that the columns of `watermark_statement` tell."""
    pulse_now: dict[str, Any] = json.loads(told) if told else {}
    behind_s, behind_events = pulse_now.get("behind_s", 0.0), pulse_now.get("behind_events", 0)
    return Watermark(
        commit_no=commit_no or 0,
        committed_at=None if committed_at is None else utc(committed_at),
        n_events=n_events or 0,
        behind_s=behind_s,
        behind_events=behind_events,
        source=f"{'Kafka' if kind == 'kafka' else 'journals'} {'through' if access.is_served else 'in'} {access.where}",
        state=_state(pulse_now, behind_s, behind_events, is_running),
    )


def _state(pulse: Mapping[str, Any], behind_s: float, behind_events: int, is_running: bool) -> State:
    if pulse and time.time() - pulse["told_at"] > STOPPED_S:
        return "stopped"
    if behind_s > BEHIND_S:
        return "behind"
    return "live" if is_running or behind_events else "idle"


def wait_for(access: Access, written: Mapping[tuple[str, Topic], int], timeout_s: float) -> None:
    """
    Wait until the history covers these sequences.

    Raises:
        NotYetFolded: it does not within *timeout_s* seconds.
    """
    began = time.monotonic()
    pause_s = _POLL_S
    while True:
        folded = _folded(access, {producer_id for producer_id, _ in written})
        missing = {key: sequence for key, sequence in written.items() if folded.get(key, -1) < sequence}
        if not missing:
            return
        waited_s = time.monotonic() - began
        if waited_s >= timeout_s:
            raise _not_yet(access, missing, folded, waited_s)
        time.sleep(min(pause_s, timeout_s - waited_s))
        pause_s = min(pause_s * 1.5, _SLOWEST_POLL_S)


def _folded(access: Access, producer_ids: set[str]) -> dict[tuple[str, Topic], int]:
    ids = ", ".join(literal(producer_id) for producer_id in sorted(producer_ids))
    statement = f"""
SELECT producer_id, topic, max(last_sequence) FROM batch WHERE producer_id IN ({ids}) GROUP BY ALL"""
    rows = access.run(statement, lambda cursor: cursor.fetchall()) if ids else []
    return {(producer_id, Topic(topic)): last for producer_id, topic, last in rows}


def _not_yet(
    access: Access, missing: Mapping[tuple[str, Topic], int], folded: Mapping[tuple[str, Topic], int], waited_s: float
) -> NotYetFolded:
    (producer_id, topic), wanted = next(iter(missing.items()))
    ids = literal(producer_id)
    run = access.run(
        f"SELECT run_id FROM run_event WHERE producer_id = {ids} LIMIT 1", lambda cursor: cursor.fetchall()
    )
    state = watermark(access).state
    cause = {
        "stopped": "the consumer does not fold any more",
        "behind": "the consumer is catching up",
    }.get(state, "the events have not reached the consumer")
    where = f"{topic.name.lower()} of producer {producer_id}"
    return NotYetFolded(
        run_id=run[0][0] if run else "?",
        wanted=f"event {wanted}",
        folded=f"{where} up to event {folded.get((producer_id, topic), -1)}",
        waited_s=waited_s,
        cause=cause,
    )
