"""What a statement typed by a reader may do: the check of readonly.sql, asked by the server and where nobody serves."""

from __future__ import annotations

from pathlib import Path

import duckdb

from runstream_consumer.literal import literal

MAX_STATEMENT_CHARACTERS = 200_000

_READONLY = Path(__file__).with_name("readonly.sql")
_CLOSING = (
    "SET GLOBAL autoinstall_known_extensions = false",
    "SET GLOBAL autoload_known_extensions = false",
    "SET GLOBAL allow_community_extensions = false",
    "SET GLOBAL python_enable_replacements = false",
)


def install(connection: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """
    Take from a database what no reader needs, and define the check as `guard.main.permitted`.

    Args:
        connection: any of that database, all extensions loaded.
        catalog: the one whose tables statements may name.
    """
    for statement in _CLOSING:
        connection.execute(statement)
    connection.execute(
        _READONLY.read_text(encoding="utf-8").format(
            catalog_text=literal(catalog), max_characters=MAX_STATEMENT_CHARACTERS
        )
    )


def is_permitted(connection: duckdb.DuckDBPyConnection, statement: str) -> bool:
    """
    Say whether a statement only reads the history; some 5 ms.

    Raises:
        duckdb.Error: the check itself failed, which refuses too.
    """
    rows = connection.execute("SELECT guard.main.permitted('', ?)", [statement]).fetchall()
    return rows == [(True,)]
