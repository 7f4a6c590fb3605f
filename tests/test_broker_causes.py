"""Why a client got no broker is told from its own log lines, whatever other clients of the process go through."""

from __future__ import annotations

import logging
import threading
from typing import Any, ClassVar

import pytest

from runstream_schemas import broker
from runstream_schemas.errors import BrokerMismatch

LOGGER = logging.getLogger("kafka.test")


class Refused:
    """A client that is refused its login, beside another one that finds nobody and says so meanwhile."""

    DEFAULT_CONFIG: ClassVar[dict[str, Any]] = {"kafka_client": dict}
    speak = threading.Event()
    spoken = threading.Event()

    def __init__(self, **options: Any) -> None:
        self.speak.set()
        assert self.spoken.wait(60)
        own = threading.Thread(target=LOGGER.error, args=("SaslAuthenticationFailedError: no such user",))
        own.start()
        own.join()
        raise ValueError("Unable to bootstrap")


def lost() -> None:
    """What another client says in its thread."""
    assert Refused.speak.wait(60)
    LOGGER.error("Connection failed: KafkaConnectionError: 111 ECONNREFUSED")
    Refused.spoken.set()


def test_another_client_s_trouble_is_not_taken_for_one_s_own() -> None:
    """A refused login stays one, though a sender of this process cannot reach its broker at that moment."""
    other = threading.Thread(target=lost)
    other.start()
    options = {"bootstrap_servers": "127.0.0.1:1", "sasl_mechanism": "PLAIN"}

    with pytest.raises(BrokerMismatch, match="refused the login"):
        broker.connect(Refused, options, ValueError)
    other.join(60)
