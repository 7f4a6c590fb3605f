"""
`runstream`, the command: thin lines over tested parts.

A base install has the commands that need journals and Kafka only (`topics`, `sync`, `token`, `check`, `version`); the
others import consumer and dashboard when called, and name the extra when it is missing.
"""

from runstream.cli.command import main

__all__ = ["main"]
