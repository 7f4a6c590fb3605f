"""The pictures of many runs in one statement, so that runs can be looked at side by side."""

from collections.abc import Sequence

from runstream_consumer.access import Access
from runstream_consumer.details import ArtifactRow
from runstream_consumer.instants import utc
from runstream_consumer.literal import literal

_COLUMNS = "run_id, path, size_bytes, sha256, content_type, location, metric_name, version, newest, epoch_us(logged_at)"


def pictures(access: Access, run_ids: Sequence[str]) -> list[ArtifactRow]:
    """See History.pictures."""
    if not run_ids:
        return []
    ids = ", ".join(literal(run_id) for run_id in dict.fromkeys(run_ids))
    statement = f"""
SELECT {_COLUMNS} FROM artifact WHERE run_id IN ({ids}) AND starts_with(content_type, 'image/')
ORDER BY list_position([{ids}], run_id), logged_at, path, version"""
    rows = access.run(statement, lambda cursor: cursor.fetchall())
    return [
        ArtifactRow(
            run_id=run_id,
            path=path,
            size_bytes=size_bytes,
            sha256=sha256,
            content_type=content_type,
            location=location,
            content=None,
            metric_name=metric_name,
            logged_at=utc(logged_at_us),
            version=version,
            newest=newest,
        )
        for (
            run_id, path, size_bytes, sha256, content_type, location, metric_name, version, newest, logged_at_us
        ) in rows
    ]  # fmt: skip
