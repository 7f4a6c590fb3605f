"""The RUNSTREAM_* variables: each is read once, said clearly when wrong, and strangers are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream_schemas import settings
from runstream_schemas.errors import ConfigError


def test_an_empty_environment_gives_the_defaults() -> None:
    """Nothing set, or set to nothing: embedded, in the user's own folder."""
    parsed = settings.parse({"RUNSTREAM_BROKERS": ""})

    assert parsed.home == Path("~/.runstream").expanduser()
    assert (parsed.brokers, parsed.server, parsed.journal_bytes) == (None, None, None)
    assert (parsed.exit_wait_s, parsed.read_wait_s, parsed.topic_prefix) == (10.0, 30.0, "runstream")


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("RUNSTREAM_BROKERS", "a:9092, b:9093", "brokers", "a:9092,b:9093"),
        ("RUNSTREAM_SERVER", "[::1]:8000", "server", "[::1]:8000"),
        ("RUNSTREAM_JOURNAL_BYTES", "2G", "journal_bytes", 2 << 30),
        ("RUNSTREAM_JOURNAL_BYTES", "500k", "journal_bytes", 500 << 10),
        ("RUNSTREAM_JOURNAL_BYTES", "12345", "journal_bytes", 12345),
        ("RUNSTREAM_EXIT_WAIT", "0", "exit_wait_s", 0.0),
        ("RUNSTREAM_KAFKA_SECURITY", "sasl_ssl", "kafka_security", "SASL_SSL"),
        ("RUNSTREAM_HOME", "/tmp/x", "home", Path("/tmp/x")),
        ("RUNSTREAM_LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("RUNSTREAM_KEEP_CODE", "Yes", "keep_code", True),
        ("RUNSTREAM_KEEP_CODE", "0", "keep_code", False),
    ],
)
def test_values_are_read(name: str, text: str, field: str, value: object) -> None:
    """Hosts, sizes, seconds, choices and paths in the forms that people write."""
    assert getattr(settings.parse({name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RUNSTREAM_BROKERS", "localhost"),
        ("RUNSTREAM_BROKERS", "a:9092,"),
        ("RUNSTREAM_SERVER", "a:99999"),
        ("RUNSTREAM_JOURNAL_BYTES", "many"),
        ("RUNSTREAM_JOURNAL_BYTES", "0"),
        ("RUNSTREAM_JOURNAL_BYTES", "G"),
        ("RUNSTREAM_EXIT_WAIT", "-1"),
        ("RUNSTREAM_READ_WAIT", "nan"),
        ("RUNSTREAM_KAFKA_SECURITY", "TLS"),
        ("RUNSTREAM_TOPIC_PREFIX", "a/b"),
        ("RUNSTREAM_LOG_LEVEL", "LOUD"),
        ("RUNSTREAM_KEEP_CODE", "perhaps"),
    ],
)
def test_wrong_values_name_the_variable(name: str, text: str) -> None:
    """A value that cannot be used raises ConfigError with name and value."""
    with pytest.raises(ConfigError) as raised:
        settings.parse({name: text})

    assert (raised.value.name, raised.value.value) == (name, text)
    assert name in str(raised.value)


def test_strangers_come_with_the_nearest_name() -> None:
    """An unknown variable is told, with what was probably meant; those of the tests and of others are left alone."""
    environ = {"RUNSTREAM_BROKER": "x", "RUNSTREAM_ZZZ": "x", "RUNSTREAM_TEST_SKIP": "x", "OTHER": "x"}

    assert settings.unknown(environ) == [("RUNSTREAM_BROKER", "RUNSTREAM_BROKERS"), ("RUNSTREAM_ZZZ", None)]


def test_every_setting_is_a_field_with_a_sentence() -> None:
    """Table and dataclass have the same entries, and each says what it does."""
    assert [setting.field for setting in settings.SETTINGS] == list(settings.Settings.__dataclass_fields__)
    assert all(setting.doc and setting.name.startswith(settings.PREFIX) for setting in settings.SETTINGS)


def test_kafka_clients_get_security_and_short_waits(tmp_path: Path) -> None:
    """Every client connects to the brokers with the login and certificates of the environment, and reconnects soon."""
    password = tmp_path / "password"
    password.write_text("secret\n")
    parsed = settings.parse(
        {
            "RUNSTREAM_BROKERS": "a:1,b:2",
            "RUNSTREAM_KAFKA_SECURITY": "SASL_SSL",
            "RUNSTREAM_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "RUNSTREAM_KAFKA_USERNAME": "me",
            "RUNSTREAM_KAFKA_PASSWORD_FILE": str(password),
            "RUNSTREAM_KAFKA_CA_FILE": "/ca.pem",
        }
    )
    options = parsed.kafka_options()

    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert options["reconnect_backoff_max_ms"] == 1000
    assert (options["security_protocol"], options["ssl_cafile"]) == ("SASL_SSL", "/ca.pem")
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("me", "secret")
    assert "secret" not in repr(parsed)


def test_a_missing_password_file_is_told() -> None:
    """A file that cannot be read raises ConfigError when a client is made."""
    parsed = settings.parse(
        {"RUNSTREAM_KAFKA_SASL_MECHANISM": "PLAIN", "RUNSTREAM_KAFKA_PASSWORD_FILE": "/nowhere/password"}
    )

    with pytest.raises(ConfigError, match="PASSWORD_FILE"):
        parsed.kafka_options()
