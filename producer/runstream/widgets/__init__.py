"""A run in a notebook cell, live: `from runstream.widgets import RunDetails`."""

from runstream.widgets.run_details import RunDetails

__all__ = ["RunDetails"]
