"""The pipeline's facts as tables for its page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd

from runstream_consumer.history import DeadLetterRow, PipelineFacts
from runstream_dashboard import formats

_SHOWN_ELSEWHERE = frozenset({"told_at", "behind_s", "behind_events", "source"})


def partition_table(facts: PipelineFacts) -> pd.DataFrame:
    """
    Return the partitions of the log: folded up to, the log's end, what waits and how fast it goes.

    A journal is a partition named by its process, whose ids sort by their start: the newest ones come first.
    """
    is_journals = facts.watermark.source.startswith("journals")
    partitions = (
        sorted(facts.partitions, key=lambda each: each.partition, reverse=True) if is_journals else facts.partitions
    )
    return pd.DataFrame(
        {
            "Partition": [each.partition for each in partitions],
            "Folded": [each.folded for each in partitions],
            "End": [each.end for each in partitions],
            "Waiting": [None if each.end is None else each.end - each.folded for each in partitions],
            "Events / s": [each.events_per_s for each in partitions],
            "Last commit": [each.committed_at for each in partitions],
        }
    )


SHRUNK = (
    "**Journals have shrunk.** They end before what was folded from them: files were removed, or lost with power. The "
    "history keeps what it has; rebuilt from the log it would lack the difference. Put the files back from a backup, "
    "or keep this history file."
)


def shrunk_table(facts: PipelineFacts) -> pd.DataFrame:
    """Return the journals that end before what was folded from them: whose, folded up to, and where they end now."""
    folded = {each.partition: each.folded for each in facts.partitions}
    return pd.DataFrame(
        {
            "Journal": list(facts.shrunk),
            "Folded": [folded.get(producer) for producer in facts.shrunk],
            "Ends at": list(facts.shrunk.values()),
        }
    )


def shortfall_text(facts: PipelineFacts) -> str:
    """Return as Markdown why the log cannot, or soon cannot, give the whole history again; empty where it can."""
    if not facts.shortfalls:
        return ""
    dates = [one.from_s for one in facts.shortfalls if one.from_s is not None]
    first = min(dates, default=None)
    if first is None:
        what = "one day this history cannot be rebuilt from it"
    elif first == 0:
        what = "this history cannot be rebuilt from it any more"
    else:
        what = f"from {datetime.fromtimestamp(first, UTC):%Y-%m-%d %H:%M} UTC this history cannot be rebuilt from it"
    lines = "".join(f"\n- {formats.plain(one.text)}" for one in facts.shortfalls)
    return f"**The log does not keep everything: {what}.** Keep the history file.\n{lines}"


def letter_table(letters: Sequence[DeadLetterRow]) -> pd.DataFrame:
    """Return dead letters: when, from where, what is wrong with them."""
    return pd.DataFrame(
        {
            "Received": [each.received_at for each in letters],
            "Error": [each.error_type for each in letters],
            "Message": [each.error_message for each in letters],
            "Topic": [each.topic for each in letters],
            "Partition": [each.partition for each in letters],
            "Position": [each.position for each in letters],
            "Run": [each.run_id or "" for each in letters],
            "Size": [len(each.value) for each in letters],
        }
    )


def hex_dump(data: bytes) -> str:
    """Return bytes as lines of offset, hex and text."""
    lines = []
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{at:06x}  {part.hex(' '):<47}  {text}")
    return "\n".join(lines)


def consumer_facts(facts: PipelineFacts, now: datetime) -> dict[str, str | None]:
    """Return what the running consumer tells of itself, its last commit and seal, and the sizes of its files."""
    told = {
        key.replace("_", " "): str(value)
        for key, value in facts.consumer.items()
        if key not in _SHOWN_ELSEWHERE and isinstance(value, str | int)
    }
    return {
        "source": facts.watermark.source,
        "last commit": formats.ago(facts.watermark.committed_at, now),
        "last seal": formats.ago(facts.sealed_at, now),
        "database": formats.size(facts.database_bytes),
        "write-ahead log": formats.size(facts.wal_bytes),
        **told,
    }


def storage_table(facts: PipelineFacts) -> pd.DataFrame:
    """Return how many runs and points each experiment holds."""
    sizes = facts.storage
    return pd.DataFrame(
        {
            "Experiment": [
                each.experiment if each.workspace == "default" else f"{each.workspace} / {each.experiment}"
                for each in sizes
            ],
            "Runs": [each.n_runs for each in sizes],
            "Points": [each.n_points for each in sizes],
        }
    )
