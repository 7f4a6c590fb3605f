"""An access that outlives its consumer: one that was restarted listens elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import duckdb

from runstream_consumer.access import Access
from runstream_consumer.interruption import plain_interrupts
from runstream_schemas.errors import HistoryUnreachable

T = TypeVar("T")


class Reopening:
    """An access that is opened anew when its consumer went away, and whose question is then asked once more."""

    def __init__(self, open_access: Callable[[], Access]) -> None:
        """Open it; *open_access* finds the consumer as it is then."""
        self._open_access = open_access
        with plain_interrupts():
            self._access = open_access()

    @property
    def where(self) -> str:
        """See Access."""
        return self._access.where

    @property
    def is_served(self) -> bool:
        """See Access."""
        return self._access.is_served

    def run(self, statement: str, take: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """See Access."""
        access = self._access
        with plain_interrupts():
            try:
                return access.run(statement, take)
            except HistoryUnreachable:
                return self._again(access).run(statement, take)

    def relation(self, statement: str) -> duckdb.DuckDBPyRelation:
        """See Access."""
        access = self._access
        with plain_interrupts():
            try:
                return access.relation(statement)
            except HistoryUnreachable:
                return self._again(access).relation(statement)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """See Access."""
        access = self._access
        with contextlib.ExitStack() as stack:
            stack.enter_context(plain_interrupts())
            try:
                stack.enter_context(access.at_once())
            except HistoryUnreachable:
                stack.enter_context(self._again(access).at_once())
            yield

    def close(self) -> None:
        """See Access."""
        with plain_interrupts():
            self._access.close()

    def _again(self, broken: Access) -> Access:
        """Open anew. What was written for a file can be asked of a consumer too, but not the other way round."""
        fresh = self._reopened(broken)
        if broken.is_served and not fresh.is_served:
            raise HistoryUnreachable(broken.where, "its consumer has gone meanwhile; ask again")
        return fresh

    def _reopened(self, broken: Access) -> Access:
        if self._access is broken:
            fresh = self._open_access()
            self._access = fresh
            with contextlib.suppress(duckdb.Error):
                broken.close()
        return self._access
