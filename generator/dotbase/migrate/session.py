"""The session of a migration: transactions as the owner, statements outside of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from psycopg import sql

from dotbase.connection import close_path
from dotbase.migrate.lock import LockOptions
from dotbase.migrate.report import Report, Silent
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]


@dataclass
class Run:
    """What a migration or rollback works with.

    connection: in autocommit mode, of the role that migrates.
    verify:     compares the declarations with the catalog, before anything is committed.
    """

    connection: Connection
    steps: Sequence[Step]
    target: Literal["postgres", "supabase"]
    clock: str
    owner: str
    master_key_file: str | None = None
    project_commit: str | None = None
    verify: Callable[[Connection], None] = lambda connection: None
    report: Report = field(default_factory=Silent)
    lock_options: LockOptions = field(default_factory=LockOptions)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction with a short lock_timeout and no other limits; roles set in it end with it."""
        with self.connection.transaction():
            close_path(self.connection)
            self._set("set local lock_timeout = {}", f"{int(self.lock_options.lock_timeout * 1000)}ms")
            self._set("set local statement_timeout = {}", "0")
            self._set("set local idle_in_transaction_session_timeout = {}", "0")
            self._set("set local check_function_bodies = {}", "off")
            yield

    def as_owner(self) -> None:
        """Act as the owner until the transaction ends."""
        self.connection.execute(sql.SQL("set local role {}").format(sql.Identifier(self.owner)))

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Statements as the owner that are transactions of their own."""
        self.connection.execute("set search_path = pg_catalog, pg_temp")
        self.connection.execute(sql.SQL("set role {}").format(sql.Identifier(self.owner)))
        self._set("set lock_timeout = {}", f"{int(self.lock_options.lock_timeout * 1000)}ms")
        self._set("set statement_timeout = {}", "0")
        try:
            yield
        finally:
            if not self.connection.closed:
                for setting in ("role", "lock_timeout", "statement_timeout", "search_path"):
                    self.connection.execute(sql.SQL("reset {}").format(sql.SQL(setting)))

    def _set(self, statement: str, value: str) -> None:
        self.connection.execute(sql.SQL(statement).format(sql.Literal(value)))
