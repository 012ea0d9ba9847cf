"""The session of `dotbase jobs`: of the owner's member or a superuser, each statement its own transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from dotbase.catalog import schemas, sessions
from dotbase.connection import close_path, connect, is_superuser, one_sentence, resolve_url
from dotbase.errors import DotbaseError
from dotbase.migrate import confinement
from dotbase.options import GlobalOptions

Row = dict[str, Any]


class Session:
    """Rows of the database's answers, and its refusals as one sentence."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, query: str, *parameters: object) -> list[Row]:
        """All rows of a query."""
        if confinement.is_needed(self._connection):
            return self._confined(query, parameters)
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()

    def _confined(self, query: str, parameters: Sequence[object]) -> list[Row]:
        """The same for a superuser, who runs the owner's functions with no more than the owner's rights.

        The rows are put aside and copied from there: fetching them from the query would run it as him.
        """
        connection = self._connection
        with connection.transaction():
            close_path(connection)
            asked = psycopg.ClientCursor(connection).mogrify(query.encode(), parameters)
            confinement.run(connection, f"create temporary table dotbase_rows on commit drop as {asked}")
            close_path(connection)
            columns = sessions.temporary_columns(connection, "dotbase_rows")
            with connection.cursor() as cursor, cursor.copy("copy pg_temp.dotbase_rows to stdout") as copy:
                copy.set_types([type_ for _, type_ in columns])
                rows = list(copy.rows())
            confinement.finish(connection)
        return [dict(zip((name for name, _ in columns), row, strict=True)) for row in rows]

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
