"""The run page's relatives: the run that it belongs to, its children, and the models that it made."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import RunPage, RunRow
from runstream_dashboard import address, formats, live, loading, run_names, statuses, style, tables
from runstream_dashboard.pages import cells, named

_CHILDREN = 100
_METRICS = 4


def parent(row: RunRow) -> None:
    """Draw a link to the run that this one belongs to; draws nothing for a run of its own."""
    if row.parent_run_id is None:
        return
    known = live.run_facts(live.slow(live.watermark()), (row.run_id,)).parents.get(row.parent_run_id)
    label = run_names.of(known) if known else row.parent_run_id
    with st.container(key="rs-parent"):
        # A page link to the page that is open does nothing, whatever its query.
        if st.button(f"Part of {formats.plain(label)}", icon=":material/arrow_upward:", type="tertiary"):
            st.switch_page(named("run"), query_params={"run": row.parent_run_id})


def children(row: RunRow) -> None:
    """Draw the run's children as a table, the newest first; draws nothing without any."""
    when = live.slow(live.watermark(), turn=1)
    # As at the last tick: what the children log is known only once they are read.
    kept = f"children-metrics-{row.run_id}"
    page = _page(when, row.run_id, st.session_state.get(kept, ()))
    if not page.total:
        return
    names = tuple(tables.key_names(page.logged))[:_METRICS]
    if names != st.session_state.get(kept, ()):
        st.session_state[kept] = names
        page = _page(when, row.run_id, names)
    with st.container(key="rs-children"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(f"{formats.count(page.total)} child run{'' if page.total == 1 else 's'}", anchor=False,
                         width="content")  # fmt: skip
            st.badge(_counted(page), color="gray")
            st.space("stretch")
            ids = [each.run_id for each in page.rows][: address.MAX_RUNS]
            if st.button("Plot children", icon=":material/show_chart:", key="plot-children"):
                st.switch_page(named("charts"), query_params={"runs": address.join(ids)})
            if st.button("Compare children", icon=":material/compare_arrows:", key="compare-children"):
                st.switch_page(named("compare"), query_params={"runs": address.join(ids)})
        _table(page, names)
        if page.total > len(page.rows):
            st.caption(f"The newest {formats.count(len(page.rows))} are shown; the list of runs has all of them.")


def _page(when: live.When, run_id: str, metrics: tuple[str, ...]) -> RunPage:
    quoted = run_id.replace("\\", "\\\\").replace('"', '\\"')
    return live.run_page(
        when, f'parent_run_id = "{quoted}"', page_size=_CHILDREN, metrics=metrics, include_archived=True
    )


def _counted(page: RunPage) -> str:
    counts = page.counts_by_status
    return " · ".join(f"{counts[name]} {formats.plain(name)}" for name in statuses.offered(counts) if counts.get(name))


def _table(page: RunPage, metrics: tuple[str, ...]) -> None:
    columns = ("run:status", "run:duration", "run:started", *(f"metric:{name}" for name in metrics))
    ids = tuple(row.run_id for row in page.rows)
    table = tables.run_table(page.rows, columns, {}, style.dark())
    table = tables.with_family(table, page.rows, page.n_children)
    c = st.column_config
    config = {
        "dot": c.ImageColumn(" ", width=32, pinned=True),
        "name": c.TextColumn("Run", width=210, help="Click a name to open the run"),
        "children": c.NumberColumn("Children", width=80),
        "run:status": cells.status_column(row.status for row in page.rows),
        "run:duration": cells.duration_column("Duration"),
        "run:started": cells.age_column("Started"),
    }
    config |= {f"metric:{name}": cells.number_column(name, table[f"metric:{name}"]) for name in metrics}
    event = st.dataframe(
        table, column_config=config, hide_index=True, row_height=loading.ROW_PX, key=f"children-{hash(ids)}",
        height=loading.table_px(len(table), 320), on_select="rerun", selection_mode="single-cell",
        alt="Children",
    )  # fmt: skip
    for index, column in event.selection.cells:
        if column == "name" and index < len(page.rows):
            st.switch_page(named("run"), query_params={"run": page.rows[index].run_id})
