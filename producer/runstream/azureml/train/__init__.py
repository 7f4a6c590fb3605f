"""azureml.train: only its widgets are here."""

from typing import TYPE_CHECKING

from runstream.azureml import scope

if not TYPE_CHECKING:
    __getattr__ = scope.asked(__name__)
