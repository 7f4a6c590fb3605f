"""Runs: every run of the history, with filter, sort, pages and a selection kept by id."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runstream_consumer.history import ExperimentRow, FilterError, RunPage, RunRow
from runstream_dashboard import address, clock, formats, heading, live, loading, pages, states, statuses, style, tables
from runstream_dashboard.known import PAGE_SIZE, Known, learn, newest
from runstream_dashboard.pages import cells

RENEW_S = live.SLOW_S
SORTS = {"-created_at": "Newest", "created_at": "Oldest", "display_name": "Name", "-duration": "Longest"}


def _first_page() -> None:
    st.session_state["page"] = 1


def _with(options: Sequence[str], name: str) -> list[str]:
    """Return the options and what the address asks for: a link may name what is not known yet."""
    return list(dict.fromkeys([*options, *filter(None, [st.query_params.get(name)])]))


def _offered() -> Known:
    """Return what this viewer's filter row offers: as of its last look, or of anybody's at its first."""
    offered: Known = st.session_state.setdefault("rs-known", newest())
    return offered


def _filter() -> dict[str, Any]:
    """Draw the filter row; what is chosen lives in the address."""
    text, experiment, sort, columns = st.columns([6, 2, 2, 1.3], vertical_alignment="bottom")
    kept: dict[str, Any] = {"bind": "query-params", "on_change": _first_page, "label_visibility": "collapsed"}
    known = _offered()
    asked = text.text_input(
        "Filter",
        key="q",
        live=True,
        icon=":material/search:",
        placeholder="Filter: words, or  val/loss < 0.4 and optimizer = adamw and tag = sweep",
        **kept,
    )
    hidden = () if st.query_params.get("archived") == "true" else known.hidden
    listed = [name for name in known.experiments if name not in hidden]
    chosen = experiment.selectbox(
        "Experiment", _with(listed, "exp"), key="exp", index=None, placeholder="All experiments", **kept
    )
    order = SORTS | {f"{sign}{name}": f"{name} {arrow}" for name in known.metrics for sign, arrow in _ARROWS}
    order |= {name: name for name in _with([], "sort") if name not in order}
    by = sort.selectbox("Sort", list(order), key="sort", format_func=lambda name: order.get(name, name), **kept)
    status, children, archived = _switches(known, kept)
    return {
        "text": asked or "",
        "experiment": chosen,
        "status": status,
        "sort": by or "-created_at",
        "columns": columns,
        # Whoever looks for words may mean a child.
        "include_children": children or bool(asked),
        "include_archived": archived,
    }


def _switches(known: Known, kept: dict[str, Any]) -> tuple[tuple[str, ...], bool, bool]:
    """Draw the statuses with their counts; return those chosen, and whether children and hidden runs are listed."""
    counts = known.counts
    flags: dict[str, Any] = {"bind": "query-params", "on_change": _first_page}
    with st.container(key="rs-switches", horizontal=True, vertical_alignment="center", gap="medium"):
        status = st.pills(
            "Status",
            statuses.offered(counts, filter(None, [*st.query_params.get_all("status")])),
            key="status",
            selection_mode="multi",
            format_func=lambda name: f"{name} {counts[name]:,}" if counts.get(name) else name,
            **kept,
        )
        st.space("stretch")
        children = st.toggle("Children", key="children", help="List runs that belong to another run, too", **flags)
        archived = st.toggle("Archived", key="archived", help="List runs and experiments that are hidden", **flags)
    return tuple(status), children, archived


_ARROWS = (("", "↑"), ("-", "↓"))
_ASKED = ("experiment", "status", "sort", "include_children", "include_archived")


def _read(asked: dict[str, Any], metrics: tuple[str, ...], when: live.When) -> RunPage:
    """Read the page of runs; a filter that does not parse is named, and the last good result stays."""
    page = int(st.session_state.get("page", 1))
    given = {name: asked[name] for name in _ASKED}
    try:
        answer = live.run_page(when, asked["text"], page=page, page_size=PAGE_SIZE, metrics=metrics, **given)
    except FilterError as error:
        st.markdown(f":red[:material/error: {formats.plain(str(error))}]")
        text = st.session_state.get("rs-good-filter", "")
        return live.run_page(when, text, page=page, page_size=PAGE_SIZE, metrics=metrics, **given)
    st.session_state["rs-good-filter"] = asked["text"]
    return answer


def _columns(place: Any, choice: tables.Choice) -> tuple[str, ...]:
    """Draw the choice of columns; what differs from the first choice lives in the address, in its order."""
    first = [name for name in choice.first if name in choice.offered]
    asked = address.columns_of(st.query_params.get("cols"), first)
    # A link may name columns that no run of this page has: they are offered too, and stay.
    offered = tuple(dict.fromkeys([*choice.offered, *asked]))
    with place.popover("Columns", icon=":material/view_column:", width="stretch"):
        picked = st.multiselect(
            "Columns, in this order",
            offered,
            default=asked,
            format_func=lambda name: name.partition(":")[2] if name.startswith("run:") else name.replace(":", " ", 1),
            key=f"cols-{hash(offered)}",
        )
    wanted = address.columns_text(picked, first)
    if wanted != st.query_params.get("cols", ""):
        if wanted:
            st.query_params["cols"] = wanted
        else:
            st.query_params.pop("cols", None)
    return tuple(picked)


def _config(columns: Sequence[str], table: pd.DataFrame) -> dict[str, Any]:
    c = st.column_config
    config: dict[str, Any] = {
        "dot": c.ImageColumn(" ", width=32, pinned=True),
        "name": c.TextColumn("Run", width=210, help="Click a name to open the run"),
    }
    for column in columns:
        kind, _, name = column.partition(":")
        config[column] = c.TextColumn(name.capitalize()) if kind == "run" else cells.number_column(name, table[column])
    config |= {"run:duration": cells.duration_column("Duration"), "run:started": cells.age_column("Started")}
    config["children"] = c.NumberColumn("Children", width=80)
    config["run:tags"] = c.ListColumn("Tags", width=180)
    config["spark"] = c.LineChartColumn("Curve", width=110, help=next(iter(tables.named(columns, "metric")), ""))
    return config


def _remember(rows: list[RunRow], picked: list[int]) -> list[str]:
    """Fold the rows checked on this page into the ids chosen over all pages, which the address holds too."""
    here = [row.run_id for row in rows]
    kept = [run_id for run_id in st.session_state["chosen"] if run_id not in here]
    chosen = kept + [here[index] for index in picked if index < len(here)]
    st.session_state["chosen"] = chosen
    if chosen != list(address.split(st.query_params.get("runs"))):
        if chosen:
            st.query_params["runs"] = address.join(chosen)
        else:
            st.query_params.pop("runs", None)
    return chosen


def _table(answer: RunPage, columns: tuple[str, ...], when: live.When) -> list[str]:
    rows = answer.rows
    # A table's own selection is row numbers. Its key holds the ids, so that the numbers never outlive their rows.
    ids = "\n".join(row.run_id for row in rows)
    before = [index for index, row in enumerate(rows) if row.run_id in set(st.session_state["chosen"])]
    metrics = tables.named(columns, "metric")
    sparks = live.sparklines(when, tuple(row.run_id for row in rows), metrics[0]) if metrics else {}
    table = tables.run_table(rows, columns, sparks, style.dark())
    table = tables.with_family(table, rows, answer.n_children)
    event = st.dataframe(
        table,
        key=f"tbl-{hashlib.md5(ids.encode(), usedforsecurity=False).hexdigest()[:12]}",
        column_config=_config(columns, table) | {"run:status": cells.status_column(row.status for row in rows)},
        hide_index=True,
        row_height=loading.ROW_PX,
        height=loading.table_px(len(rows), loading.TABLE_PX),
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": before}},
        placeholder="",
        alt="Runs",
    )
    picked = event.selection
    for index, column in picked.cells:
        if column == "name" and index < len(rows):
            st.switch_page(pages.named("run"), query_params={"run": rows[index].run_id})
    return _remember(rows, list(picked.rows))


def _actions(place: Any, chosen: list[str]) -> None:
    query = {"runs": address.join(chosen[: address.MAX_RUNS])}
    label = f"Plot {len(chosen)} selected" if chosen else "Plot newest"
    with place:
        if st.button(label, icon=":material/show_chart:", type="primary" if chosen else "secondary"):
            st.switch_page(pages.named("charts"), query_params=query if chosen else {})
        if st.button("Compare", icon=":material/compare_arrows:", disabled=len(chosen) < 2):
            st.switch_page(pages.named("compare"), query_params=query)


def _renewed() -> None:
    place = heading.show("Runs", ticking=None)
    asked = _filter()
    with loading.place("runs", loading.TABLE_PX):
        _list(asked, place)


def _list(asked: dict[str, Any], place: DeltaGenerator) -> None:
    """Draw the runs that are asked for, and at `place` what can be done with the chosen ones."""
    when = live.slow(live.watermark())
    metrics = _metrics()
    answer = _read(asked, metrics, when)
    if not answer.total and not (asked["text"] or asked["status"] or asked["experiment"]):
        st.session_state["rs-was-empty"] = True
        states.no_runs()
        return
    if st.session_state.pop("rs-was-empty", False) and answer.total == 1:
        st.switch_page(pages.named("run"), query_params={"run": answer.rows[0].run_id})
    columns = _columns(asked["columns"], tables.choices(answer.rows, answer.logged))
    st.session_state["rs-metrics"] = tables.named(columns, "metric")
    if tables.named(columns, "metric") != metrics:
        answer = _read(asked, tables.named(columns, "metric"), when)
    _know(learn(answer, tables.named(columns, "metric")))
    _experiment([row for row in answer.catalog if row.name == asked["experiment"]])
    if not answer.rows:
        st.info("No run matches this filter.", icon=":material/filter_list_off:")
    chosen = _table(answer, columns, when) if answer.rows else list(st.session_state["chosen"])
    _foot(answer)
    _actions(place, chosen)


def _metrics() -> tuple[str, ...]:
    """Return the metrics to read before the columns are known: as shown last, as the address asks, or as at first."""
    if "rs-metrics" in st.session_state:
        return tuple(st.session_state["rs-metrics"])
    asked = st.query_params.get("cols")
    return tables.named(address.columns_of(asked, ()), "metric") if asked else newest().metrics


def _experiment(rows: list[ExperimentRow]) -> None:
    """Tell what is known of the experiment that is listed; draws nothing for one without tags."""
    said = [row for row in rows if row.tags or row.archived]
    if not said:
        return
    with st.container(key="rs-experiment", horizontal=True, vertical_alignment="center", gap="small"):
        for row in said:
            if row.archived:
                st.badge(f"Archived {clock.moment(row.archived_at)}", color="gray", icon=":material/archive:")
            for text in tables.tag_texts(row.tags):
                st.badge(formats.badge(text), color="violet")


def _know(fresh: Known) -> None:
    """Keep what the filter row offers; it is drawn before the answer is known, so a new offer draws it again."""
    if fresh != st.session_state["rs-known"]:
        st.session_state["rs-known"] = fresh
        st.rerun()


def _foot(answer: RunPage) -> None:
    n_pages = max(1, -(-answer.total // PAGE_SIZE))
    text, turn = st.columns([3, 2], vertical_alignment="center")
    first = (int(st.session_state.get("page", 1)) - 1) * PAGE_SIZE + 1
    last = first + len(answer.rows) - 1
    if answer.rows:
        told = f"{first:,}–{last:,} of {answer.total:,} run{'' if answer.total == 1 else 's'}."
        text.caption(f"{told} A click on a name opens the run, one on a column's head sorts this page only.")
    if n_pages > 1:
        turn.pagination(n_pages, key="page", bind="query-params", width="stretch")


def _page() -> None:
    st.session_state.setdefault("chosen", list(address.split(st.query_params.get("runs"))))
    states.renewed(_renewed, RENEW_S)()


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
