"""Every error says what happened and survives the way between processes."""

from __future__ import annotations

import dataclasses
import pickle
import re
from typing import Any

import pytest

from runstream_schemas import errors
from runstream_schemas.errors import RunstreamError

LEAVES = [kind for name in errors.__all__ if dataclasses.is_dataclass(kind := getattr(errors, name))]


def example(kind: Any) -> RunstreamError:
    """An error with a value of the declared type in each field."""
    values = {"int": 7, "float": 1.5, "str": "some text", "Sequence[str]": ("one", "two")}
    fields = {f.name: values.get(str(f.type).removesuffix(" | None"), "x") for f in dataclasses.fields(kind)}
    error = kind(**fields)
    assert isinstance(error, RunstreamError)
    return error


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_each_error_tells_its_fields(kind: type[RunstreamError]) -> None:
    """The message is a sentence with the fields filled in, and nothing of the template left."""
    text = str(example(kind))

    assert text
    assert not re.search(r"[{}]", text)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_each_error_survives_pickling(kind: type[RunstreamError]) -> None:
    """An error raised in a worker process arrives with type, fields and message."""
    error = example(kind)
    arrived = pickle.loads(pickle.dumps(error))

    assert type(arrived) is kind
    assert vars(arrived) == vars(error)
    assert str(arrived) == str(error)


def test_the_tree_is_drawn_whole() -> None:
    """Every exported error stands in the drawing at the top of errors.py."""
    assert [name for name in errors.__all__ if name not in (errors.__doc__ or "")] == []


def test_builtins_catch_their_kind() -> None:
    """Callers that know nothing of runstream catch the natural builtin."""
    assert issubclass(errors.JournalUnavailable, OSError)
    assert issubclass(errors.RunNotFound, LookupError)
    assert issubclass(errors.NotYetFolded, TimeoutError)
    assert issubclass(errors.InvalidValue, TypeError)
