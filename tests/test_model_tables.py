"""Registered models as the models page shows them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from runstream_consumer.history import ModelFileRow, ModelRow
from runstream_dashboard import model_tables

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def version(name: str, number: int, minute: int = 0, workspace: str = "default", **fields: Any) -> ModelRow:
    """Return one version of a model."""
    given: dict[str, Any] = {
        "description": None, "framework": None, "framework_version": None, "run_id": None, "n_files": 1,
        "size_bytes": 5, "latest": True, "tags": {}, "properties": {},
    }  # fmt: skip
    at = NOW - dt.timedelta(hours=1) + dt.timedelta(minutes=minute)
    return ModelRow(workspace, name, number, at, registration_id=f"{name}{number}", **(given | fields))


def test_versions_belong_to_their_model_the_highest_first() -> None:
    """By workspace and name; the model registered last comes first, whatever its name."""
    rows = [version("b", 1), version("a", 2, 9), version("a", 1, 1), version("b", 1, 5, workspace="other")]

    found = model_tables.families(rows)

    assert [(each.workspace, each.name) for each in found] == [("default", "a"), ("other", "b"), ("default", "b")]
    assert [row.version for row in found[0].versions] == [2, 1]
    assert found[0].version("1").version == 1
    assert found[0].version("7") is found[0].newest is found[0].version(None)


def test_models_are_found_by_what_is_said_of_any_version() -> None:
    """Name, workspace, tags, framework and description, whatever the case."""
    rows = [
        version("churn", 1, tags={"stage": "production"}, framework="ScikitLearn"),
        version("churn", 2),
        version("digits", 1, description="a small Network"),
    ]

    for find, names in (
        ("CHUR", ["churn"]),
        ("stage = prod", ["churn"]),
        ("scikit", ["churn"]),
        ("network", ["digits"]),
    ):
        assert [each.name for each in model_tables.families(rows, find)] == names
    assert model_tables.families(rows, "nothing") == []


def test_the_tables_say_what_a_reader_compares() -> None:
    """Newest version, how many, size, framework; the workspace only where there are several."""
    families = model_tables.families(
        [version("a", 3, framework="ScikitLearn", framework_version="1.7", tags={"x": None}), version("a", 1)]
    )

    row = model_tables.family_table(families).to_dict("records")[0]

    assert (row["Model"], row["Newest"], row["Versions"], row["Framework"]) == ("a", 3, 2, "ScikitLearn 1.7")
    assert (row["Size"], row["Registered"], row["Tags"]) == (5, families[0].newest.created_at, ["x"])
    assert "Workspace" not in row
    both = model_tables.families([version("a", 1), version("a", 1, workspace="w")])
    assert set(model_tables.family_table(both)["Workspace"]) == {"default", "w"}
    assert model_tables.version_table(families[0])["Version"].tolist() == [3, 1]
    assert model_tables.summary(families[0].newest).endswith("ScikitLearn 1.7 · 1 file · 5 B")
    files = [ModelFileRow("m.pkl", 5, "ab" * 32, "application/x", None, b"12345")]
    assert model_tables.file_table(files).to_dict("records")[0]["SHA-256"] == "ab" * 8
