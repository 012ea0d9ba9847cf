"""May this role migrate this database? Every no is one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from dotbase.catalog import prerequisites
from dotbase.catalog.prerequisites import Server
from dotbase.connection import OLDEST_SERVER
from dotbase.errors import DotbaseError
from dotbase.migrate.history import Release
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]
CLIENT_ROLES = ("anon", "authenticated", "service_role", "authenticator")
BOOTSTRAP_SCHEMAS = ("extensions", "master_key")
SUPERUSER_ONCE = (
    "let a superuser run `dotbase migrate` on this database once,"
    " or apply the part of `dotbase render` that comes from schema/core/bootstrap.sql"
)


@dataclass
class PrivilegeCheck:
    """What was found before a migration: whether the bootstrap has to run, and notes for the person."""

    bootstrap: bool = False
    notes: list[str] = field(default_factory=list)


def check(
    connection: Connection, bootstrap: Step | None, target: str, owner: str, release: Release | None
) -> PrivilegeCheck:
    """Decide whether the bootstrap has to run; refuse what nobody could migrate."""
    _require_version(connection)
    server = prerequisites.read_server(connection)
    if server.standby:
        raise DotbaseError("the server is a standby, which cannot be written", "connect to the primary")
    found = PrivilegeCheck(notes=_notes(connection, server))
    edited = bootstrap is not None and (release is None or release.bootstrap_sha != bootstrap.sha)
    if target == "supabase":
        require(connection, target, owner)
        require(connection, target, owner)
        # The platform has brought the rest, and its `postgres` may make both.
        if bootstrap is not None and (bootstrap.roles or bootstrap.extensions):
            lacking = _lacking(connection, server, bootstrap.roles, bootstrap.extensions)
            found.bootstrap = bool(lacking) or edited
        return found
    missing = _missing(connection, server, owner, bootstrap)
    if server.superuser:
        found.bootstrap = bootstrap is not None and (bool(missing) or edited)
        if not found.bootstrap:
            require(connection, target, owner)
        return found
    if missing:
        raise DotbaseError(
            f"{missing[0]} is missing, and {server.user} is no superuser who could make it",
            SUPERUSER_ONCE,
        )
    if edited and release is not None:
        found.notes.append(
            "schema/core/bootstrap.sql has changed since a superuser applied it; "
            "let a superuser run `dotbase migrate` once."
        )
    require(connection, target, owner)
    return found


def require(connection: Connection, target: str, owner: str) -> None:
    """Refuse an owner or a connecting role that cannot do what a migration does."""
    found = prerequisites.read_owner(connection, owner)
    if found is None:
        raise DotbaseError(f"role {owner} does not exist", SUPERUSER_ONCE)
    if not found.bypasses:
        raise DotbaseError(
            f"the owner {owner} lacks BYPASSRLS, so that forced row-level security would hide its own tables"
            " from it",
            f"let a superuser run `alter role {owner} bypassrls`",
        )
    server = prerequisites.read_server(connection)
    if not found.ours:
        raise DotbaseError(
            f"{server.user} is not a member of {owner}",
            f"let a superuser run `grant {owner} to {server.user}`",
        )
    if not found.may_create:
        raise DotbaseError(
            f"{owner} may not create schemas in this database",
            f"let a superuser run `grant create on database {connection.info.dbname} to {owner}`",
        )
    if target == "supabase":
        there = prerequisites.existing_roles(connection, CLIENT_ROLES)
        for role in CLIENT_ROLES:
            if role not in there:
                raise DotbaseError(
                    f"role {role} is missing, so that this is no Supabase database",
                    "migrate with --target postgres",
                )
    if "pgcrypto" not in server.extensions:
        raise DotbaseError(
            "extension pgcrypto is missing",
            "let a superuser run `create extension pgcrypto with schema extensions`",
        )


def _require_version(connection: Connection) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise DotbaseError(
            f"the server is PostgreSQL {connection.info.parameter_status('server_version')}",
            "dotbase needs PostgreSQL 15 or newer",
        )


def _missing(connection: Connection, server: Server, owner: str, bootstrap: Step | None) -> list[str]:
    """What the bootstrap would have made, and is not there."""
    roles, extensions = (bootstrap.roles, bootstrap.extensions) if bootstrap else ((), ())
    # pg_cron lives in one database of a server.
    of_cron = ["pg_cron"] if server.cron_database == connection.info.dbname else []
    missing = _lacking(
        connection,
        server,
        (owner, *CLIENT_ROLES, "dotbase_cron", *roles),
        ("pgcrypto", *of_cron, *extensions),
    )
    schemas = prerequisites.existing_schemas(connection, BOOTSTRAP_SCHEMAS)
    # Extensions lie in one of these.
    missing = [f"schema {schema}" for schema in BOOTSTRAP_SCHEMAS if schema not in schemas] + missing
    if not missing:
        found = prerequisites.read_owner(connection, owner)
        if found is None or not found.may_create:
            missing.append(f"the right of {owner} to create schemas in this database")
    return missing


def _lacking(
    connection: Connection, server: Server, roles: Sequence[str], extensions: Sequence[str]
) -> list[str]:
    """Those of these roles and extensions that are not there; one that cannot be made is refused."""
    there = prerequisites.existing_roles(connection, roles)
    lacking = [f"role {role}" for role in roles if role not in there]
    for extension in extensions:
        if extension in server.extensions:
            continue
        lacking.append(f"extension {extension}")
        if not prerequisites.is_available(connection, extension):
            raise DotbaseError(
                f"extension {extension} is not installed on the server",
                "install it there (Debian: postgresql-15, postgresql-15-cron) and run migrate again",
            )
    return lacking


def _notes(connection: Connection, server: Server) -> list[str]:
    home = server.cron_database
    if "pg_cron" in server.extensions or home == connection.info.dbname:
        return []
    where = f"lives in database {home}" if home else "is not in this database"
    return [f"pg_cron {where}: here schedules are declared, not live."]
