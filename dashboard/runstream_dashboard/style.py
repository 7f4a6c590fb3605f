"""The few rules of style that Streamlit's theme has no option for. Hooks are test ids and `st-key-*` only."""

from __future__ import annotations

import streamlit as st

from runstream_dashboard.palette import DARK_PRIMARY, LIGHT_PRIMARY

_RULES = """<style>
[data-testid="stMainBlockContainer"] { padding: 4.1rem 1.6rem 2rem; max-width: none; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.5rem; padding: 0; font-weight: 650; overflow-wrap: anywhere; }
[data-testid="stMainBlockContainer"] h2 { font-size: 1.15rem; padding: .4rem 0 .2rem; }
[data-testid="stMainBlockContainer"] h3 { font-size: 1rem; padding: .35rem 0 .15rem; }
[data-testid="stMetric"] { padding: .7rem .9rem; }
[data-testid="stMetricValue"] { font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.st-key-rs-heading, .st-key-rs-switches { min-height: 38px; }
.st-key-rs-badge { font-variant-numeric: tabular-nums; font-size: .92rem; }
/* An element that is being renewed keeps its look: a page that ticks must not breathe. */
[data-stale="true"] { opacity: 1 !important; transition: none !important; }
.st-key-sql textarea { font-family: "Source Code Pro", ui-monospace, monospace; font-size: .87rem; }
.st-key-rs-badge p { font-size: .92rem; }
/* On a phone: the badge on a line of its own, cards two a row, and the statement before the list of tables. */
@media (max-width: 640px) {
  .st-key-rs-heading { row-gap: .4rem; }
  .st-key-rs-heading > :has(.st-key-rs-badge) { flex: 1 1 100%; }
  .st-key-rs-heading > :has(> [data-testid="stSpace"]) { display: none; }
  .st-key-rs-cards [data-testid="stColumn"] { min-width: 42%; flex: 1 1 42%; }
  [data-testid="stColumn"]:has(.st-key-rs-schema) { order: 2; }
}
</style>"""


def apply() -> None:
    """Put the rules on the page."""
    st.html(_RULES)


def dark() -> bool:
    """Say whether this viewer's page is dark."""
    return st.context.theme.type == "dark"


def primary() -> str:
    """Return the page's own colour as CSS."""
    return DARK_PRIMARY if dark() else LIGHT_PRIMARY
