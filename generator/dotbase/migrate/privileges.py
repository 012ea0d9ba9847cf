"""May this role migrate this database? Every no is one sentence that says what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg

from dotbase.errors import DotbaseError
from dotbase.migrate.history import Release
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]
OLDEST_SERVER = 150000
CLIENT_ROLES = ("anon", "authenticated", "service_role", "authenticator")
SUPERUSER_ONCE = (
    "let a superuser run `dotbase migrate` on this database once,"
    " or apply the part of `dotbase render` that comes from schema/core/bootstrap.sql"
)


@dataclass
class Privileges:
    """What the connecting role finds: whether the bootstrap has to run, and notes for the person."""

    superuser: bool
    bootstrap: bool = False
    notes: list[str] = field(default_factory=list)


def examine(
    connection: Connection, bootstrap: Step | None, target: str, owner: str, release: Release | None
) -> Privileges:
    """Decide whether the bootstrap has to run; refuse what nobody could migrate."""
    _server(connection)
    superuser = _is(connection, "select rolsuper from pg_catalog.pg_roles where rolname = session_user")
    standing = Privileges(superuser, notes=_notes(connection))
    if target == "supabase":
        require(connection, target, owner)
        return standing
    missing = _missing(connection, owner)
    edited = bootstrap is not None and (release is None or release.bootstrap_sha != bootstrap.sha)
    if superuser:
        standing.bootstrap = bootstrap is not None and (bool(missing) or edited)
        if not standing.bootstrap:
            require(connection, target, owner)
        return standing
    if missing:
        raise DotbaseError(
            f"{missing[0]} is missing, and {_user(connection)} is no superuser who could make it",
            SUPERUSER_ONCE,
        )
    if edited and release is not None:
        standing.notes.append(
            "schema/core/bootstrap.sql has changed since a superuser applied it; "
            "let a superuser run `dotbase migrate` once."
        )
    require(connection, target, owner)
    return standing


def require(connection: Connection, target: str, owner: str) -> None:
    """Refuse an owner or a connecting role that cannot do what a migration does."""
    if not _role_exists(connection, owner):
        raise DotbaseError(f"role {owner} does not exist", SUPERUSER_ONCE)
    if not _is(
        connection, "select rolbypassrls or rolsuper from pg_catalog.pg_roles where rolname = %s", owner
    ):
        raise DotbaseError(
            f"the owner {owner} lacks BYPASSRLS, so that forced row-level security would hide its own tables"
            " from it",
            f"let a superuser run `alter role {owner} bypassrls`",
        )
    if not _is(connection, "select pg_catalog.pg_has_role(session_user, %s, 'MEMBER')", owner):
        raise DotbaseError(
            f"{_user(connection)} is not a member of {owner}",
            f"let a superuser run `grant {owner} to {_user(connection)}`",
        )
    if not _is(
        connection,
        "select pg_catalog.has_database_privilege(%s, current_database(), 'CREATE')",
        owner,
    ):
        raise DotbaseError(
            f"{owner} may not create schemas in this database",
            f"let a superuser run `grant create on database {connection.info.dbname} to {owner}`",
        )
    if target == "supabase":
        for role in CLIENT_ROLES:
            if not _role_exists(connection, role):
                raise DotbaseError(
                    f"role {role} is missing, so that this is no Supabase database",
                    "migrate with --target postgres",
                )
    if not _is(connection, "select exists (select from pg_catalog.pg_extension where extname = 'pgcrypto')"):
        raise DotbaseError(
            "extension pgcrypto is missing",
            "let a superuser run `create extension pgcrypto with schema extensions`",
        )


def _server(connection: Connection) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise DotbaseError(
            f"the server is PostgreSQL {connection.info.parameter_status('server_version')}",
            "dotbase needs PostgreSQL 15 or newer",
        )
    if _is(connection, "select pg_catalog.pg_is_in_recovery()"):
        raise DotbaseError("the server is a standby, which cannot be written", "connect to the primary")


def _missing(connection: Connection, owner: str) -> list[str]:
    """What the bootstrap would have made, and is not there."""
    missing = [
        f"role {role}"
        for role in (owner, *CLIENT_ROLES, "dotbase_cron")
        if not _role_exists(connection, role)
    ]
    for schema in ("extensions", "master_key"):
        if not _is(connection, "select pg_catalog.to_regnamespace(%s) is not null", schema):
            missing.append(f"schema {schema}")
    for extension in ("pgcrypto", "pg_cron"):
        if not _is(
            connection,
            "select exists (select from pg_catalog.pg_extension where extname = %s)",
            extension,
        ) and (extension == "pgcrypto" or _has_cron(connection)):
            missing.append(f"extension {extension}")
            if not _is(
                connection,
                "select exists (select from pg_catalog.pg_available_extensions where name = %s)",
                extension,
            ):
                raise DotbaseError(
                    f"extension {extension} is not installed on the server",
                    "install it there (Debian: postgresql-15, postgresql-15-cron) and run migrate again",
                )
    if not missing and not _is(
        connection, "select pg_catalog.has_database_privilege(%s, current_database(), 'CREATE')", owner
    ):
        missing.append(f"the right of {owner} to create schemas in this database")
    return missing


def _has_cron(connection: Connection) -> bool:
    """Whether this is the database that pg_cron lives in, as far as the role may know."""
    return _cron_home(connection) == connection.info.dbname


def _cron_home(connection: Connection) -> str | None:
    """The database that pg_cron lives in; None when there is none or the role may not read the setting."""
    row = connection.execute(
        "select current_setting('cron.database_name', true)"
        " where pg_catalog.pg_has_role(session_user, 'pg_read_all_settings', 'USAGE')"
    ).fetchone()
    return row[0] if row else None


def _notes(connection: Connection) -> list[str]:
    if _is(connection, "select exists (select from pg_catalog.pg_extension where extname = 'pg_cron')"):
        return []
    home = _cron_home(connection)
    if home == connection.info.dbname:
        return []
    where = f"lives in database {home}" if home else "is not in this database"
    return [f"pg_cron {where}: here schedules are declared, not live."]


def _role_exists(connection: Connection, role: str) -> bool:
    return _is(connection, "select exists (select from pg_catalog.pg_roles where rolname = %s)", role)


def _user(connection: Connection) -> str:
    row = connection.execute("select session_user::text").fetchone()
    assert row is not None
    return str(row[0])


def _is(connection: Connection, query: str, *values: str) -> bool:
    row = connection.execute(query.encode(), values or None).fetchone()
    return row is not None and row[0] is True
