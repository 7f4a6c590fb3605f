"""Models: what was registered, its versions and files, and the runs that it came from."""

from __future__ import annotations

import streamlit as st

from runstream_consumer.history import ModelFileRow, ModelRow, RunRow, blobs
from runstream_dashboard import clock, files, formats, heading, live, loading, model_tables, run_names, states, tables
from runstream_dashboard.model_tables import Family
from runstream_dashboard.pages import cells, named

RENEW_S = live.SLOW_S
_SNIPPET = (
    'run.upload_file("outputs/model.pkl", "model.pkl")\nrun.register_model("churn", model_path="outputs/model.pkl")'
)


def _renewed() -> None:
    when = live.slow(live.watermark())
    rows = live.detail("models", when, "", lambda reader: reader.models())
    if not rows:
        with st.container(key="rs-no-models"):
            st.subheader("No models yet", anchor=False)
            st.write("A model is files of a run, registered under a name; each registration is a version.")
            st.code(_SNIPPET, language="python", width=720)
        return
    find = st.text_input(
        "Find", key="q", live=True, bind="query-params", icon=":material/search:", label_visibility="collapsed",
        placeholder="Find by name, tag, framework, description",
    )  # fmt: skip
    shown = model_tables.families(rows, find or "")
    if not shown:
        st.info("No model matches.", icon=":material/filter_list_off:")
        return
    left, right = st.columns([1, 1.35], gap="medium")
    with left:
        chosen = _choose(shown)
    with right, st.container(key="rs-model"):
        _family(chosen)


def _choose(shown: list[Family]) -> Family:
    """Draw the list of models and return the one that is looked at: the address says which."""
    asked = st.query_params.get("workspace"), st.query_params.get("model")
    at = next((at for at, each in enumerate(shown) if (each.workspace, each.name) == asked), None)
    if at is None and asked[1]:
        at = next((place for place, each in enumerate(shown) if each.name == asked[1]), None)
    event = st.dataframe(
        model_tables.family_table(shown),
        key=f"models-{hash(tuple((each.workspace, each.name) for each in shown))}",
        column_config={"Tags": st.column_config.ListColumn("Tags"), **cells.sizes_and_ages("Size", "Registered")},
        hide_index=True, row_height=loading.ROW_PX, height=loading.table_px(len(shown), loading.TABLE_PX),
        on_select="rerun", selection_mode="single-row", selection_default={"selection": {"rows": [at or 0]}},
        alt="Models",
    )  # fmt: skip
    picked = [index for index in event.selection.rows if index < len(shown)]
    family = shown[picked[0]] if picked else shown[at or 0]
    if picked and picked[0] != (at or 0):
        st.query_params.update(workspace=family.workspace, model=family.name)
        st.query_params.pop("version", None)
    return family


def _family(family: Family) -> None:
    st.subheader(formats.plain(family.name), anchor=False)
    asked = st.query_params.get("version")
    at = family.versions.index(family.version(asked))
    event = st.dataframe(
        model_tables.version_table(family),
        key=f"versions-{hash((family.workspace, family.name, len(family.versions)))}",
        column_config={
            "Tags": st.column_config.ListColumn("Tags"), "Version": st.column_config.NumberColumn(width=70),
            **cells.sizes_and_ages("Size", "Registered"),
        },
        hide_index=True, row_height=loading.ROW_PX, height=loading.table_px(len(family.versions), 240),
        on_select="rerun", selection_mode="single-row", selection_default={"selection": {"rows": [at]}},
        alt=f"Versions of {family.name}, the newest first",
    )  # fmt: skip
    picked = [index for index in event.selection.rows if index < len(family.versions)]
    row = family.versions[picked[0]] if picked else family.versions[at]
    if picked and picked[0] != at:
        st.query_params.update(workspace=family.workspace, model=family.name, version=str(row.version))
    with st.container(border=True, key="rs-model-version"):
        _version(row)


def _version(row: ModelRow) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**Version {row.version}**", width="content")
        if row.latest:
            st.badge("Newest", color="green")
        for text in tables.tag_texts(row.tags):
            st.badge(formats.badge(text), color="violet")
    st.caption(formats.plain(model_tables.summary(row, clock.zone())))
    if row.description:
        st.markdown(formats.plain(row.description))
    found, run = live.detail(
        "version", live.slow(live.watermark()), row.registration_id,
        lambda reader: reader.version_facts(row.registration_id, row.run_id),
    )  # fmt: skip
    _lineage(row, run)
    if row.properties:
        st.dataframe(tables.pairs(row.properties, "Property"), hide_index=True, alt="Properties")
    _files(found)


def _lineage(row: ModelRow, run: RunRow | None) -> None:
    if row.run_id is None:
        st.caption("Registered from files, without a run.")
        return
    if run is None:
        st.caption(f"From the run {formats.plain(row.run_id)}, which this history does not know.")
        return
    made_by = f"From {formats.plain(run_names.of(run))} in {formats.plain(run.experiment)}"
    st.page_link(named("run"), label=made_by, icon=":material/account_tree:", query_params={"run": row.run_id},
                 width="content")  # fmt: skip


def _files(found: list[ModelFileRow]) -> None:
    event = st.dataframe(
        model_tables.file_table(found), hide_index=True, column_config={"Size": cells.size_column()},
        on_select="rerun", selection_mode="single-row",
        key=f"model-files-{hash(tuple(file.sha256 for file in found))}", alt="Files of this version",
        selection_default={"selection": {"rows": [0] if len(found) == 1 else []}},
        row_height=loading.ROW_PX, height=loading.table_px(len(found), 320),
    )  # fmt: skip
    picked = [index for index in event.selection.rows if index < len(found)]
    if not picked:
        st.caption("Check a file to download it.")
        return
    file = found[picked[0]]
    data = live.detail(
        "model bytes", (0, 0), file.sha256,
        lambda _reader: blobs.read(file.content, file.location, file.sha256, files.MAX_BYTES),
    )  # fmt: skip
    if data is None:
        where = file.location or "an unknown place"
        st.info(formats.plain(f"{file.path} lies at {where}; Model.download() gets it."), icon=":material/cloud:")
        return
    name = file.path.rpartition("/")[2]
    st.download_button(f"Download {formats.plain(name)}", data, file_name=name, mime="application/octet-stream",
                       icon=":material/download:")  # fmt: skip


def _page() -> None:
    heading.show("Models")
    states.renewed(_renewed, RENEW_S, "models", (loading.CONTROLS_PX, loading.TABLE_PX))()


def page() -> None:
    """Draw the page."""
    states.guarded(_page)
