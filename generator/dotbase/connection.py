"""Connections: to a server of the user's, or to the checkout's local cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dotbase import cluster
from dotbase.cluster import reasons
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions

OLDEST_SERVER = 150000
OUT_OF_ROOM = "53"  # class of SQLSTATEs: disk, memory, connections
# What an answer is written in, where names are found, how long anything may take, what a transaction is.
PINNED = {
    "quote_all_identifiers": "off",  # first, since it quotes what the next ones are told as
    "search_path": "pg_catalog, pg_temp",
    "client_encoding": "'UTF8'",
    "timezone": "'UTC'",
    "datestyle": "'ISO, YMD'",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "escape_string_warning": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "row_security": "on",
    "check_function_bodies": "on",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "default_transaction_isolation": "'read committed'",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "default_tablespace": "''",
    "default_table_access_method": "heap",
    "synchronize_seqscans": "on",
}
SET_ROW_SECURITY = "select pg_catalog.set_config('row_security', %s, true)"


def resolve_url(options: GlobalOptions, database: str | None = None) -> str:
    """The libpq URL that a command uses: --database-url, DATABASE_URL, else the local cluster's."""
    url = options.database_url or os.environ.get("DATABASE_URL")
    if not url:
        return cluster.local_url(options.cluster, database or "dotbase", root=options.project)
    parsed = parse(url)
    return make_conninfo(url, dbname=database) if database and parsed else url


def connect(
    url: str | None = None,
    *,
    autocommit: bool = True,
    application_name: str = "dotbase",
    timeout: int = 10,
    project: Path | None = None,
    cluster_name: str = "dev",
) -> psycopg.Connection[Any]:
    """Connect, or say in one sentence why not. Without a URL: as `resolve_url` without options."""
    if not url:
        url = resolve_url(GlobalOptions(project=project, database_url=None, cluster=cluster_name))
    parts = parse(url)
    parts.setdefault("application_name", application_name)
    parts.setdefault("connect_timeout", timeout)
    parts["client_encoding"] = "utf8"  # of the refusal, too
    try:
        # Names of prepared statements are the session's, and what is run in it can change what they mean.
        connection: psycopg.Connection[Any] = psycopg.connect(
            make_conninfo(**parts), autocommit=True, prepare_threshold=None
        )
    except psycopg.OperationalError as error:
        raise DotbaseError(
            f"{describe(parts)} cannot be reached: {_reason(error, parts)}",
            "check that the server runs and that the database URL is right",
        ) from None
    if connection.info.server_version < OLDEST_SERVER:
        version = connection.info.parameter_status("server_version")
        connection.close()
        raise DotbaseError(
            f"{describe(parts)} is PostgreSQL {version}", "dotbase needs PostgreSQL 15 or newer"
        )
    pin(connection)
    connection.autocommit = autocommit
    return connection


def pin(connection: psycopg.Connection[Any]) -> None:
    """Settings of the session as dotbase needs them, whatever the caller, his role or the database say.

    Not behind a pooler, whose next client would get them: there each transaction closes its path.
    """
    connection.execute("set statement_timeout = 0")
    # The process that answers is the one that was connected to.
    if connection.execute("select pg_catalog.pg_backend_pid()").fetchone() != (connection.info.backend_pid,):
        return
    for name, value in PINNED.items():
        connection.execute(sql.SQL("set {} = {}").format(sql.SQL(name), sql.SQL(value)))
    if connection.info.server_version >= 170000:
        connection.execute("set transaction_timeout = 0")
    connection.execute("set role none")
    # Only a superuser may set it, and it switches triggers off.
    connection.execute(
        "select pg_catalog.set_config('session_replication_role', 'origin', false)"
        " where pg_catalog.current_setting('session_replication_role') operator(pg_catalog.<>) 'origin'"
    )


def is_superuser(connection: psycopg.Connection[Any]) -> bool:
    """Whether the role that the session acts as is a superuser."""
    return connection.info.parameter_status("is_superuser") == "on"


def close_path(connection: psycopg.Connection[Any]) -> None:
    """Until the transaction ends, Postgres's own names alone are found without their schema.

    A path of the database's, of the role's, or the plain one with its schema named after the user, would find
    functions and operators of whoever may make a schema, and run them as us.
    """
    connection.execute("set local search_path = pg_catalog, pg_temp")


def read_plain_table(
    connection: psycopg.Connection[Any], schema: str, table: str, columns: Mapping[str, str]
) -> list[tuple[Any, ...]]:
    """All rows of a plain table, of these columns and their types; needs a transaction.

    A member of the owner could have put anything in its place. A query would plan and run what hangs on it: a
    view's functions, policies, immutable functions in indexes and statistics; with the rights of whoever
    asks, superuser or not. COPY of a table plans nothing, and refuses the rest.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    copy_out = sql.SQL("copy {} ({}) to stdout").format(sql.Identifier(schema, table), names)
    before = connection.execute("select pg_catalog.current_setting('row_security')").fetchone()
    assert before is not None
    # With policies COPY would be a query after all; switched off, it is refused.
    connection.execute(SET_ROW_SECURITY, ["off"])
    try:
        with connection.cursor() as cursor, cursor.copy(copy_out) as copy:
            copy.set_types(list(columns.values()))
            rows = list(copy.rows())
    except (psycopg.errors.WrongObjectType, psycopg.DataError, ValueError) as error:
        said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        raise DotbaseError(
            f"{schema}.{table} is not the table that dotbase made{f' ({said})' if said else ''}",
            "find out who put what in its place; until then connect as nobody who may do more than he",
        ) from None
    connection.execute(SET_ROW_SECURITY, list(before))
    return rows


def parse(url: str) -> dict[str, Any]:
    """The parts of a libpq URL or connection string; an unreadable one is not repeated to anybody."""
    _, _, rest = url.partition("://")
    user_and_password = rest.rpartition("@")[0]
    try:
        if any(character in user_and_password for character in "/@?# "):
            raise psycopg.ProgrammingError
        return conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DotbaseError(
            "the database URL cannot be read",
            "write postgresql://user:password@host:port/database, "
            "with %40, %2F, %3A for @ / : inside of user or password",
        ) from None


def describe(parts: dict[str, Any]) -> str:
    """Which database of which server, without its password."""
    host = parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST") or "the default socket"
    port = f":{parts['port']}" if parts.get("port") else ""
    database = parts.get("dbname") or os.environ.get("PGDATABASE") or "the default database"
    return f"{database} on {host}{port}"


def _reason(error: psycopg.OperationalError, parts: dict[str, Any]) -> str:
    reason = reasons.of_refused_connection(error)
    password = str(parts.get("password") or "")
    return reason.replace(password, "***") if password else reason


@contextmanager
def one_sentence() -> Iterator[None]:
    """What the server says outside of any step, as a foreseeable error."""
    try:
        yield
    except psycopg.Error as error:
        raise foreseen(error) from None


def foreseen(error: psycopg.Error) -> DotbaseError:
    """What the server says, as the one sentence for it."""
    said = (error.diag.message_primary or str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return DotbaseError(
            f"the role may not do this: {said}", "connect as a member of the database's owner"
        )
    if (error.sqlstate or "").startswith(OUT_OF_ROOM):
        return DotbaseError(
            f"the server has run out of room: {said}", "give it more and run the command again"
        )
    if isinstance(error, psycopg.OperationalError):
        return DotbaseError(
            f"the server ended the session: {said}", "run the command again: what was not committed is undone"
        )
    return DotbaseError(f"the server refused: {said} (SQLSTATE {error.sqlstate})", "see the server's log")
