"""The run page's snapshot: the folder that the run was made from, as a list of files and as a zip."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import RunRow
from runstream_dashboard import downloads, formats, live, loading, snapshots
from runstream_dashboard.pages import cells

_TABLE_PX = 300


def snapshot(row: RunRow) -> None:
    """Draw the list of files and the download; draws nothing for a run without a snapshot."""
    named = row.properties.get(snapshots.PROPERTY)
    if named is None:
        return
    with st.container(key="rs-snapshot"):
        st.subheader("Snapshot", anchor=False)
        try:
            found = live.detail("snapshot", (0, 0), row.run_id, lambda _reader: snapshots.read(row.properties), named)
        except snapshots.SnapshotError as error:
            st.info(f"It cannot be shown: {formats.plain(str(error))}.", icon=":material/folder_off:")
            return
        if found is None:
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(snapshots.summary(found), help=f"Id: {found.id}")
            st.space("stretch")
            st.link_button("Download zip", downloads.snapshot_address(row.run_id), icon=":material/folder_zip:")
        st.dataframe(
            snapshots.table(found),
            hide_index=True,
            column_config={"Size": cells.size_column()},
            row_height=loading.ROW_PX,
            height=loading.table_px(len(found.entries), _TABLE_PX),
            alt="Files of the snapshot",
        )
