"""The pages: widgets only. What they show comes from `live`, what they draw from `grid`, `figures` and `tables`."""

from __future__ import annotations

import importlib

import streamlit as st

_PAGES: dict[str, st.Page] = {}
_MODULES = ("runs", "charts", "compare", "models", "sql", "pipeline", "run")


def all_modules() -> None:
    """Import every page and what it is made of: a second of work that no viewer should wait for."""
    for name in _MODULES:
        importlib.import_module(f"{__name__}.{name}")
    # The elements' own modules, which Streamlit imports when the first one is drawn.
    for name in ("pandas", "pyarrow", "pyarrow.compute", "streamlit.elements.arrow"):
        importlib.import_module(name)


def all_pages() -> list[st.Page]:
    """Return the pages in the order of the navigation; the first answers at `/`."""
    from runstream_dashboard.pages import charts, compare, models, pipeline, run, runs, sql

    _PAGES.update(
        runs=st.Page(runs.page, title="Runs", icon=":material/table_rows:", default=True),
        charts=st.Page(charts.page, title="Charts", icon=":material/show_chart:", url_path="charts"),
        compare=st.Page(compare.page, title="Compare", icon=":material/compare_arrows:", url_path="compare"),
        models=st.Page(models.page, title="Models", icon=":material/deployed_code:", url_path="models"),
        sql=st.Page(sql.page, title="SQL", icon=":material/database:", url_path="sql"),
        pipeline=st.Page(pipeline.page, title="Pipeline", icon=":material/conversion_path:", url_path="pipeline"),
        run=st.Page(run.page, title="Run", url_path="run", visibility="hidden"),
    )
    return list(_PAGES.values())


def named(name: str) -> st.Page:
    """Return the page of this name, for links and switches."""
    return _PAGES[name]
