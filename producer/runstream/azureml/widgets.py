"""azureml.widgets: a run in a notebook cell, live."""

from runstream.widgets import RunDetails

__all__ = ["RunDetails"]
