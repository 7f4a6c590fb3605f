"""The run page's models: versions that were registered from this run."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import RunRow
from runstream_dashboard import formats, live
from runstream_dashboard.pages import named


def made(row: RunRow) -> None:
    """Draw a link to each model that this run made; draws nothing without any."""
    when = live.slow(live.watermark(), turn=3)
    models = live.detail("made", when, row.run_id, lambda reader: reader.models(run_id=row.run_id))
    if not models:
        return
    with st.container(key="rs-made", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Models from this run", width="content")
        for model in models:
            st.page_link(
                named("models"), label=f"{formats.plain(model.name)} · version {model.version}", width="content",
                icon=":material/deployed_code:",
                query_params={"workspace": model.workspace, "model": model.name, "version": str(model.version)},
            )  # fmt: skip
