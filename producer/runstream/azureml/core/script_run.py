"""azureml.core.script_run: submitted runs are runs like any other here."""

from runstream.run import Run

ScriptRun = Run

__all__ = ["ScriptRun"]
