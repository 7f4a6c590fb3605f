"""`runstream exec` and install(): `import azureml` gives runstream.azureml, whatever else is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from runstream.cli import parser
from runstream.cli.execution import refusal

IMPORTS = "import azureml.core\nfrom azureml.core import Run\n"


def run_exec(
    folder: Path, *words: str, stdin: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `runstream exec WORDS` in a folder."""
    command = [sys.executable, "-m", "runstream.cli", "exec", *words]
    full = {**os.environ, **(environment or {})}
    return subprocess.run(command, cwd=folder, env=full, input=stdin, capture_output=True, text=True, check=False)


def script(folder: Path, text: str, name: str = "script.py") -> str:
    """Write a script into the folder; return its name."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(dedent(text))
    return name


def before(site: Path) -> str:
    """Return this process's PYTHONPATH with a folder before it."""
    return os.pathsep.join([str(site), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])


def test_a_script_runs_as_python_runs_it(tmp_path: Path) -> None:
    """Arguments that look like options, standard streams, `__main__`, the script's folder and its exit status hold."""
    text = """
        import sys
        import azureml.core, beside
        print(sys.argv[1:], __name__, sys.stdin.read(), azureml.core.Run.__module__, beside.NAME)
        sys.exit(7)
    """
    script(tmp_path, "NAME = 'neighbour'", "code/beside.py")
    done = run_exec(tmp_path, script(tmp_path, text, "code/train.py"), "-m", "x", "--home", "y", "--help", stdin="in")
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout == "['-m', 'x', '--home', 'y', '--help'] __main__ in runstream.run neighbour\n"


def test_a_module_runs_as_python_runs_it(tmp_path: Path) -> None:
    """`-m MODULE ARGS` works as with python, inside of a package too."""
    script(tmp_path, "", "training/__init__.py")
    script(tmp_path, f"import sys\n{IMPORTS}print(sys.argv[1:], __package__)", "training/fit.py")
    done = run_exec(tmp_path, "-m", "training.fit", "--alpha", "0.3")
    assert (done.stdout, done.returncode) == ("['--alpha', '0.3'] training\n", 0)


def test_options_of_python_pass(tmp_path: Path) -> None:
    """What stands before the script is Python's: unbuffered output, warnings, a command."""
    code = "import sys, azureml.core; print(sys.flags.dev_mode, sys.warnoptions[-1], sys.argv)"
    done = run_exec(tmp_path, "-X", "dev", "-Wignore::ImportWarning", "-c", code, "-I")
    assert done.stdout == "True ignore::ImportWarning ['-c', '-I']\n"


def test_an_exception_ends_the_script_as_ever(tmp_path: Path) -> None:
    """A script that raises shows its own traceback, with nothing of runstream in it, and ends with 1."""
    done = run_exec(tmp_path, script(tmp_path, f"{IMPORTS}raise ValueError('no such alpha')"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ValueError: no such alpha"
    assert "runstream" not in done.stderr


def test_child_processes_are_told(tmp_path: Path) -> None:
    """Programs, spawned workers and forked ones that the script starts import the same azureml."""
    text = """
        import multiprocessing, subprocess, sys
        def work(queue):
            from azureml.core import Run
            queue.put(Run.__module__)
        if __name__ == "__main__":
            code = "from azureml.core import Run; print(Run.__module__, flush=True)"
            subprocess.run([sys.executable, "-c", code], check=True)
            for method in ("spawn", "fork", "forkserver"):
                context = multiprocessing.get_context(method)
                queue = context.SimpleQueue()
                worker = context.Process(target=work, args=(queue,))
                worker.start()
                print(queue.get())
                worker.join()
    """
    done = run_exec(tmp_path, script(tmp_path, text))
    assert (done.stdout, done.stderr) == ("runstream.run\n" * 4, "")


def test_the_real_package_is_passed_by(tmp_path: Path) -> None:
    """An installed azureml is not imported, nor is the empty one that it leaves in every Python at its start."""
    site = tmp_path / "site"
    script(site, "raise RuntimeError('the real one')", "azureml/core/__init__.py")
    script(site, "import sys, types; sys.modules['azureml'] = types.ModuleType('azureml')", "sitecustomize.py")
    done = run_exec(
        tmp_path, script(tmp_path, f"{IMPORTS}print(Run.__module__)"), environment={"PYTHONPATH": before(site)}
    )
    assert (done.stdout, done.stderr) == ("runstream.run\n", "")


def test_a_sitecustomize_of_the_site_still_runs(tmp_path: Path) -> None:
    """What a machine does at the start of Python it does also under exec, and PYTHONPATH stays what it was besides."""
    site = tmp_path / "site"
    script(site, "import sys; sys.site_was = 'was here'", "sitecustomize.py")
    text = "import os, sys; print(sys.site_was, os.environ['PYTHONPATH'].split(os.pathsep)[1:])"
    done = run_exec(tmp_path, script(tmp_path, text), environment={"PYTHONPATH": before(site)})
    assert done.stdout == f"was here {before(site).split(os.pathsep)}\n"


def test_another_python_is_left_alone(tmp_path: Path) -> None:
    """A Python without runstream, started by the script, runs as ever: no azureml, and no complaint."""
    text = """
        import subprocess, sys
        code = "import importlib.util; print(importlib.util.find_spec('azureml'))"
        subprocess.run([sys.executable, "-S", "-c", "import site; " + code], check=True)
        blocked = "import sys; sys.modules['runstream'] = None; import sitecustomize; " + code
        subprocess.run([sys.executable, "-S", "-c", blocked], check=True)
    """
    done = run_exec(tmp_path, script(tmp_path, text))
    assert (done.stdout, done.stderr) == ("None\nNone\n", "")


@pytest.mark.parametrize("option", ["-I", "-E", "-S", "-uE"])
def test_options_that_would_undo_it_are_refused(tmp_path: Path, option: str) -> None:
    """Python's options by which it would not hear of azureml are an error of usage that names them."""
    done = run_exec(tmp_path, option, "script.py")
    assert done.returncode == 2
    assert f"python -{option[-1]} (" in done.stderr
    assert "leave it away" in done.stderr


def test_nothing_to_run_is_refused() -> None:
    """`exec` alone says what it takes; options of a command or module are none of Python's."""
    assert "a script or -m MODULE" in refusal([])
    assert [refusal(words) for words in (["a.py", "-I"], ["-m", "x", "-E"], ["-c", "1", "-S"], ["-"])] == [""] * 4


def test_only_the_command_exec_keeps_its_words() -> None:
    """The words behind `exec` are kept as they are; the same word elsewhere is an ordinary one."""
    assert parser.parse(["--home", "h", "exec", "a.py", "--home", "x"]).words == ["a.py", "--home", "x"]
    assert parser.parse(["--home=h", "exec", "-m", "x", "-h"]).words == ["-m", "x", "-h"]
    assert parser.parse(["show", "exec"]).run == "exec"


def test_both_names_are_one_module(tmp_path: Path) -> None:
    """A module under its two names is one object, which goes on knowing what it is and can be loaded again."""
    text = """
        import importlib, sys
        import azureml.core.run
        import runstream.azureml.core.run as own
        assert azureml.core.run is own and sys.modules["azureml.core.run"] is own
        importlib.reload(azureml.core.run)
        print(azureml.core.__spec__.name, own.__spec__.name, own.Run is azureml.core.Run)
    """
    done = run_exec(tmp_path, script(tmp_path, text))
    assert (done.stdout, done.stderr) == ("runstream.azureml.core runstream.azureml.core.run True\n", "")


def test_a_notebook_begins_with_one_line(tmp_path: Path) -> None:
    """After `from runstream.azureml import install; install()` the lines of a notebook stay as they are."""
    text = """
        from runstream.azureml import install; install()
        import subprocess, sys
        import azureml.core
        from azureml.train.widgets import RunDetails
        print(azureml.core.Run.__module__, RunDetails.__module__, flush=True)
        install()
        subprocess.run([sys.executable, "-c", "import azureml.core; print(azureml.core.VERSION)"], check=True)
    """
    command = [sys.executable, script(tmp_path, text)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("runstream.run runstream.widgets")
    assert done.stdout.endswith("\n1.61.0+runstream.0.1.0\n")


def test_installing_too_late_is_told(tmp_path: Path) -> None:
    """Names that were imported from another azureml before stay what they were; a warning says so, and what to do."""
    script(tmp_path, "Run = 'the real one'", "azureml/core/__init__.py")
    text = """
        from azureml.core import Run as early
        from runstream.azureml import install; install()
        from azureml.core import Run
        print(early, Run.__module__)
    """
    command = [sys.executable, script(tmp_path, text)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "the real one runstream.run\n"
    assert "restart the kernel" in done.stderr


def test_submitted_scripts_are_told(tmp_path: Path) -> None:
    """A script that is submitted by one under exec imports the same azureml, also with a PYTHONPATH of its own."""
    text = """
        import os, sys
        from azureml.core import Experiment, Run, RunConfiguration, ScriptRunConfig, Workspace
        if "RUNSTREAM_RUN_ID" in os.environ:
            Run.get_context().log("given", os.environ["PYTHONPATH"].split(os.pathsep)[-1])
        else:
            configuration = RunConfiguration()
            configuration.environment.python.user_managed_dependencies = True
            configuration.environment_variables = {"PYTHONPATH": "given"}
            config = ScriptRunConfig(".", "script.py", run_config=configuration)
            run = Experiment(Workspace(), "submitting").submit(config)
            run.wait_for_completion()
            print(run.get_metrics())
    """
    done = run_exec(tmp_path, script(tmp_path, text))
    assert (done.stdout, done.returncode) == ("{'given': 'given'}\n", 0), done.stderr
