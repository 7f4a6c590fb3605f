"""Logins and TLS through RUNSTREAM_KAFKA_*: with the right settings every client gets in, else it is told why."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstream.cli import exits, main
from runstream_consumer.kafka_source import KafkaSource
from runstream_schemas.settings import parse
from tests.guarded_broker import Guarded, guarded_broker
from tests.kafka_log import drain
from tests.scripts import finish, start

pytestmark = pytest.mark.kafka

WAYS = [("SASL_PLAINTEXT", "SCRAM-SHA-256"), ("SASL_PLAINTEXT", "PLAIN"), ("SSL", ""), ("SASL_SSL", "SCRAM-SHA-256")]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    """Give the broker that asks who is there."""
    with guarded_broker() as started:
        yield started


def use(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    """Set environment variables for this test."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("protocol", "mechanism"), WAYS)
def test_every_client_gets_in(
    guarded: Guarded,
    protocol: str,
    mechanism: str,
    topic_prefix: str,
    home_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`topics create`, `check`, a training process and the consumer's source work through one guarded listener."""
    use(monkeypatch, guarded.environment(protocol, mechanism))

    created = main(["topics", "create"])
    checked = main(["topics", "check"])
    capsys.readouterr()
    main(["check", "--json"])
    levels = {finding["part"]: finding["level"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    ended = finish(start(home_path, "run.log('loss', 0.5, step=0); run.complete(); run.flush(60)"))
    source = KafkaSource(parse(os.environ).kafka_options(), topic_prefix)
    source.start({})
    records = drain(source, 4)
    source.close()

    assert (created, checked) == (exits.OK, exits.OK)
    assert (levels["broker"], levels["topics"]) == ("ok", "ok")
    assert (ended.status, ended.err) == (0, "")
    assert {record.key for record in records} == {b"script"}


@pytest.mark.parametrize(
    ("protocol", "mechanism", "wrong", "told"),
    [
        (
            "SASL_PLAINTEXT",
            "SCRAM-SHA-256",
            "RUNSTREAM_KAFKA_PASSWORD_FILE",
            "RUNSTREAM_KAFKA_USERNAME and RUNSTREAM_KAFKA_PASSWORD_FILE",
        ),
        (
            "SASL_PLAINTEXT",
            "PLAIN",
            "RUNSTREAM_KAFKA_PASSWORD_FILE",
            "RUNSTREAM_KAFKA_USERNAME and RUNSTREAM_KAFKA_PASSWORD_FILE",
        ),
        ("SSL", "", "RUNSTREAM_KAFKA_CA_FILE", "is not signed by RUNSTREAM_KAFKA_CA_FILE"),
        ("SASL_PLAINTEXT", "SCRAM-SHA-512", "", "RUNSTREAM_KAFKA_SASL_MECHANISM"),
    ],
)
def test_a_refused_login_is_told_by_its_cause(
    guarded: Guarded,
    protocol: str,
    mechanism: str,
    wrong: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wrong password, an unknown certificate or an unknown login end a command with a line that names the setting."""
    use(monkeypatch, guarded.environment(protocol, mechanism))
    (tmp_path / "wrong").write_text("not the password")
    if wrong == "RUNSTREAM_KAFKA_CA_FILE":
        monkeypatch.delenv(wrong)
    elif wrong:
        monkeypatch.setenv(wrong, str(tmp_path / "wrong"))

    code = main(["topics", "check"])

    said = capsys.readouterr().err
    # A broker that refuses a login closes the connection, and the client may miss why.
    assert code in ({exits.FAILED, exits.TRY_AGAIN} if mechanism else {exits.FAILED})
    assert told in said
    assert said.count("\n") == 1
