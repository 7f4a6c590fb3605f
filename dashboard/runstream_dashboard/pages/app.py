"""
The Streamlit script: navigation, theme and what every page shares. Streamlit runs it for each viewer.

It lies inside `pages/`, because Streamlit takes a folder of that name beside its script for pages of its own.
"""

from __future__ import annotations

import streamlit as st

from runstream_dashboard import heading, style
from runstream_dashboard.pages import all_pages
from runstream_dashboard.server import WEB

st.set_page_config(page_icon=str(WEB / "icon.png"), layout="wide")
style.apply()
page = st.navigation(all_pages(), position="top")
heading.name_tab(page.title)
page.run()
