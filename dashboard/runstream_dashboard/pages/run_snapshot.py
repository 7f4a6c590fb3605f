"""The run page's snapshot: the folder that the run was made from, as a list of files and as a zip."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import SNAPSHOT_PROPERTY, RunRow
from runstream_dashboard import downloads, formats, loading, snapshots
from runstream_dashboard.pages import cells
from runstream_dashboard.zips import WithheldError

_TABLE_PX = 300


def snapshot(row: RunRow) -> None:
    """Draw the list of files and the download; draws nothing for a run without a snapshot."""
    if SNAPSHOT_PROPERTY not in row.properties:
        return
    with st.container(key="rs-snapshot"):
        st.subheader("Snapshot", anchor=False)
        try:
            found = snapshots.of(row)
        except WithheldError as error:
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
            height=loading.table_px(len(found.files), _TABLE_PX),
            alt="Files of the snapshot",
        )
