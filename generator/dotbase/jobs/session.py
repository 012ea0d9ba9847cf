"""The session of `dotbase jobs`: of the owner's member or a superuser, each statement its own transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from dotbase.catalog import schemas
from dotbase.connection import close_path, connect, is_superuser, one_sentence, resolve_url
from dotbase.errors import DotbaseError
from dotbase.migrate import confinement, cron_lines
from dotbase.options import GlobalOptions

Row = dict[str, Any]


class Session:
    """Rows of the database's answers, and its refusals as one sentence."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, query: str, *parameters: object) -> list[Row]:
        """All rows of a query."""
        return self._rows(query, parameters)

    def switch(self, query: str, *parameters: object) -> bool:
        """What a function says that changes which lines pg_cron has: whether pg_cron is there."""
        return any(next(iter(row.values())) for row in self._rows(query, parameters, changes_lines=True))

    def _rows(self, query: str, parameters: Sequence[object], *, changes_lines: bool = False) -> list[Row]:
        """As a superuser, with no more than the owner's rights: the functions are the owner's."""
        connection = self._connection
        if not confinement.is_needed(connection):
            return confinement.rows(connection, query, parameters)
        with connection.transaction():
            close_path(connection)
            found = confinement.rows(connection, query, parameters)
            if changes_lines:
                cron_lines.bring_in_step(connection)
            confinement.finish(connection)
        return found

    def row(self, query: str, *parameters: object) -> Row | None:
        """The first row of a query, if there is one."""
        found = self.rows(query, *parameters)
        return found[0] if found else None

    def value(self, query: str, *parameters: object) -> Any:
        """The first column of the first row."""
        row = self.row(query, *parameters)
        return None if row is None else next(iter(row.values()))


@contextmanager
def opened(options: GlobalOptions) -> Iterator[Session]:
    """A session that may see and change jobs."""
    with (
        one_sentence(),
        _declared(),
        connect(resolve_url(options), application_name="dotbase jobs") as connection,
    ):
        session = Session(connection)
        jobs = schemas.ownership(connection, "jobs", "heartbeats")
        if jobs is None:
            raise DotbaseError("this database has no jobs yet", "run `dotbase migrate`")
        if not jobs.is_member:
            raise DotbaseError(
                f"role {connection.info.user} may not look after jobs",
                f"connect as a superuser or a member of {jobs.owner}",
            )
        # A superuser too: what he runs here is the owner's.
        if not jobs.inherits or is_superuser(connection):
            connection.execute(sql.SQL("set role {}").format(sql.SQL(jobs.owner)))
        yield session


@contextmanager
def _declared() -> Iterator[None]:
    """A declared error says by itself what to do."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate and error.sqlstate.startswith("Z") and error.diag.message_hint:
            what = (error.diag.message_primary or "").rstrip(".")
            raise DotbaseError(what, error.diag.message_hint) from None
        raise
