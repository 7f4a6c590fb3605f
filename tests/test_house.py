"""The walls of the house: who imports whom, how heavy an import is, sizes, locks, and what a wheel holds."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "runstream_schemas": ROOT / "schemas" / "runstream_schemas",
    "runstream": ROOT / "producer" / "runstream",
    "runstream_consumer": ROOT / "consumer" / "runstream_consumer",
    "runstream_dashboard": ROOT / "dashboard" / "runstream_dashboard",
}
SOURCES = sorted(path for folder in PACKAGES.values() for path in folder.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# What each package may import besides the standard library and itself, and where in it ("" = anywhere).
ALLOWED: dict[str, dict[str, tuple[str, ...]]] = {
    "runstream_schemas": {"fastavro": ("codec.py",), "crc32c": ("",)},
    "runstream": {
        "runstream_schemas": ("",),
        "kafka": ("kafka_", "topics.py", "cli/pipeline.py"),
        # The lazy doors to what an extra installs.
        "runstream_consumer": ("reading.py", "widgets/", "cli"),
        # The widget draws beside its own files one of the pages': numbers are written alike.
        "runstream_dashboard": ("cli", "widgets/front.py"),
        "pathspec": ("ignore.py",),
        "anywidget": ("widgets/front.py",),
        "traitlets": ("widgets/front.py",),
        "IPython": ("widgets/run_details.py",),
        "crc32c": ("cli",),
    },
    "runstream_consumer": {
        "runstream_schemas": ("",),
        "kafka": ("kafka_",),
        "duckdb": ("",),
        "numpy": ("",),
        "pyarrow": ("",),
        "zstandard": ("archive.py", "journal_source.py"),
        "prometheus_client": ("monitor.py",),
        "structlog": ("",),
        # The demo is a user's training script: the one place that logs with the SDK.
        "runstream": ("demo/",),
        "sklearn": ("demo/",),
        "joblib": ("demo/",),  # scikit-learn's own way to keep a model
        "threadpoolctl": ("demo/",),
        "matplotlib": ("demo/",),
    },
    "runstream_dashboard": {
        "runstream_consumer": ("",),
        "streamlit": ("",),
        "starlette": ("server.py", "routes.py"),  # Streamlit's own server, which serves the grid's files too
        "PIL": ("pages/pictures.py",),  # what Streamlit reads pictures with: its errors have no common parent
        "numpy": ("",),
        "pandas": ("",),
    },
}


# Types alone may be named everywhere: what reading gives is passed on by those who ask for it.
TYPES_OF = {"runstream": "runstream_consumer.history."}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted module) of every absolute import of a file, those inside functions too."""
    tree = ast.parse(path.read_text())
    typed = {id(node) for block in ast.walk(tree) if is_for_types(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in typed and names_types_of(node, TYPES_OF.get(package_of(path), "")):
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_for_types(node: ast.AST) -> bool:
    """Tell whether a statement is `if TYPE_CHECKING:`, which runs nothing."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def names_types_of(node: ast.AST, module: str) -> bool:
    """Tell whether a statement imports names of one module."""
    return bool(module) and isinstance(node, ast.ImportFrom) and f"{node.module}." == module


def package_of(path: Path) -> str:
    """Return the import package that a source file belongs to."""
    return next(name for name, folder in PACKAGES.items() if path.is_relative_to(folder))


def forbidden_imports(path: Path) -> list[str]:
    """List the imports of one file that its package's row in ALLOWED does not cover."""
    package = package_of(path)
    inside = str(path.relative_to(PACKAGES[package]))
    found = []
    for line, module in imports(path):
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top == package:
            continue
        places = ALLOWED[package].get(top, ())
        if not any(inside.startswith(place) for place in places):
            found.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    return found


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without decorators and docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def run_python(code: str) -> dict[str, Any]:
    """Run *code* in a fresh interpreter and return the JSON object that it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_imports_go_in_one_direction() -> None:
    """Schemas know nobody, producer and consumer know schemas, and each library has its place."""
    assert [line for path in SOURCES for line in forbidden_imports(path)] == []


def test_the_dashboard_knows_history_only() -> None:
    """Nothing of the consumer but its read API reaches a page."""
    found = [
        f"{path.relative_to(ROOT)}:{line} {module}"
        for path in PACKAGES["runstream_dashboard"].rglob("*.py")
        for line, module in imports(path)
        if module.startswith("runstream_consumer") and not module.startswith("runstream_consumer.history")
    ]

    assert found == []


LIGHT = """
import json, sys, threading
written = []
def watch(event, args):
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        written.append(str(args[0]))
    if event in ("os.mkdir", "subprocess.Popen", "socket.connect"):
        written.append(event)
sys.dont_write_bytecode = True
sys.addaudithook(watch)
import {module}
heavy = ["kafka", "fastavro", "numpy", "pandas", "duckdb", "pyarrow", "streamlit", "matplotlib", "runstream_consumer"]
loaded = [name for name in heavy if name in sys.modules]
print(json.dumps({{"threads": threading.active_count(), "written": written, "heavy": loaded}}))
"""


@pytest.mark.parametrize("module", ["runstream", "runstream.cli"])
def test_importing_does_no_work(module: str) -> None:
    """Importing the library or the command starts no thread, writes no file and loads no heavy library."""
    assert run_python(LIGHT.format(module=module)) == {"threads": 1, "written": [], "heavy": []}


def test_public_names_load_when_they_are_used() -> None:
    """Each name of `runstream.__all__` is there, is documented, and an unknown one is an AttributeError."""
    code = """
import json, runstream
public = {name: bool(getattr(runstream, name).__doc__) for name in runstream.__all__ if not name.startswith("_")}
print(json.dumps({"public": public, "other": hasattr(runstream, "start_run"), "version": runstream.__version__}))
"""
    answer = run_python(code)

    assert [name for name, is_documented in answer["public"].items() if not is_documented] == []
    assert {"Workspace", "Experiment", "Run", "RunstreamError", "errors"} <= answer["public"].keys()
    assert answer["other"] is False
    assert answer["version"] == metadata.version("runstream")


def test_files_and_functions_stay_readable() -> None:
    """No source file exceeds 400 lines and no function 40, docstrings apart."""
    files = [(str(path.relative_to(ROOT)), path.read_text().count("\n")) for path in SOURCES]
    long_files = [(name, n) for name, n in files if n > 400]
    long_functions = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} ({body_lines(node)})"
        for path in SOURCES
        for node in functions(path)
        if body_lines(node) > 40
    ]

    assert (long_files, long_functions) == ([], [])


def test_every_test_says_what_it_states() -> None:
    """Each test function has a docstring, so that a failure reads as a sentence."""
    silent = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in TESTS
        for node in functions(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert silent == []


def test_locks_hold_hashes_and_no_address() -> None:
    """Lock files pin by hash and name no index, so that they work behind any mirror."""
    python_lock = (ROOT / "requirements.lock").read_text()
    npm_lock = (ROOT / "dashboard" / "package-lock.json").read_text()
    pins = re.findall(r"^[a-z][^\n]*==", python_lock, re.MULTILINE)
    bare = [block for block in re.split(r"\n(?=[a-z])", python_lock) if "==" in block and "--hash=sha256:" not in block]

    assert pins
    assert bare == []
    assert "://" not in python_lock + npm_lock
    assert '"integrity": "sha512-' in npm_lock


def test_base_install_is_kafka_and_avro() -> None:
    """Whoever only logs installs kafka-python and fastavro; all else hangs on an extra."""
    requirements = metadata.requires("runstream") or []
    base = sorted(re.split(r"[\[<>=~ ;]", line)[0] for line in requirements if "extra ==" not in line)

    assert base == ["fastavro", "kafka-python"]
    assert set(metadata.metadata("runstream").get_all("Provides-Extra") or []) >= {
        "consumer",
        "dashboard",
        "demo",
        "all",
    }


def test_the_lock_satisfies_what_is_asked_for() -> None:
    """Every requirement of the project, extras included, has a pin in the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    asked += [line for extra in project["project"]["optional-dependencies"].values() for line in extra]
    names = {re.split(r"[\[<>=~ ;]", line)[0].lower() for line in asked} - {"runstream"}
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))

    assert names - pinned == set()


def test_a_wheel_holds_code_schemas_tables_and_web(tmp_path: Path) -> None:
    """A built wheel carries all four packages, their data files and uPlot, and nothing of tests or folders."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {
        str(path.relative_to(folder.parent))
        for folder in PACKAGES.values()
        for suffix in ("*.avsc", "*.sql", "*.js", "*.css", "py.typed")
        for path in folder.rglob(suffix)
    }

    assert data <= names
    assert "runstream_dashboard/web/vendor/uPlot.esm.js" in names
    assert "runstream/azureml/startup/sitecustomize.py" in names
    assert {name.split("/")[0] for name in names} == {*PACKAGES, "runstream-0.1.0.dist-info"}


def test_what_is_left_out_is_told() -> None:
    """RUNSTREAM_TEST_SKIP leaves tests out by marker, and the closing summary lists them."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_compose.py"]
    environment = {**os.environ, "RUNSTREAM_TEST_SKIP": "kafka"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "left out by RUNSTREAM_TEST_SKIP: this is not the whole suite" in done.stdout
    assert "1 tests in: test_compose.py (kafka)" in done.stdout
    assert re.search(r"\d+ passed, 1 deselected", done.stdout)
