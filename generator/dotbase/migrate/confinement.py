"""Texts and functions of the owner's members, run by a superuser's session without giving them its rights.

`set role` alone confines nobody: what is run after it goes back with `reset role`, in a text that a rollback
restores, in a trigger of the history, in any function that was replaced. Postgres refuses that inside of a
security definer function, however deep, so a superuser runs what is the owner's inside of one that the owner
owns. It is made anew for each statement: what ran before could have replaced it. What Postgres keeps until
the commit, `finish` runs or refuses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from dotbase.catalog import sessions
from dotbase.errors import DotbaseError

Connection = psycopg.Connection[Any]

RUN = """
create or replace function pg_temp.dotbase_confined(statement pg_catalog.text) returns pg_catalog.void
language plpgsql volatile security definer as 'begin execute statement; end';
select pg_temp.dotbase_confined({}::pg_catalog.text);
drop function if exists pg_temp.dotbase_confined(pg_catalog.text)
"""
CLOSED = "set search_path = pg_catalog, pg_temp"
# Of what no transaction may hold, that which runs functions as the table's owner, or none at all.
ALONE = re.compile(
    r"(create\s+(unique\s+)?index|drop\s+index|reindex|refresh\s+materialized\s+view|alter\s+table)\b.*"
    r"\bconcurrently\b|(vacuum|analyze|reindex|cluster)\b|alter\s+type\b.*\badd\s+value\b",
    re.IGNORECASE | re.DOTALL,
)


def is_needed(connection: Connection) -> bool:
    """Whether the session is a superuser's who acts as somebody else."""
    return sessions.is_superuser_acting_as_another(connection)


def run(connection: Connection, statement: str) -> None:
    """Run one statement as the role that the session acts as, and as nobody else; needs a transaction."""
    # Names of prepared statements are the session's: what is run here could give them another meaning.
    connection.prepare_threshold = None
    connection.execute(sql.SQL(RUN).format(sql.Literal(statement)))


def execute(connection: Connection, statement: str, parameters: Sequence[object]) -> None:
    """Run a statement of ours on what is the owner's: tables with his triggers, his functions."""
    if not is_needed(connection):
        connection.execute(statement.encode(), parameters or None)
        return
    cursor = psycopg.ClientCursor(connection)
    run(connection, cursor.mogrify(statement.encode(), parameters) if parameters else statement)
    connection.execute(CLOSED)


def finish(connection: Connection) -> None:
    """The last thing before a commit, where something was confined: nothing is left to be run by it."""
    if not is_needed(connection):
        return
    run(connection, "set constraints all immediate")
    connection.execute(CLOSED)
    late = sessions.code_run_at_commit(connection)
    if late is not None:
        raise DotbaseError(
            f"{late} runs at the end of the transaction, as the superuser who migrates",
            "make it not deferrable, or migrate as a member of the owner who is no superuser",
        )
    connection.execute("close all")  # a holdable cursor's query is run by the commit


def may_stand_alone(statement: str) -> bool:
    """Whether a superuser may run this outside of a transaction, where no function confines it."""
    return ALONE.match(statement) is not None
