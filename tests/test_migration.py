"""The migration page says what is so: its calls are there, what is gone says so, its exceptions are the old ones."""

from __future__ import annotations

import re

import pytest

from runstream.azureml import core, exceptions
from runstream.azureml.widgets import RunDetails
from runstream_schemas.errors import NameOutOfScope
from tests.tutorial import ROOT

PAGE = (ROOT / "producer" / "docs" / "migration.md").read_text()


def rows(heading: str) -> list[tuple[str, str]]:
    """Return the first two cells of each row of the table under a heading."""
    section = PAGE[PAGE.index(f"\n## {heading}\n") :].split("\n## ")[1]
    found = re.findall(r"^\| (.*?) \| (.*?) \|", section, re.MULTILINE)
    return [row for row in found if "`" in row[0]]


CALLS = sorted(
    {
        name
        for cell, _ in rows("Call by call")
        for name in re.findall(r"`([A-Z]\w+(?:\.\w+)?)", cell)
        if name != "RunDetails"
    }
)
GONE = [name for cell, _ in rows("What is gone") for name in re.findall(r"`([\w.]+)`", cell)]
OLD_EXCEPTIONS = [name for cell, _ in rows("Exceptions") for name in re.findall(r"`(\w+)`", cell)]


def test_the_page_is_read() -> None:
    """The tables were found, each with what it must have."""
    assert {"Run.log", "Run.wait_for_completion", "Experiment.submit", "Model.download", "Workspace"} <= set(CALLS)
    assert {"core.webservice", "train.automl", "core.Dataset"} <= set(GONE)
    assert RunDetails.__name__ in PAGE


@pytest.mark.parametrize("name", CALLS)
def test_each_call_is_there(name: str) -> None:
    """A class or method of the table exists under the old import."""
    kind, _, method = name.partition(".")
    assert hasattr(getattr(core, kind), method or "__init__")


@pytest.mark.parametrize("name", GONE)
def test_what_is_gone_says_so(name: str) -> None:
    """An import of the table's name raises the error that names it."""
    place, _, last = name.rpartition(".")
    line = f"from runstream.azureml.{place} import {last}" if place else f"import runstream.azureml.{last}"
    with pytest.raises(NameOutOfScope, match=re.escape(f"azureml.{name} is out of scope")):
        exec(line, {})


def test_every_old_exception_is_explained() -> None:
    """The table has each of them, and no other."""
    assert sorted(OLD_EXCEPTIONS) == sorted(exceptions.__all__)
