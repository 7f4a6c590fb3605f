"""The compare page's Text: what two runs say differently, line by line beside each other."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import ArtifactRow, MetricInfo, RunRow, Snapshot, blobs
from runstream_dashboard import files, formats, live, snapshots, tables, text_diff
from runstream_dashboard.zips import WithheldError

_FILE = "file "
_SNAPSHOT = "snapshot "
_Lines = tuple[list[str], list[str]]


def text(rows: list[RunRow], _metrics: list[MetricInfo]) -> None:
    """Draw two of the runs beside each other: their parameters, tags, command line, long values, text files."""
    if len(rows) < 2:
        st.caption("Two runs are needed to stand beside each other.")
        return
    ids = [row.run_id for row in rows]
    # By name and number: the address holds what is shown, and runs may share a name.
    heads = {row.run_id: f"{tables.head(row)} · run {row.number}" for row in rows}
    what, left, right = st.columns([1.4, 1, 1], vertical_alignment="bottom")
    first = left.selectbox("Left", ids, key="tl", format_func=lambda run_id: heads[run_id], bind="query-params")
    second = right.selectbox(
        "Right", ids, index=1, key="tr", format_func=lambda run_id: heads[run_id], bind="query-params"
    )
    ours, theirs = (next(row for row in rows if row.run_id == run_id) for run_id in (first, second))
    documents = text_diff.documents(ours, theirs)
    names = [*documents, *_file_names(ours, theirs), *_snapshot_names(ours, theirs)]
    if not names:
        st.info("Nothing that these two say in words differs.", icon=":material/check:")
        return
    name = what.selectbox("Text", names, key="text", bind="query-params")
    lines = documents.get(name) or _read(name, ours, theirs)
    if lines is None:
        st.caption(f"{formats.plain(name)} is no text, is too large, or is not to be had on this machine.")
        return
    _draw(text_diff.beside(*lines), ours, theirs)


def _draw(sides: text_diff.Sides, ours: RunRow, theirs: RunRow) -> None:
    for place, row, shown in zip(st.columns(2, gap="small"), (ours, theirs), (sides.left, sides.right), strict=True):
        with place.container(key=f"rs-text-{'left' if row is ours else 'right'}"):
            st.caption(f"{formats.plain(tables.head(row))} · run {formats.count(row.number)}")
            st.code("\n".join(shown), language="diff")
    cut = f", of the first {formats.count(text_diff.MAX_LINES)}" if sides.is_cut else ""
    st.caption(f"{formats.count(sides.n_changed)} line{'' if sides.n_changed == 1 else 's'} differ{cut}.")


def _artifacts(row: RunRow) -> dict[str, ArtifactRow]:
    when = live.slow(live.watermark())
    found = live.detail("newest", when, row.run_id, lambda reader: reader.artifacts(row.run_id))
    return {artifact.path: artifact for artifact in found if not files.is_image(artifact)}


def _file_names(ours: RunRow, theirs: RunRow) -> list[str]:
    hashes = [{path: artifact.sha256 for path, artifact in _artifacts(row).items()} for row in (ours, theirs)]
    return [f"{_FILE}{path}" for path in text_diff.changed(*hashes)]


def _snapshot(row: RunRow) -> Snapshot | None:
    try:
        return snapshots.of(row)
    except WithheldError:
        # The run's own page says why it cannot be read.
        return None


def _snapshot_names(ours: RunRow, theirs: RunRow) -> list[str]:
    found = [_snapshot(row) for row in (ours, theirs)]
    hashes = [{file.path: file.sha256 for file in each.files} if each else {} for each in found]
    return [f"{_SNAPSHOT}{path}" for path in text_diff.changed(*hashes)]


def _read(name: str, ours: RunRow, theirs: RunRow) -> _Lines | None:
    """Return a file's lines in both runs; None where one of them cannot be shown."""
    both = [_bytes(name, row) for row in (ours, theirs)]
    try:
        left, right = (None if data is None else data.decode().splitlines() for data in both)
    except UnicodeDecodeError:
        return None
    return None if left is None or right is None else (left, right)


def _bytes(name: str, row: RunRow) -> bytes | None:
    if name.startswith(_SNAPSHOT):
        found = _snapshot(row)
        file = next((one for one in found.files if one.path == name.removeprefix(_SNAPSHOT)), None) if found else None
        if found is None or file is None:
            return None
        return blobs.read(None, found.location(file), file.sha256, files.PREVIEW_BYTES)
    artifact = _artifacts(row).get(name.removeprefix(_FILE))
    if artifact is None or artifact.size_bytes > files.PREVIEW_BYTES:
        return None
    return live.detail("bytes", (0, 0), artifact.sha256, lambda reader: files.read(reader, row.run_id, artifact))
