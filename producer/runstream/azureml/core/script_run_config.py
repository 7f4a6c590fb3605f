"""azureml.core.script_run_config."""

from runstream.script_run_config import ScriptRunConfig

__all__ = ["ScriptRunConfig"]
