"""azureml.core.conda_dependencies."""

from runstream.conda_dependencies import CondaDependencies

__all__ = ["CondaDependencies"]
