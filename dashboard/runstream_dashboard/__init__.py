"""The dashboard: Streamlit pages over the run history, with a live chart grid of its own."""
