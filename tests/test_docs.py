"""The documents say what is so: their code runs, their links lead somewhere, their lists are complete."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from runstream.cli import exits, parser
from runstream_schemas import settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob(".github/*.md"),
        *ROOT.glob("producer/docs/*.md"),
        *(ROOT / name / "README.md" for name in ("schemas", "producer", "consumer", "dashboard")),
    ]
)
SOURCE_ROOTS = (
    "schemas/runstream_schemas",
    "producer/runstream",
    "consumer/runstream_consumer",
    "dashboard/runstream_dashboard",
)


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands() -> set[str]:
    """Return the names of all commands, the verbs of `topics` as `topics create`."""
    found: set[str] = set()
    todo: list[tuple[str, argparse.ArgumentParser]] = [("", parser.build())]
    while todo:
        prefix, current = todo.pop()
        groups = [action for action in current._actions if isinstance(action, argparse._SubParsersAction)]
        for name, child in (item for group in groups for item in group.choices.items()):
            todo.append((f"{prefix}{name} ", child))
        if not groups:
            found.add(prefix.strip())
    return found


def test_the_readme_code_runs(tmp_path: Path) -> None:
    """The README's Python, pasted block after block into one session, runs as printed."""
    code = "\n".join(blocks(README, "python"))

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Completed" in done.stdout


def test_the_readme_commands_exist() -> None:
    """Every `runstream ...` line of the README's shell blocks parses."""
    lines = [line for block in blocks(README, "sh") for line in block.splitlines()]
    asked = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("runstream ")]
    parsed = [parser.build().parse_args(words) for words in asked]

    assert len(parsed) > 5


def test_every_command_is_documented() -> None:
    """Each command stands in the README's table."""
    rows = " ".join(re.findall(r"^\| (`runstream .*)$", README, re.MULTILINE)).replace("` / `", " runstream ")

    assert [name for name in sorted(commands()) if f"runstream {name}" not in rows] == []


def test_every_setting_is_documented() -> None:
    """Each RUNSTREAM_* variable stands in the README, with its default where it has one."""
    missing = [setting.name for setting in settings.SETTINGS if f"`{setting.name}`" not in README]
    rows = dict(re.findall(r"^\| `(RUNSTREAM_\w+)` \| (.*?) \|", README, re.MULTILINE))
    wrong = [s.name for s in settings.SETTINGS if s.default and s.name in rows and s.default not in rows[s.name]]

    assert (missing, wrong) == ([], [])


def test_no_setting_is_invented() -> None:
    """Every RUNSTREAM_* name in any document is one that something reads."""
    known = {setting.name for setting in settings.SETTINGS}
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    named = {name for name in re.findall(r"RUNSTREAM_[A-Z_]*[A-Z]", text) if not name.startswith("RUNSTREAM_TEST")}

    assert named - known - {"RUNSTREAM_KAFKA"} == set()


def test_exit_codes_are_documented() -> None:
    """The README lists every exit code."""
    paragraph = README[README.index("Exit codes:") :].partition("\n\n")[0]

    assert [code for code in exits.MEANING if not re.search(rf"(: |· |\n){code} ", paragraph)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Relative links and pictures of a document exist, anchors of its own included."""
    text = path.read_text()
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    anchors = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    gone = [
        target
        for target in targets
        if (
            target[1:] not in anchors
            if target.startswith("#")
            else not (path.parent / target.partition("#")[0]).exists()
        )
    ]

    assert gone == []


def test_the_file_map_is_complete() -> None:
    """Each source file stands in the README's file map, and nothing else does."""
    block = README[README.index("## How a value travels") : README.index("## Non-obvious")]
    named = set(re.findall(r"[\w/]+(?:\.\d+)?\.(?:py|avsc|sql|js|css)\b", block)) - {"tests/test_house.py"}
    suffixes = ("*.py", "*.avsc", "*.sql", "*.js", "*.css")
    there = {
        str(path.relative_to(ROOT / root))
        for root in SOURCE_ROOTS
        for suffix in suffixes
        for path in (ROOT / root).rglob(suffix)
        if "vendor" not in path.parts and not path.name.startswith("__")
    }
    short = {name: Path(name).name for name in there}

    assert {name for name in there if name not in named and short[name] not in named} == set()
    assert {name for name in named if name not in there and name not in short.values()} == set()
