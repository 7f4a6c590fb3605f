"""A real broker that asks who is there: a listener with a login, one with TLS, one with both."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from tests.broker import Broker, admin, free_port

USER = "alice"
PASSWORD = "only a test's"
_STORE_PASSWORD = "changeit"
_LOGIN = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A broker and its three guarded addresses.

    Attributes:
        sasl: asks for a login: PLAIN, or SCRAM-SHA-256.
        ssl: speaks TLS.
        sasl_ssl: both.
        ca_file: the certificate that signs the broker's (its own).
        password_file: of USER.
    """

    broker: Broker
    sasl: str
    ssl: str
    sasl_ssl: str
    ca_file: Path
    password_file: Path

    def environment(self, protocol: str, mechanism: str = "") -> dict[str, str]:
        """What a user sets for one of the listeners."""
        servers = {"SASL_PLAINTEXT": self.sasl, "SSL": self.ssl, "SASL_SSL": self.sasl_ssl}[protocol]
        told = {"RUNSTREAM_BROKERS": servers, "RUNSTREAM_KAFKA_SECURITY": protocol}
        if protocol != "SASL_PLAINTEXT":
            told["RUNSTREAM_KAFKA_CA_FILE"] = str(self.ca_file)
        if mechanism:
            told["RUNSTREAM_KAFKA_SASL_MECHANISM"] = mechanism
            told["RUNSTREAM_KAFKA_USERNAME"] = USER
            told["RUNSTREAM_KAFKA_PASSWORD_FILE"] = str(self.password_file)
        return told


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Make a key for 127.0.0.1 with Java's own tool; returns its store, and its certificate as PEM."""
    store, certificate = folder / "keys.p12", folder / "ca.pem"
    common = ["-alias", "broker", "-keystore", str(store), "-storepass", _STORE_PASSWORD]
    names = ["-dname", "CN=127.0.0.1", "-ext", "SAN=IP:127.0.0.1", "-ext", "BC:c=ca:true"]
    made = ["-genkeypair", "-keyalg", "EC", "-storetype", "PKCS12", "-validity", "30", *names]
    shown = ["-exportcert", "-rfc", "-file", str(certificate)]
    for step in (made, shown):
        subprocess.run(["keytool", *step, *common], check=True, capture_output=True)
    return store, certificate


def properties(ports: dict[str, int], store: Path) -> dict[str, str]:
    """The broker's settings; its plain listener stays as it is in the template."""
    plain, controller = "PLAINTEXT://127.0.0.1:@PORT@", "CONTROLLER://127.0.0.1:@CONTROLLER_PORT@"
    guarded = [f"{name}://127.0.0.1:{port}" for name, port in ports.items()]
    protocols = [*(f"{name}:{name}" for name in ports), "PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"]
    told = {
        "listeners": ",".join([plain, controller, *guarded]),
        "advertised.listeners": ",".join([plain, *guarded]),
        "listener.security.protocol.map": ",".join(protocols),
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(store),
        "ssl.keystore.password": _STORE_PASSWORD,
    }
    for name in ("sasl_plaintext", "sasl_ssl"):
        plain_login = f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        told[f"listener.name.{name}.plain.sasl.jaas.config"] = plain_login
        told[f"listener.name.{name}.scram-sha-256.sasl.jaas.config"] = f"{_LOGIN}.scram.ScramLoginModule required;"
    return told


@contextmanager
def guarded_broker() -> Iterator[Guarded]:
    """A broker with three guarded listeners and one user while the block runs; its keys lie in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="runstream-keys-") as name:
        store, certificate = make_keys(Path(name))
        password_file = Path(name) / "password"
        password_file.write_text(PASSWORD + "\n")
        ports = {protocol: free_port() for protocol in ("SASL_PLAINTEXT", "SSL", "SASL_SSL")}
        broker = Broker.start_new(properties(ports, store))
        try:
            with admin(broker.servers) as client:
                user = UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_256, PASSWORD)
                assert client.alter_user_scram_credentials([user]) == {USER: None}
            sasl, ssl, sasl_ssl = (f"127.0.0.1:{port}" for port in ports.values())
            yield Guarded(broker, sasl, ssl, sasl_ssl, certificate, password_file)
        finally:
            broker.close()
