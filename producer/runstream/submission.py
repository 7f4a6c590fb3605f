"""Submitting a script: its folder is copied and kept, and a supervisor started that outlives this process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from runstream import config, origin, snapshot, status, tags
from runstream.azureml import alias
from runstream.ignore import Source
from runstream.order import Order
from runstream.run_folder import RunFolder
from runstream.script_run_config import ScriptRunConfig
from runstream_schemas.errors import InvalidConfiguration, PlatformUnsupported, SubmissionFailed, SubmissionRefused
from runstream_schemas.events import Created
from runstream_schemas.settings import PREFIX
from runstream_schemas.topics import Topic

if TYPE_CHECKING:
    from runstream.experiment import Experiment
    from runstream.run import Run

SCRIPT_RUN: Final = "azureml.scriptrun"
"""The type of a submitted run."""

DEFINITION: Final = "runstream.definition"
"""The property that holds, as JSON, what was submitted: script, words, interpreter, requirements and so on."""

ANSWER_S: Final = 60.0
"""How long a supervisor may take to start; a fifth of a second is usual."""

MAX_SHOWN: Final = 200
"""Words of a command, and characters of each, that the definition shows."""

# Set by a notebook's kernel for itself: a script would draw its figures into nowhere, and colour its log.
_OF_KERNELS: Final = ("MPLBACKEND", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "JPY_PARENT_PID", "JPY_SESSION_NAME")
# Where `import azureml` gives runstream.azureml: the only part of PYTHONPATH that reaches a virtual environment.
_STARTUP: Final = str(Path(__file__).with_name("azureml") / "startup")


def submit(
    experiment: Experiment,
    submitted: ScriptRunConfig,
    tags_to_set: Mapping[str, str | None] | None = None,
    parent_run_id: str | None = None,
) -> Run:
    """
    Start a script as a run of *experiment*; return as soon as its supervisor has it.

    Args:
        experiment: that the run belongs to.
        submitted: the folder, the script, and how it is run.
        tags_to_set: of the run from its start.
        parent_run_id: of the run that this one is a child of.

    Raises:
        InvalidConfiguration: *submitted* is no ScriptRunConfig, or a field of it cannot be used.
        SubmissionRefused: the folder, script or interpreter is not there.
        PackageUnavailable: pip cannot install one of the packages.
        SnapshotFailed: the folder cannot be kept as it is.
        SubmissionFailed: the supervisor did not start.
    """
    if sys.platform != "linux":
        raise PlatformUnsupported(platform=sys.platform, reason="submitted scripts are supervised by Linux's means")
    if not isinstance(submitted, ScriptRunConfig):
        raise InvalidConfiguration("config", submitted, "is no ScriptRunConfig, which submit() takes")
    submitted.check()
    settings = config.read()
    order = _order(experiment, submitted, settings, tags.checked_tags(tags_to_set or {}), parent_run_id)
    files = snapshot.chosen(_folder(submitted), settings)
    if order.script is not None and order.script not in {file.path for file in files}:
        reason = "is left out of the run's folder: by .amlignore or .gitignore, or as a part of outputs/ or logs/"
        raise SubmissionRefused("script", order.script, reason)
    folder = RunFolder.of(settings.home.ensure(), order.run_id)
    folder.make()
    try:
        copies = _copied(files, folder.code)
        order = replace(order, properties=_properties(submitted, order, copies, settings))
    except BaseException:
        shutil.rmtree(folder.root)
        raise
    return _handle(experiment, order, _hand_over(order, folder))


def _order(
    experiment: Experiment,
    submitted: ScriptRunConfig,
    settings: config.Config,
    tags_to_set: dict[str, str | None],
    parent_run_id: str | None,
) -> Order:
    """Return what the supervisor has to know; raises for whatever is not there, before anything is made."""
    python = submitted.run_config.environment.python
    packages, history = python.conda_dependencies, submitted.run_config.history
    run_id = _run_id(experiment.name)
    return Order(
        run_id=run_id,
        workspace=experiment.workspace.name,
        experiment=experiment.name,
        parent_run_id=parent_run_id,
        script=_script(submitted, _folder(submitted)),
        words=submitted.words(),
        interpreter=_interpreter(str(python.interpreter_path)),
        environment=_environment(submitted, settings, experiment, run_id),
        requirements=None if python.user_managed_dependencies else packages.requirements(),
        pip_options=packages.pip_options,
        python_version=None if python.user_managed_dependencies else packages.python_version,
        max_duration_s=float(submitted.max_run_duration_seconds),
        collects=history.output_collection,
        follows_logs=history.output_collection and bool(history.directories_to_watch),
        tags=tags_to_set,
        properties={},
    )


def _folder(submitted: ScriptRunConfig) -> Path:
    source = Path(submitted.source_directory).expanduser().absolute()
    if not source.is_dir():
        raise SubmissionRefused("source_directory", str(source), "is no folder; give the one that holds the script")
    return source


def _script(submitted: ScriptRunConfig, source: Path) -> str | None:
    """Return the script's path in the folder."""
    if submitted.command is not None:
        return None
    given = Path(str(submitted.script))
    script = Path(os.path.normpath(source / given))
    if not script.is_relative_to(source) and script.resolve().is_relative_to(source.resolve()):
        script = source / script.resolve().relative_to(source.resolve())
    if not script.is_relative_to(source):
        raise SubmissionRefused("script", str(given), f"lies outside of source_directory {str(source)!r}")
    if not script.is_file():
        found = sorted(path.name for path in source.glob("*.py"))[:10]
        raise SubmissionRefused("script", str(given), f"is no file in {str(source)!r}, which has {found}")
    return script.relative_to(source).as_posix()


def _interpreter(asked: str) -> str:
    """Return the path of the Python that was asked for."""
    if asked == "python" and sys.executable:
        return sys.executable
    found = shutil.which(os.path.expanduser(asked))
    if found is None:
        reason = "is no program that can be run here; give the path of a Python, or 'python' for the one that submits"
        raise SubmissionRefused("interpreter_path", asked, reason)
    return os.path.abspath(found)


def _run_id(experiment: str) -> str:
    """Return a new id: experiment, time and chance, in characters that a run id may have."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", experiment)[:100].lstrip("._-") or "run"
    return f"{name}_{int(time.time())}_{os.urandom(4).hex()}"


def _copied(files: Sequence[Source], code: Path) -> list[Source]:
    """Copy the chosen files into the run's folder; return them as they are there, where nobody changes them."""
    copies = []
    for source in files:
        target = code / source.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.file, target)
        target.chmod(0o755 if source.executable else 0o644)
        copies.append(Source(source.path, target, target.stat().st_size, source.executable))
    return copies


def _properties(
    submitted: ScriptRunConfig, order: Order, copies: Sequence[Source], settings: config.Config
) -> dict[str, str]:
    """Keep the snapshot; return the properties that the run has from its start."""
    source = _folder(submitted)
    words = order.words if order.script is None else [order.interpreter, order.script, *order.words]
    told: dict[str, Any] = {
        "script": order.script,
        "words": [word[:MAX_SHOWN] for word in origin.struck_out(order.words)[:MAX_SHOWN]],
        "source_directory": str(source),
        "interpreter": order.interpreter,
        "requirements": order.requirements,
        "environment_variables": sorted(submitted.run_config.variables()),
        "max_duration_s": order.max_duration_s,
    }
    properties = {DEFINITION: json.dumps(told), **origin.properties(settings.settings.capture, source, words)}
    if submitted.run_config.history.snapshot_project:
        properties |= snapshot.keep(copies, settings).properties()
    return properties


def _environment(
    submitted: ScriptRunConfig, settings: config.Config, experiment: Experiment, run_id: str
) -> dict[str, str]:
    """Return every variable of the script: those of this process, the configured ones, and who it is."""
    theirs = dict(os.environ)
    if "ipykernel" in sys.modules:
        for name in _OF_KERNELS:
            theirs.pop(name, None)
    if not submitted.run_config.environment.python.user_managed_dependencies:
        theirs.pop("PYTHONHOME", None)
        folders = theirs.pop("PYTHONPATH", "").split(os.pathsep)
        if _STARTUP in folders:
            theirs["PYTHONPATH"] = _STARTUP
    theirs |= submitted.run_config.variables()
    if alias.is_installed():
        # What azureml means in the program that submits, it means in the script.
        theirs["PYTHONPATH"] = alias.path_with(alias.STARTUP, theirs.get("PYTHONPATH"))
    workspace = experiment.workspace.name
    return {
        "PYTHONUNBUFFERED": "1",
        **theirs,
        "RUNSTREAM_HOME": str(settings.home.root),
        "RUNSTREAM_RUN_ID": run_id,
        "RUNSTREAM_WORKSPACE": workspace,
        "RUNSTREAM_EXPERIMENT": experiment.name,
        "AZUREML_RUN_ID": run_id,
        "AZUREML_ARM_WORKSPACE_NAME": workspace,
        "AZUREML_ARM_PROJECT_NAME": experiment.name,
    }


def _hand_over(order: Order, folder: RunFolder) -> dict[tuple[str, Topic], int]:
    """Start the supervisor, give it its order, and return what it has written when it has taken the run over."""
    roots = [str(Path(sys.modules[name].__path__[0]).parent) for name in ("runstream", "runstream_schemas")]
    environment = {
        **os.environ,
        # What the configuration says about the run goes for both.
        **{name: text for name, text in order.environment.items() if name.startswith(PREFIX)},
        "PYTHONPATH": os.pathsep.join([*roots, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    with folder.supervisor_log.open("ab") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "runstream.supervisor", str(folder.root)],
            cwd=folder.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        answer, _ = started.communicate(order.to_json(), ANSWER_S)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.communicate()
        raise SubmissionFailed(order.run_id, f"it did not answer within {ANSWER_S:g} s") from None
    try:
        told = json.loads(answer)
        return {(told["producer_id"], Topic(int(topic))): last for topic, last in told["sequences"].items()}
    except ValueError:
        log_text = folder.supervisor_log.read_text(encoding="utf-8", errors="replace").strip()
        cause = (log_text.splitlines() or ["it said nothing"])[-1]
        raise SubmissionFailed(order.run_id, f"{cause} ({folder.supervisor_log})") from None


def _handle(experiment: Experiment, order: Order, written: Mapping[tuple[str, Topic], int]) -> Run:
    """Return the run as this process holds it, which reads what the supervisor has written so far."""
    from runstream.run import Run

    run = Run(experiment, order.run_id)
    run._told = created(order)
    run._status = status.PREPARING
    run._known.awaited.update(written)
    return run


def created(order: Order) -> Created:
    """Return what is told about a submitted run when it is new."""
    return Created(
        workspace=order.workspace,
        experiment=order.experiment,
        run_type=SCRIPT_RUN,
        parent_run_id=order.parent_run_id,
    )
