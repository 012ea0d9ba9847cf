"""Texts and functions of the owner's members, run by a superuser's session without giving them its rights.

`set role` alone confines nobody: what is run after it goes back with `reset role`, in a text that a rollback
restores, in a trigger of the history, in any function that was replaced. Postgres refuses that inside of a
security definer function, however deep, so a superuser runs what is the owner's inside of one that the owner
owns. It is made anew for each call: what ran before could have replaced it. What Postgres keeps until
the commit, `finish` runs or refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from dotbase.catalog import sessions
from dotbase.connection import is_superuser
from dotbase.errors import DotbaseError
from dotbase.render.sql_text import Statement

Connection = psycopg.Connection[Any]
Parameters = Sequence[object] | Mapping[str, object]

CONFINED = "pg_temp.dotbase_confined"
MAKE = f"""
create or replace function {CONFINED}(statements pg_catalog.text[]) returns pg_catalog.void
language plpgsql volatile security definer as
'declare v_statement pg_catalog.text;
begin
    foreach v_statement in array statements loop execute v_statement; end loop;
end'
"""
CALL = f"select {CONFINED}({{}}::pg_catalog.text[])"
GIVE = f"alter function {CONFINED}(pg_catalog.text[]) owner to {{}}"
DROP = f"drop function if exists {CONFINED}(pg_catalog.text[])"
ROWS = "dotbase_rows"
CLOSED = "set search_path = pg_catalog, pg_temp"
NAME = r"( \w+)?( \.( \w+)?){0,2}"  # a quoted one is no word
# Of what no transaction may hold, that which runs functions as the table's owner, or none at all.
ALONE = re.compile(
    r"(create( unique)? index|drop index|refresh materialized view) concurrently\b"
    r"|(vacuum|analyze|reindex|cluster)\b"
    rf"|alter table( if exists)?( only)?{NAME} detach partition{NAME} (concurrently|finalize)$"
    rf"|alter type{NAME} add value\b"
)


# Sessions in databases that hold nothing but what we have made.
OURS: WeakSet[Connection] = WeakSet()


def is_needed(connection: Connection) -> bool:
    """Whether the session is a superuser's who acts as somebody else, and others may have made what runs."""
    if connection in OURS or is_superuser(connection):
        return False
    return sessions.is_of_a_superuser(connection)


def will_be_needed(connection: Connection, owner: str) -> bool:
    """Whether it is once the session acts as the owner."""
    return connection not in OURS and is_superuser(connection) and connection.info.user != owner


def trust(connection: Connection) -> None:
    """Confine nothing in a scratch database: nobody but us has made anything in it."""
    OURS.add(connection)


def run(connection: Connection, *statements: str) -> None:
    """Run statements as the role that the session acts as, and as nobody else; needs a transaction."""
    _run(connection, sql.SQL(MAKE), statements)


def failed(error: psycopg.Error, statements: Sequence[str]) -> int:
    """Which of the statements that were run together failed."""
    if error.diag.internal_query in statements:
        return statements.index(error.diag.internal_query)
    # The server tells the texts that it was in, from the innermost outwards: ours is the last of them.
    told = error.diag.context or ""
    ends = {number: told.rfind(f'SQL statement "{one}"\n') for number, one in enumerate(statements)}
    return max(ends, key=ends.__getitem__)


def run_as(connection: Connection, role: str, statement: str) -> None:
    """Run one statement as a role that may make no function; needs a transaction."""
    acting = connection.execute("select pg_catalog.current_setting('role')").fetchone()
    assert acting is not None
    connection.execute("set local role none")
    give = sql.SQL(GIVE).format(sql.Identifier(role))
    _run(connection, sql.SQL("; ").join([sql.SQL(MAKE), give]), [statement])
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(*acting)))


def _run(connection: Connection, make: sql.Composable, statements: Sequence[str]) -> None:
    # Names of prepared statements are the session's: what is run here could give them another meaning.
    connection.prepare_threshold = None
    call = sql.SQL(CALL).format(sql.Literal(list(statements)))
    connection.execute(sql.SQL("; ").join([make, call, sql.SQL(DROP), sql.SQL(CLOSED)]))


def execute(connection: Connection, *statements: tuple[str, Parameters]) -> None:
    """Run statements of ours on what is the owner's: tables with his triggers, his functions."""
    if is_needed(connection):
        run(connection, *(_with(connection, *one) for one in statements))
        return
    for statement, parameters in statements:
        connection.execute(statement.encode(), parameters or None)


def _with(connection: Connection, statement: str, parameters: Parameters) -> str:
    """A statement with its parameters in it."""
    if not parameters:
        return statement
    return psycopg.ClientCursor(connection).mogrify(statement.encode(), parameters)


def rows(connection: Connection, query: str, parameters: Parameters) -> list[dict[str, Any]]:
    """The rows of a query on what is the owner's; its columns have different names.

    Under confinement they are put aside and copied from there: fetching them from the query would run it as
    the superuser.
    """
    if not is_needed(connection):
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), parameters or None).fetchall()
    with connection.transaction():
        asked = _with(connection, query, parameters)
        run(connection, f"create temporary table {ROWS} on commit drop as {asked}")
        columns = sessions.temporary_columns(connection, ROWS)
        with connection.cursor() as cursor, cursor.copy(f"copy pg_temp.{ROWS} to stdout".encode()) as copy:
            copy.set_types([type_ for _, type_ in columns])
            found = list(copy.rows())
        connection.execute(f"drop table pg_temp.{ROWS}".encode())
    return [dict(zip((name for name, _ in columns), row, strict=True)) for row in found]


def finish(connection: Connection) -> None:
    """The last thing before a commit, where something was confined: nothing is left to be run by it."""
    if not is_needed(connection):
        return
    run(connection, "set constraints all immediate")
    late = sessions.code_run_at_commit(connection)
    if late is not None:
        raise DotbaseError(
            f"{late} runs at the end of the transaction, as the superuser who migrates",
            "make it not deferrable, or migrate as a member of the owner who is no superuser",
        )
    connection.execute("close all")  # a holdable cursor's query is run by the commit


def may_stand_alone(statement: Statement) -> bool:
    """Whether a superuser may run this outside of a transaction, where no function confines it."""
    return ALONE.match(" ".join(statement.words)) is not None
