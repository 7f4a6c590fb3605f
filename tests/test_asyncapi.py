"""The AsyncAPI document says what is true: topics, keys, payloads and the settings that topics are created with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from runstream.topics import _EVENTS as CREATED_WITH
from runstream_schemas import codec
from runstream_schemas.topics import PARTITIONS, Topic, topic_name

ROOT = Path(__file__).parent.parent / "schemas"
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "asyncapi.yaml").read_text())


def resolved(node: Any) -> Any:
    """What a reference within the document points to."""
    if "$ref" not in node or not node["$ref"].startswith("#/"):
        return node
    found: Any = DOCUMENT
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(node: Any) -> list[str]:
    """Every reference in the document."""
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [ref for value in node.values() for ref in references(value)]
    return [ref for value in node for ref in references(value)] if isinstance(node, list) else []


def test_every_topic_is_a_channel() -> None:
    """Channels are exactly the topics, with their names under any prefix."""
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}

    assert addresses == {topic.name.lower(): topic_name(topic, "{prefix}") for topic in Topic}


@pytest.mark.parametrize("topic", list(Topic))
def test_each_channel_carries_its_event(topic: Topic) -> None:
    """The message of a channel is the topic's event class, its payload the schema file, its key what it is about."""
    [(name, message)] = DOCUMENT["channels"][topic.name.lower()]["messages"].items()
    [writer] = [w for w in codec.SCHEMAS.values() if w.topic is topic and w.is_current]
    described = resolved(message)
    path = described["payload"]["schema"]["$ref"]

    assert name == writer.event.__name__
    assert Path(path).name == writer.file
    assert json.loads((ROOT / path).read_text())["name"] == name
    about = "name of the experiment or model" if topic is Topic.CATALOG else "run id"
    assert about in described["bindings"]["kafka"]["key"]["description"]


def test_channels_name_the_settings_of_created_topics() -> None:
    """Partitions and configuration in the document are those that `topics create` asks for."""
    for channel in DOCUMENT["channels"].values():
        kafka = channel["bindings"]["kafka"]
        told = {name: ",".join(v) if isinstance(v, list) else str(v) for name, v in kafka["topicConfiguration"].items()}

        assert kafka["partitions"] == PARTITIONS
        assert told == dict(CREATED_WITH)


def test_no_reference_leads_nowhere() -> None:
    """Each reference is a place in the document or a file beside it."""
    for ref in references(DOCUMENT):
        assert resolved({"$ref": ref}) if ref.startswith("#/") else (ROOT / ref).exists()


@pytest.mark.parametrize("path", sorted((ROOT / "runstream_schemas").glob("*.avsc")), ids=lambda path: path.name)
def test_every_field_is_documented(path: Path) -> None:
    """Each record and field of a schema has a doc that is a sentence."""

    def undocumented(node: Any, where: str) -> list[str]:
        if isinstance(node, list):
            return [found for one in node for found in undocumented(one, where)]
        if not isinstance(node, dict):
            return []
        own = [] if node.get("type") in ("array", "map") or node.get("doc", "").endswith(".") else [where]
        inner = node.get("fields", []) + [node[part] for part in ("items", "values", "type") if part in node]
        return own + [found for one in inner for found in undocumented(one, f"{where}.{node.get('name', '')}")]

    assert undocumented(json.loads(path.read_text()), path.stem) == []
