"""What a supervisor is told to do: passed to it through a pipe, so that no secret of an environment reaches a disk."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Order:
    """
    A run to supervise.

    Attributes:
        run_id, workspace, experiment, parent_run_id: of the run.
        script: file in the folder; None = `words` are a whole command.
        words: arguments of the script, or the command.
        interpreter: the Python that runs the script, or that the virtual environment is made of.
        environment: every variable that the script gets.
        requirements: lines for pip; None = the interpreter is used as it is.
        pip_options: lines with options for pip.
        python_version: that the interpreter must have.
        max_duration_s: after which the run is canceled.
        collects: whether outputs are kept.
        follows_logs: whether text below logs is followed, and its files are kept.
        tags, properties: of the run from its start.
    """

    run_id: str
    workspace: str
    experiment: str
    parent_run_id: str | None
    script: str | None
    words: list[str]
    interpreter: str
    environment: dict[str, str] = field(repr=False)
    requirements: list[str] | None
    pip_options: list[str]
    python_version: str | None
    max_duration_s: float
    collects: bool
    follows_logs: bool
    tags: dict[str, str | None]
    properties: dict[str, str]

    @property
    def shown(self) -> str:
        """The script or command, as messages name it."""
        return self.script or " ".join(self.words)[:200]

    def to_json(self) -> bytes:
        """Return the order as it goes through the pipe."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Order:
        """Return the order that came through the pipe."""
        return cls(**json.loads(text))
