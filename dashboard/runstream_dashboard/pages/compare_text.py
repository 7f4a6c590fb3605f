"""The compare page's Text: what two runs say differently, line by line beside each other."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from runstream_consumer.history import ArtifactRow, MetricInfo, RunRow, Snapshot, blobs
from runstream_dashboard import files, formats, live, run_names, snapshots, text_diff
from runstream_dashboard.zips import WithheldError

# Choices with a label above each.
CONTROLS_PX = 66
_FILE = "file "
_SNAPSHOT = "snapshot "
_Lines = tuple[list[str], list[str]]
_Artifacts = dict[str, ArtifactRow]


def text(rows: list[RunRow], _metrics: list[MetricInfo]) -> None:
    """Draw two of the runs beside each other: their parameters, tags, command line, long values, text files."""
    if len(rows) < 2:
        st.caption("Two runs are needed to stand beside each other.")
        return
    ids = [row.run_id for row in rows]
    # Told apart: the address holds what is shown, and runs may share a name.
    heads = run_names.among(rows)
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
    _draw(text_diff.beside(*lines), ours, theirs, heads)


def _draw(sides: text_diff.Sides, ours: RunRow, theirs: RunRow, heads: Mapping[str, str]) -> None:
    for place, row, shown in zip(st.columns(2, gap="small"), (ours, theirs), (sides.left, sides.right), strict=True):
        with place.container(key=f"rs-text-{'left' if row is ours else 'right'}"):
            st.caption(formats.plain(heads[row.run_id]))
            st.code("\n".join(shown), language="diff")
    cut = f", of the first {formats.count(text_diff.MAX_LINES)}" if sides.is_cut else ""
    st.caption(f"{formats.count(sides.n_changed)} line{'' if sides.n_changed == 1 else 's'} differ{cut}.")


def _artifacts(ours: RunRow, theirs: RunRow) -> tuple[_Artifacts, _Artifacts]:
    """Return the files of both runs that are no pictures, by path."""
    run_ids = ours.run_id, theirs.run_id
    when = live.slow(live.watermark())
    both = live.detail("newest", when, "\0".join(run_ids), lambda reader: reader.newest_artifacts(run_ids))
    left, right = (
        {artifact.path: artifact for artifact in both if artifact.run_id == run_id and not files.is_image(artifact)}
        for run_id in run_ids
    )
    return left, right


def _file_names(ours: RunRow, theirs: RunRow) -> list[str]:
    hashes = [{path: artifact.sha256 for path, artifact in found.items()} for found in _artifacts(ours, theirs)]
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
    held = _artifacts(ours, theirs)
    both = [_bytes(name, row, found) for row, found in zip((ours, theirs), held, strict=True)]
    try:
        left, right = (None if data is None else data.decode().splitlines() for data in both)
    except UnicodeDecodeError:
        return None
    return None if left is None or right is None else (left, right)


def _bytes(name: str, row: RunRow, artifacts: _Artifacts) -> bytes | None:
    if name.startswith(_SNAPSHOT):
        found = _snapshot(row)
        file = next((one for one in found.files if one.path == name.removeprefix(_SNAPSHOT)), None) if found else None
        if found is None or file is None:
            return None
        return blobs.read(None, found.location(file), file.sha256, files.PREVIEW_BYTES)
    artifact = artifacts.get(name.removeprefix(_FILE))
    if artifact is None or artifact.size_bytes > files.PREVIEW_BYTES:
        return None
    return live.detail("bytes", (0, 0), artifact.sha256, lambda reader: files.read(reader, row.run_id, artifact))
