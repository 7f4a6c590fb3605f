"""azureml.train.widgets: where the widgets were in 2018."""

from runstream.widgets import RunDetails

__all__ = ["RunDetails"]
