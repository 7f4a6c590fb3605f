"""Serving the history to other processes: DuckDB's remote protocol, Quack, inside the process that writes the file.

A DuckDB file that is open for writing cannot be opened by anybody else, so the consumer answers for it. Readers bring
the home's token and may only read: see readonly.sql. Quack is used nowhere else than here and in history.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import duckdb

from runstream_consumer import permission
from runstream_consumer.errands import Errands
from runstream_consumer.literal import literal
from runstream_consumer.source import Lag
from runstream_schemas.errors import ConfigError, ExtraMissing
from runstream_schemas.home import Home, host_name
from runstream_schemas.topic_facts import Shortfall

LOOPBACK = "127.0.0.1"
TEMPORARY_SIZE = "10GB"
TOKEN_BYTES = 32
LAG_KEPT_S = 600.0
LAG_EVERY_S = 5.0

_SETUP = (
    f"SET GLOBAL max_temp_directory_size = '{TEMPORARY_SIZE}'",
    # What the consumer tells of itself: JSON in one row, in memory, so that a heartbeat is no commit to the file.
    "ATTACH ':memory:' AS consumer",
    "CREATE TABLE consumer.main.pulse (pulse VARCHAR NOT NULL)",
    "SET GLOBAL quack_authorization_function = 'guard.main.permitted'",
)
_LOCKING = ("SET GLOBAL enable_external_access = false", "SET GLOBAL lock_configuration = true")


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """
    What server.json says: where the history of a home is served.

    Attributes:
        pid: process of the consumer.
        host, port: where Quack listens.
        token_file: path of the token.
        started_at: seconds since 1970 UTC.
        tables_version: of the history file.
        duckdb: version of DuckDB; its clients must have the same.
        dashboard: address of the dashboard that runs beside it, if one does.
        monitor: address of the health endpoints, if they are on.
    """

    pid: int
    host: str
    port: int
    token_file: str
    started_at: float
    tables_version: str = ""
    duckdb: str = duckdb.__version__
    dashboard: str | None = None
    monitor: str | None = None

    @property
    def is_alive(self) -> bool:
        """Whether that process still exists; it may be another one with the same number."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


@dataclass(frozen=True, slots=True)
class Runaway:
    """A statement of a reader that has run for too long; Quack cannot stop it, only the end of the process does."""

    statement: str
    running_s: float


class Server:
    """A running Quack server on one connection's database."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, home: Home, host: str, port: int, token: str) -> None:
        self._connection = connection.cursor()
        self._home = home
        self._token = token
        self.host = host
        self.port = port
        self.started_at = time.time()
        self._lag: deque[tuple[float, float]] = deque(maxlen=int(LAG_KEPT_S / LAG_EVERY_S))
        self._running: dict[tuple[str, str], float] = {}
        self._told_at: dict[tuple[str, str], float] = {}
        self._listening = False

    @property
    def address(self) -> str:
        """host:port as a client on this machine names it."""
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        """
        Listen (again), with the same port and token.

        Raises:
            ConfigError: the port is taken, or the address is not this machine's.
        """
        other = ", allow_other_hostname => true" if self.host != LOOPBACK else ""
        try:
            self._connection.execute(f"CALL quack_serve({literal(self._uri)}, token => {literal(self._token)}{other})")
        except duckdb.Error as error:
            reason = "nothing can listen there; free the port or choose another address"
            raise ConfigError("history server", self.address, f"{reason} ({str(error).splitlines()[0]})") from error
        self._listening = True

    def stop(self) -> None:
        """Stop listening and forget all sessions; a statement that is running goes on until it ends."""
        if self._listening:
            self._listening = False
            self._connection.execute(f"CALL quack_stop({literal(self._uri)})")

    def close(self) -> None:
        """Stop, and take server.json away if it is still ours."""
        self.stop()
        info = read_server(self._home)
        if info is not None and info.pid == os.getpid() and info.port == self.port:
            self._home.server_json.unlink(missing_ok=True)

    def tell(self, lags: Sequence[Lag], shrunk: Mapping[str, int], shortfalls: Sequence[Shortfall] = ()) -> None:
        """
        Tell readers how far the fold is behind; call it about once a second, for silence means "stopped".

        Args:
            lags: of every partition that is being read.
            shrunk: producers whose journals end before what was folded from them, and where they end.
            shortfalls: what keeps the log's topics from giving the whole history again.
        """
        now = time.time()
        behind_s = max((lag.behind_s for lag in lags), default=0.0)
        if not self._lag or now - self._lag[-1][0] >= LAG_EVERY_S:
            self._lag.append((now, behind_s))
        path = self._home.history_path
        pulse = {
            "told_at": now,
            "behind_s": behind_s,
            "behind_events": sum(max(0, lag.end - lag.next_position) for lag in lags),
            "partitions": [{"partition": lag.partition, "end": lag.end, "behind_s": lag.behind_s} for lag in lags],
            "lag": [(round(now - at, 1), round(seconds, 3)) for at, seconds in self._lag],
            "shrunk": dict(shrunk),
            "shortfalls": [asdict(one) for one in shortfalls],
            "database_bytes": _size_bytes(path),
            "wal_bytes": _size_bytes(path.with_name(path.name + ".wal")),
            "process": os.getpid(),
            "host": host_name(),
            "started_at": self.started_at,
            "duckdb": duckdb.__version__,
            "home": str(self._home.root),
        }
        self._connection.execute("BEGIN; DELETE FROM consumer.main.pulse")
        self._connection.execute("INSERT INTO consumer.main.pulse VALUES (?)", [json.dumps(pulse)])
        self._connection.execute("COMMIT")

    def runaway(self, budget_s: float) -> Runaway | None:
        """
        Return the reader's statement that has been seen running for longest, if for more than *budget_s* seconds.

        Ask every second or so: the time counts from the first call that saw it. One that was returned is returned again
        after as long again. Quack cannot cancel a statement and lets it run on when its reader has gone; memory and
        temporary space are bounded, its core is not.
        """
        now = time.monotonic()
        rows = self._connection.execute(
            "SELECT connection_id, query_started_at::VARCHAR, query FROM quack_active_connections() "
            "WHERE state <> 'finished' AND query IS NOT NULL"
        ).fetchall()
        statements = {(str(connection), str(began)): str(query) for connection, began, query in rows}
        self._running = {one: self._running.get(one, now) for one in statements}
        self._told_at = {one: at for one, at in self._told_at.items() if one in statements}
        late = [one for one, since in self._running.items() if now - self._told_at.get(one, since) > budget_s]
        if not late:
            return None
        longest = min(late, key=lambda one: self._running[one])
        self._told_at[longest] = now
        return Runaway(statements[longest], now - self._running[longest])

    @property
    def _uri(self) -> str:
        return f"quack:{self.host}:{self.port}"


def serve(
    connection: duckdb.DuckDBPyConnection, home: Home, listen: str = LOOPBACK, port: int = 0, monitor: str | None = None
) -> Server:
    """
    Start serving the database of *connection* to readers, read-only, and write server.json.

    Afterwards the configuration of this DuckDB instance is locked: commits, checkpoints and spilling go on, settings
    can no longer be changed.

    Args:
        connection: the history's; it stays usable for writing.
        home: holds the token and server.json.
        listen: address to listen on; anything but loopback is reachable for whoever has the token.
        port: to listen on; 0 takes a free one.
        monitor: address of the health endpoints, to be told in server.json.
    """
    load_extensions(connection)
    setup = connection.cursor()
    catalog = setup.execute("SELECT current_database()").fetchall()[0][0]
    server = Server(connection, home, listen, port or free_port(listen), read_or_make_token(home))
    # The hook stands before the first client can come.
    permission.install(setup, catalog)
    for statement in _SETUP:
        setup.execute(statement)
    Errands(connection).install()
    server.start()
    for statement in _LOCKING:
        setup.execute(statement)
    version = setup.execute("SELECT value FROM meta WHERE key = 'tables_version'").fetchone()
    host = LOOPBACK if listen in ("0.0.0.0", "::") else listen
    write_server(
        home,
        ServerInfo(
            os.getpid(),
            host,
            server.port,
            str(home.token_path),
            server.started_at,
            version[0] if version else "",
            monitor=monitor,
        ),
    )
    return server


def load_extensions(connection: duckdb.DuckDBPyConnection) -> None:
    """Load Quack and what it needs, from the pinned wheels: nothing is downloaded or written."""
    for name in ("httpfs", "quack"):
        package = importlib.util.find_spec(f"duckdb_extension_{name}")
        if package is None or package.origin is None:
            raise ExtraMissing("the history server", "consumer", f"duckdb_extension_{name}")
        file = Path(package.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        connection.execute(f"LOAD {literal(str(file))}")


def free_port(host: str) -> int:
    """Return a port that nobody listens on just now: Quack refuses port 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def read_or_make_token(home: Home, rotate: bool = False) -> str:
    """Return the home's token, made on first use or anew: 256 random bits in a file that only its owner reads."""
    path = home.token_path
    if not rotate:
        with contextlib.suppress(FileNotFoundError):
            token = path.read_text(encoding="ascii").strip()
            if token:
                return token
    home.ensure()
    token = secrets.token_hex(TOKEN_BYTES)
    _write_private(path, token + "\n")
    return token


def write_server(home: Home, info: ServerInfo) -> None:
    """Tell in server.json where the history of this home is served."""
    home.ensure()
    _write_private(home.server_json, json.dumps(asdict(info), indent=1) + "\n")


def read_server(home: Home) -> ServerInfo | None:
    """Return what server.json says, or None if there is none, it cannot be read, or its process is gone."""
    try:
        told = json.loads(home.server_json.read_text(encoding="utf-8"))
        known = {field.name for field in fields(ServerInfo)}
        info = ServerInfo(**{name: value for name, value in told.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return info if info.is_alive else None


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _write_private(path: Path, text: str) -> None:
    """Replace the file at once, never readable for others."""
    fresh = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
