"""Classes of ours under the signatures of the azureml SDK."""

from __future__ import annotations


class Lookalike(type):
    """
    The type of a class that differs from its base only in how it is called.

    Objects of the base are its instances, too: `isinstance(run.experiment, Experiment)` holds for whatever Experiment
    the program has imported. A class that a program derives from it has instances of its own only.
    """

    def __instancecheck__(cls, instance: object) -> bool:
        ours = cls.__bases__[0]
        return super().__instancecheck__(instance) if isinstance(ours, Lookalike) else isinstance(instance, ours)
