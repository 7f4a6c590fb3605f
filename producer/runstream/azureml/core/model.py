"""azureml.core.model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runstream import model
from runstream.azureml import scope
from runstream.azureml.lookalike import Lookalike

__all__ = ["Model"]

_SERVE = "download() gives its files, and any server of models can serve them"


class Model(model.Model, metaclass=Lookalike):
    """runstream.Model; what the azureml SDK did to models in the cloud raises OutOfScope."""

    __slots__ = ()

    deploy = staticmethod(scope.refused("Model.deploy()", _SERVE))
    package = staticmethod(scope.refused("Model.package()", _SERVE))
    profile = staticmethod(scope.refused("Model.profile()", _SERVE))
    get_model_path = staticmethod(
        scope.refused("Model.get_model_path()", "Model(workspace, name).download() returns the path of its files")
    )


if not TYPE_CHECKING:
    __getattr__ = scope.asked(__name__)
