"""The compare page's Images: what several runs have drawn under one name, side by side at the same place."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import ArtifactRow, MetricInfo, RunRow
from runstream_dashboard import clock, files, formats, gallery, live, palette, run_names, style, tables
from runstream_dashboard.pages import cells, pictures

_A_ROW = 4
_SWATCH_PX = 16


def images(rows: list[RunRow], _metrics: list[MetricInfo]) -> None:
    """Draw the pictures of these runs under the chosen name, at the chosen place in the order of logging."""
    run_ids = tuple(row.run_id for row in rows)
    hung = gallery.hang(live.pictures(live.slow(live.watermark()), run_ids))
    if not hung.named:
        st.caption("These runs have no images: `run.log_image` fills this page.")
        return
    left, right = st.columns([1, 2], gap="medium", vertical_alignment="center")
    name = left.selectbox("Image", hung.names, key="image", bind="query-params", label_visibility="collapsed")
    with right:
        place = _place(name, hung.longest(name))
    for cell, row in zip(cells.grid(len(rows), _A_ROW), rows, strict=True):
        with cell.container(border=True, key=f"rs-shot-{row.run_id}"):
            _shot(row, hung, name, place)


def _place(name: str, longest: int) -> int:
    """Ask which picture to show; the newest is not written into the address, so that it stays the newest."""
    if longest == 1:
        return 1
    given = gallery.place_of(st.query_params.get("at"), longest)
    # Its range grows with what is logged: a slider of another range is another widget.
    place = st.slider("Logged", 1, longest, given, key=f"at-{name}-{longest}", format=f"%d of {longest}")
    if place != longest:
        st.query_params["at"] = str(place)
    elif "at" in st.query_params:
        del st.query_params["at"]
    return place


def _shot(row: RunRow, hung: gallery.Gallery, name: str, place: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.image(palette.dot(tables.colour_of(row), style.dark()), width=_SWATCH_PX)
        st.text(run_names.of(row))
    shot = hung.shot(name, row.run_id, place)
    if shot is None:
        n = hung.count(name, row.run_id)
        st.caption(f"{n} picture{'' if n == 1 else 's'} of this name." if n else "No picture of this name.")
        return
    data = _bytes(shot)
    if data is None:
        st.caption(formats.plain(files.where(shot)))
        return
    pictures.picture(shot, data, f"{name} of {run_names.of(row)}, picture {place}")
    st.caption(f"logged {clock.moment(shot.logged_at)}")


def _bytes(shot: ArtifactRow) -> bytes | None:
    # Kept by what it holds: bytes do not change.
    return live.detail("bytes", (0, 0), shot.sha256, lambda reader: files.read(reader, shot.run_id, shot))
