"""Our events, read by Apache Avro's own library for Java, which knows the schema files and nothing of us."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runstream_schemas import codec
from runstream_schemas.catalog import CatalogEvent, ModelFile, ModelRegistered
from runstream_schemas.events import (
    ArtifactEvent,
    Created,
    Described,
    Event,
    LogEvent,
    MetricEvent,
    Other,
    PropertiesAdded,
    RunEvent,
    Series,
    TagEvent,
)
from runstream_schemas.points import INT_RECORD, NO_STEP, RECORD_BYTES, TEXT, pack_code
from tests.strategies import record

HERE = Path(__file__).parent / "java"
CACHE = Path(os.environ.get("RUNSTREAM_TEST_CACHE", "~/.cache/runstream-test")).expanduser()
HEADER = ("run-1", "01890000-0000-7000-8000-000000000000", 7, 1_700_000_000_000_000_000)


def program(name: str, package: str) -> str:
    """The path of a command; a machine without it fails with what to install."""
    found = shutil.which(name)
    assert found, f"{name} is missing: install the package '{package}' (apt-get install {package})"
    return found


def damaged_jars(lib: Path) -> list[str]:
    """Names of jars that are missing or differ from the committed list."""
    wanted = [line.split() for line in (HERE / "SHA256SUMS").read_text().splitlines()]
    return [
        name
        for digest, name in wanted
        if not (lib / name).exists() or hashlib.sha256((lib / name).read_bytes()).hexdigest() != digest
    ]


@pytest.fixture(scope="module")
def class_path() -> str:
    """Give Avro's jars and our compiled reader, from the cache or made there."""
    lib = CACHE / "avro-lib"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "avro-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if damaged_jars(lib):
            goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={lib}"]
            command = [program("mvn", "maven"), "-q", "-B", "-f", str(HERE / "pom.xml"), *goal]
            subprocess.run(command, check=True, capture_output=True)
            assert damaged_jars(lib) == []
        source = HERE / "ReadEvent.java"
        classes = CACHE / f"avro-reader-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
        if not (classes / "ReadEvent.class").exists():
            compiler = program("javac", "default-jdk-headless")
            subprocess.run([compiler, "-cp", f"{lib}/*", "-d", str(classes), str(source)], check=True)
    return f"{lib}/*{os.pathsep}{classes}"


def read_in_java(class_path: str, folder: Path, events: list[Event]) -> list[str]:
    """The lines that the Java program prints for these events."""
    arguments = []
    for i, event in enumerate(events):
        data = codec.encode(event)
        (folder / f"{i}.bin").write_bytes(data)
        arguments += [str(Path(codec.__file__).parent / codec.SCHEMAS[data[2:10]].file), str(folder / f"{i}.bin")]
    command = [program("java", "default-jdk-headless"), "-Xmx128m", "-Dfile.encoding=UTF-8", "-cp", class_path]
    command += ["-Dsun.stdout.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "ReadEvent", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


FILE = ModelFile("a/b.pkl", 3, "0" * 64, "application/octet-stream", None, b"abc")
VALUES: list[Any] = [0.1, -0.0, math.nan, math.inf, 5e-324, True, None, 2**63 - 1, -(2**63), "größe"]


def test_java_reads_every_event(class_path: str, tmp_path: Path) -> None:
    """Apache Avro decodes each event type with our schema file: names, optional fields, and points bit by bit."""
    rows = [record(i or NO_STEP, 1_700_000_000_000_000_000 + i, value, 3) for i, value in enumerate(VALUES[:-1])]
    rows.append(INT_RECORD.pack(9, 10, 0, pack_code(3, TEXT)))
    metric = MetricEvent(
        *HEADER,
        40,
        len(rows),
        (Series(3, "loss ü", "spalte", "row", "über"),),
        (Other(len(rows) - 1, VALUES[-1]),),
        b"".join(rows),
    )
    others: list[Event] = [
        RunEvent(*HEADER, Created("w", "e", display_name="名")),
        RunEvent(*HEADER, PropertiesAdded({"a": "b"})),
        TagEvent(*HEADER, "key", None, removed=True),
        ArtifactEvent(*HEADER, "a/b.png", 3, "0" * 64, "image/png", None, b"abc"),
        LogEvent(*HEADER, "stdout", 0, "line\n"),
        CatalogEvent("", *HEADER[1:], "w", "model", "모델", ModelRegistered((FILE,), tags={"a": None}, run_id="run-1")),
        RunEvent(*HEADER, Described(None, "über")),
    ]
    lines = read_in_java(class_path, tmp_path, [metric, *others])
    told, points, rest = json.loads(lines[0]), lines[1 : 1 + len(rows)], lines[1 + len(rows) :]
    texts = [line.split("\t", 3) for line in points[:-1]]

    assert (told["first_index"], told["count"], told["series"][0]["column_name"]) == (40, len(rows), "spalte")
    assert [int(line[1]) for line in texts] == [NO_STEP, *range(1, len(rows) - 1)]
    assert [int(line[2]) - 1_700_000_000_000_000_000 for line in texts] == list(range(len(rows) - 1))
    values = [line[3].split("\t") for line in texts]
    doubles = [float.fromhex(value) for value, _, kind in values if kind in "13"]
    assert [str(value) for value in doubles] == ["0.1", "-0.0", "nan", "inf", "5e-324", "1.0"]
    assert [int(value) for value, _, kind in values if kind == "2"] == [2**63 - 1, -(2**63)]
    assert {series for _, series, _ in values} == {"3"}
    assert "größe" in points[-1]
    assert len(metric.points) == len(rows) * RECORD_BYTES
    assert json.loads(rest[0])["created"]["display_name"] == "名"
    assert json.loads(rest[1])["properties"] == {"a": "b"}
    assert json.loads(rest[2])["removed"] is True
    assert json.loads(rest[3])["size_bytes"] == 3
    assert json.loads(rest[4])["text"] == "line\n"
    model = json.loads(rest[5])
    assert (model["run_id"], model["name"], model["registered"]["tags"]) == ("", "모델", {"a": None})
    assert model["registered"]["files"][0]["path"] == "a/b.pkl"
    assert json.loads(rest[6])["described"]["description"] == "über"
