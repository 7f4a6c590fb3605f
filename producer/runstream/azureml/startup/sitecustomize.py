"""
Lets `import azureml` give runstream.azureml in a Python that is starting; its folder stands first on PYTHONPATH.

Python imports a module of this name by itself. The one that it would have found otherwise is run, too.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec


def run_the_next() -> None:
    """Run the sitecustomize that this one hides, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    others = [folder for folder in sys.path if os.path.abspath(folder) != here]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


def install() -> None:
    """Let `import azureml` give runstream.azureml, where this Python has it and understands it."""
    try:
        from runstream.azureml import alias
    except (ImportError, SyntaxError):
        return
    alias.install()


run_the_next()
install()
