"""
The azureml SDK's modules and names, standing on runstream.

Change `azureml` to `runstream.azureml` in the import lines of a script, and it runs here:

    from runstream.azureml.core import Experiment, Workspace

A notebook whose lines stay as they are begins with

    from runstream.azureml import install; install()

and a script is started by `runstream exec script.py`. What runstream does not have raises NameOutOfScope.
"""

from runstream.azureml.alias import guard, install

__all__ = ["install"]

guard()
