"""The head of a page: its title, the badge, and room for the page's actions."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from runstream_dashboard import badge, formats


def name_tab(title: str) -> None:
    """Name the browser's tab: among several of them each says what it shows."""
    st.set_page_config(page_title=f"{' '.join(title.split())} · runstream")


def show(title: str, ticking: bool | None = True) -> DeltaGenerator:
    """
    Draw title and badge; return the container for buttons at the right.

    Args:
        title: the page's name, or what it shows.
        ticking: whether the badge renews itself; None on pages that are drawn anew every few seconds anyway.
    """
    with st.container(key="rs-heading", horizontal=True, vertical_alignment="center", gap="medium"):
        st.title(formats.plain(title), anchor=False, width="content")
        if ticking is None:
            badge.draw()
        else:
            badge.show(ticking)
        st.space("stretch")
        return st.container(horizontal=True, width="content", gap="small")
