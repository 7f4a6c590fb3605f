"""The run page's Images and Files."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import ArtifactRow, MetricInfo, RunRow
from runstream_dashboard import address, clock, downloads, files, folders, formats, live, loading, tables
from runstream_dashboard.pages import cells, pictures, run_snapshot
from runstream_dashboard.zips import WithheldError

_IMAGES_A_ROW = 3
_TABLE_PX = 400


def _artifacts(row: RunRow) -> list[ArtifactRow]:
    when = live.slow(live.watermark())
    return live.detail("artifacts", when, row.run_id, lambda reader: reader.artifacts(row.run_id, versions=True))


def _bytes(row: RunRow, artifact: ArtifactRow) -> bytes | None:
    """Return an artifact's bytes, or None where this machine cannot reach its store; kept by what it holds."""
    return live.detail("bytes", (0, 0), artifact.sha256, lambda reader: files.read(reader, row.run_id, artifact))


def images_tab(row: RunRow, _metrics: list[MetricInfo]) -> None:
    """Draw the run's pictures by name, the newest first; names with several get a slider."""
    named = files.images(_artifacts(row))
    if not named:
        st.caption("No images: `run.log_image` fills this page.")
    for place, (name, shots) in zip(cells.grid(len(named), _IMAGES_A_ROW), named.items(), strict=True):
        with place.container(border=True, key=f"rs-image-{name}"):
            st.subheader(formats.plain(name), anchor=False)
            at = _place(name, len(shots)) if len(shots) > 1 else 1
            shot = shots[at - 1]
            data = _bytes(row, shot)
            if data is None:
                st.caption(formats.plain(files.where(shot)))
            else:
                pictures.picture(shot, data, f"{name}, logged {clock.moment(shot.logged_at)}")
            st.caption(f"{formats.plain(shot.path)} · {clock.moment(shot.logged_at)}")


def _place(name: str, n: int) -> int:
    """Draw the slider over the n pictures of a name and return its place, from 1; the newest is not in the address."""
    key = f"step-{name}"
    asked = address.items_of(st.query_params.get("step")).get(name, ("",))[0]
    st.session_state.setdefault(key, min(n, int(asked)) if asked.isdecimal() and int(asked) else n)

    def changed() -> None:
        places = address.items_of(st.query_params.get("step"))
        places.pop(name, None)
        if st.session_state[key] < n:
            places[name] = (str(st.session_state[key]),)
        if places:
            st.query_params["step"] = address.items_text(places)
        else:
            st.query_params.pop("step", None)

    return st.slider("Logged", 1, n, key=key, label_visibility="collapsed", on_change=changed)


def files_tab(row: RunRow, _metrics: list[MetricInfo]) -> None:
    """Draw the run's files as a table, where a checked row shows its preview, and its snapshot."""
    left, right = st.columns([1, 1.1], gap="medium")
    with left, loading.place("files", _TABLE_PX):
        found = _artifacts(row)
        picked = _table(row, found) if found else []
        if not found:
            st.caption("No files: `run.upload_file` and `run.upload_folder` fill this page.")
    with right:
        if picked:
            _preview(row, found[picked[0]])
        elif found:
            st.caption("Check a file to see it.")
    run_snapshot.snapshot(row)


def _table(row: RunRow, found: list[ArtifactRow]) -> list[int]:
    """Draw the files as a table and return the places of those that are checked."""
    event = st.dataframe(
        tables.file_table(found),
        hide_index=True,
        column_config={"Size": cells.size_column(), "Logged": cells.moment_column()},
        row_height=loading.ROW_PX,
        height=loading.table_px(len(found), _TABLE_PX),
        on_select="rerun",
        selection_mode="single-row",
        key="rs-files",
        alt="Files of this run",
    )
    _folder(row, found)
    return [index for index in event.selection.rows if index < len(found)]


def _folder(row: RunRow, found: list[ArtifactRow]) -> None:
    """Offer the files of a folder as a zip; a run with one file has no need of it."""
    if len({artifact.path for artifact in found}) < 2:
        return
    with st.container(key="rs-folder", horizontal=True, vertical_alignment="center"):
        folder = st.selectbox(
            "Folder", folders.named(found), key="folder", bind="query-params", label_visibility="collapsed",
            format_func=lambda name: f"{name}/" if name else "All files",
        )  # fmt: skip
        link = st.empty()
    try:
        n = len(folders.checked(found, folder))
    except WithheldError as error:
        st.caption(f"No zip of it: {formats.plain(str(error))}.")
        return
    where = downloads.folder_address(row.run_id, folder)
    link.link_button(f"Download {formats.count(n)} as zip", where, icon=":material/folder_zip:")


def _preview(row: RunRow, artifact: ArtifactRow) -> None:
    st.subheader(formats.plain(artifact.path), anchor=False)
    data = _bytes(row, artifact)
    if data is None:
        st.info(formats.plain(files.where(artifact)), icon=":material/cloud:")
        return
    st.download_button(
        "Download", data, file_name=files.leaf(artifact), mime=artifact.content_type, icon=":material/download:"
    )
    shown = files.preview(artifact, data)
    if shown.kind == "image":
        pictures.picture(artifact, data, artifact.path, "content")
    elif shown.kind == "table":
        st.dataframe(shown.table, alt=artifact.path)
    elif shown.kind == "text":
        st.code(shown.text, language=shown.language, height=420)
    else:
        st.caption("No preview for this kind of file.")
