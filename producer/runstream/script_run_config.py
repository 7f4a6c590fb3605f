"""What `experiment.submit()` takes: a folder, a script in it, and how it is run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runstream import notices
from runstream.environment import Environment
from runstream.runconfig import RunConfiguration, check_duration, check_local
from runstream.strict import Strict
from runstream_schemas.errors import InvalidConfiguration, OutOfScope


class ScriptRunConfig(Strict):
    """
    A script to run, or a command, in a copy of its folder.

    Args:
        source_directory: the folder; all of it goes with the run, except what its .amlignore (else .gitignore) names.
        script: file in the folder.
        arguments: of the script; numbers become their text.
        run_config: how it is run; left out, a RunConfiguration with *environment*.
        compute_target: "local", or left out.
        environment: where it runs, unless *run_config* says so.
        max_run_duration_seconds: after which the run is canceled; 30 days unless given.
        command: instead of *script*: a list of words, or one line for the shell.
        distributed_job_config, resume_from, docker_runtime_config: out of scope; giving one raises.

    Raises:
        InvalidConfiguration: a value cannot be used.
        OutOfScope: something that runstream does not do.
    """

    __slots__ = ("arguments", "command", "max_run_duration_seconds", "run_config", "script", "source_directory")

    def __init__(
        self,
        source_directory: str | os.PathLike[str],
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        run_config: RunConfiguration | None = None,
        compute_target: Any = None,
        environment: Environment | None = None,
        distributed_job_config: Any = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = None,
        command: str | Sequence[Any] | None = None,
        docker_runtime_config: Any = None,
    ) -> None:
        _refuse(distributed_job_config, "distributed_job_config", "let the script start its workers itself")
        _refuse(resume_from, "resume_from", "pass the folder of a checkpoint among the arguments")
        _refuse(docker_runtime_config, "docker_runtime_config", "start the program that submits inside the container")
        if run_config is None:
            check_local(compute_target)
            run_config = RunConfiguration()
            if environment is not None:
                run_config.environment = environment
        elif not isinstance(run_config, RunConfiguration):
            raise InvalidConfiguration("run_config", run_config, "is no RunConfiguration")
        elif environment is not None or compute_target is not None:
            notices.once(("run_config", "wins"), "environment and compute_target are ignored: run_config is given")
        if not isinstance(source_directory, str | os.PathLike):
            raise InvalidConfiguration("source_directory", source_directory, "is no path of a folder")
        self.source_directory = os.fspath(source_directory)
        self.run_config = run_config
        self.command = run_config.command if command is None else command
        # What is given here wins, also over a command of run_config.
        self.script = run_config.script if script is None else script
        if script is not None and command is None:
            self.command = None
        self.arguments: Sequence[Any] = run_config.arguments if arguments is None else arguments
        self.max_run_duration_seconds = (
            run_config.max_run_duration_seconds if max_run_duration_seconds is None else max_run_duration_seconds
        )

    def check(self) -> None:
        """
        Make sure that every field can be used.

        Raises:
            InvalidConfiguration: one cannot; the error names it.
        """
        self.run_config.check()
        check_duration(self.max_run_duration_seconds)
        if (self.script is None) == (self.command is None):
            raise InvalidConfiguration("script", self.script, "and a command: give one of the two")
        if self.script is not None and not isinstance(self.script, str | Path):
            raise InvalidConfiguration("script", self.script, "is no path of a file in the folder")
        self.words()

    def words(self) -> list[str]:
        """
        Return the arguments as texts, or the words of the command.

        Raises:
            InvalidConfiguration: one is no text or number, or they are one string where a list is needed.
        """
        if self.command is None:
            return _texts("arguments", self.arguments)
        if isinstance(self.command, str):
            return ["/bin/sh", "-c", self.command]
        return _texts("command", self.command)


def _texts(field: str, words: Any) -> list[str]:
    if isinstance(words, str | bytes) or not isinstance(words, Sequence):
        raise InvalidConfiguration(field, words, "is no list of words, such as ['--alpha', 0.3]")
    for word in words:
        if not isinstance(word, str | int | float | os.PathLike):
            reason = "is neither text nor number nor path: arguments reach the script as text"
            raise InvalidConfiguration(field, word, reason)
        if "\0" in os.fspath(word) if isinstance(word, str | os.PathLike) else False:
            raise InvalidConfiguration(field, word, "holds a NUL, which no program can be given")
    return [os.fspath(word) if isinstance(word, os.PathLike) else str(word) for word in words]


def _refuse(value: Any, feature: str, instead: str) -> None:
    if value is not None:
        raise OutOfScope(feature=feature, instead=instead)
