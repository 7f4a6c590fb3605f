"""docker-compose.yml, as far as it can be checked without a container engine: its broker really starts from it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from runstream.cli import parser
from runstream_schemas import settings
from tests import broker as real
from tests.waiting import until

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Give the compose file as YAML reads it, anchors and merges resolved."""
    loaded = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def properties_of(environment: dict[str, str]) -> dict[str, str]:
    """Turn the image's variables into broker properties by its rule: a.b-c_d is KAFKA_A_B___C__D."""

    def named(variable: str) -> str:
        name = variable.removeprefix("KAFKA_").lower()
        return re.sub("_{1,3}", lambda run: {1: ".", 2: "_", 3: "-"}[len(run.group())], name)

    return {named(key): str(value) for key, value in environment.items() if key.startswith("KAFKA_")}


def test_everything_is_published_on_loopback_only(compose: dict[str, Any]) -> None:
    """No port of any service reaches beyond this machine."""
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert len(ports) == 3
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_commands_are_ones_that_runstream_knows(compose: dict[str, Any]) -> None:
    """Each service's command line parses, so a renamed option cannot leave the file behind."""
    commands = {name: service["command"] for name, service in compose["services"].items() if "command" in service}
    parsed = {name: parser.build().parse_args(command) for name, command in commands.items()}

    assert set(parsed) == {"topics", "consumer", "dashboard"}
    assert (parsed["consumer"].listen, parsed["consumer"].port) == ("0.0.0.0", 9494)
    assert parsed["dashboard"].allow_anonymous


def test_services_find_each_other(compose: dict[str, Any]) -> None:
    """The consumer reads the broker's inner listener, the dashboard the consumer's port, with the token they share."""
    services = compose["services"]
    broker = services["broker"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    parsed = {name: settings.parse(services[name]["environment"]) for name in ("topics", "consumer", "dashboard")}

    assert f"PLAINTEXT://{parsed['consumer'].brokers}" in broker.split(",")
    assert parsed["topics"].brokers == parsed["consumer"].brokers
    assert parsed["dashboard"].server == "consumer:9494"
    assert parsed["dashboard"].token_file == parsed["consumer"].home / "token"
    assert services["consumer"]["volumes"] == ["history:/var/lib/runstream"]
    assert services["dashboard"]["volumes"] == ["history:/var/lib/runstream:ro"]


def test_variables_are_settings_of_runstream(compose: dict[str, Any]) -> None:
    """No RUNSTREAM_* variable in the file is misspelt."""
    environments = [service.get("environment", {}) for service in compose["services"].values()]

    assert [settings.unknown(environment) for environment in environments] == [[], [], [], []]


def test_waiting_follows_the_path_of_the_data(compose: dict[str, Any]) -> None:
    """Topics wait for a healthy broker, the consumer for the topics, the dashboard for a ready consumer."""
    services = compose["services"]
    waits = {name: service.get("depends_on", {}) for name, service in services.items()}

    assert waits == {
        "broker": {},
        "topics": {"broker": {"condition": "service_healthy"}},
        "consumer": {"topics": {"condition": "service_completed_successfully"}},
        "dashboard": {"consumer": {"condition": "service_healthy"}},
    }
    assert all("healthcheck" in services[name] for name in ("broker", "consumer", "dashboard"))


@pytest.mark.parametrize("name", ["consumer", "dashboard"])
def test_dockerfiles_copy_what_exists_and_is_sent(name: str) -> None:
    """Every path that an image copies is in the repository and passes .dockerignore."""
    lines = (ROOT / name / "Dockerfile").read_text().splitlines()
    copies = [shlex.split(line)[1:-1] for line in lines if line.startswith("COPY ")]
    sources = [word for words in copies for word in words]
    sent = {
        line[1:].removesuffix("/**") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }

    assert sources
    assert [source for source in sources if not (ROOT / source).exists() or source not in sent] == []


@pytest.mark.kafka
def test_its_broker_starts_from_its_variables(compose: dict[str, Any], tmp_path: Path) -> None:
    """The variables, as properties with other hosts and ports, start the real Kafka 4.3 and let clients in."""
    environment = compose["services"]["broker"]["environment"]
    ports = {port: str(real.free_port()) for port in ("9092", "19092", "29093")}
    lines = properties_of(environment) | {"log.dirs": str(tmp_path / "data")}
    text = "".join(f"{key}={value}\n" for key, value in lines.items()).replace("broker:", "127.0.0.1:")
    for port, other in ports.items():
        text = re.sub(rf"(?<=:){port}\b", other, text)
    text = re.sub(r"://:", "://127.0.0.1:", text)
    (tmp_path / "server.properties").write_text(text)
    real.prepare()
    tool = ["kafka.tools.StorageTool", "format", "-t", environment["CLUSTER_ID"], "-c"]
    done = real.run(*real.java(), "-cp", f"{real.CACHE / 'lib'}/*", *tool, str(tmp_path / "server.properties"))
    assert done.returncode == 0, done.stdout + done.stderr
    process = real.launch(tmp_path, real.archive_flags())
    try:
        until(lambda: real.answers(f"127.0.0.1:{ports['9092']}"), what="the compose file's broker answers")
        with real.admin(f"127.0.0.1:{ports['9092']}") as client:
            cluster = client.describe_cluster()
    finally:
        process.kill()
        process.wait()

    assert cluster["cluster_id"] == environment["CLUSTER_ID"]
