"""May this role migrate this database? Every no is one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from dotbase.catalog import roles, schemas, server
from dotbase.catalog.server import Session
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
    session = server.session(connection)
    if session.on_standby:
        raise DotbaseError("the server is a standby, which cannot be written", "connect to the primary")
    extensions = server.installed_extensions(connection)
    found = PrivilegeCheck(notes=_notes(connection, session, extensions))
    edited = bootstrap is not None and (release is None or release.bootstrap_sha != bootstrap.sha)
    if target == "supabase":
        require(connection, target, owner)
        # The platform has brought the rest, and its `postgres` may make these.
        if bootstrap is not None and (bootstrap.roles or bootstrap.extensions or bootstrap.limits):
            lacking = _lacking(connection, extensions, bootstrap.roles, bootstrap.extensions)
            found.bootstrap = bool(lacking) or edited
        return found
    missing = _missing(connection, session, extensions, owner, bootstrap)
    limits = _other_limits(connection, bootstrap)
    if session.is_superuser:
        found.bootstrap = bootstrap is not None and (bool(missing or limits) or edited)
        if not found.bootstrap:
            require(connection, target, owner)
        return found
    if missing:
        raise DotbaseError(
            f"{missing[0]} is missing, and {session.user} is no superuser who could make it",
            SUPERUSER_ONCE,
        )
    if edited and release is not None:
        found.notes.append(
            "schema/core/bootstrap.sql has changed since a superuser applied it; "
            "let a superuser run `dotbase migrate` once."
        )
    elif limits:
        found.notes.append(
            f"The limits of clients are not as apps.yaml has them: {'; '.join(limits)}. "
            "Let a superuser run `dotbase migrate` once."
        )
    require(connection, target, owner)
    return found


def require(connection: Connection, target: str, owner: str) -> None:
    """Refuse an owner or a connecting role that cannot do what a migration does."""
    found = roles.owner(connection, owner)
    if found is None:
        raise DotbaseError(f"role {owner} does not exist", SUPERUSER_ONCE)
    if not found.bypasses_row_security:
        raise DotbaseError(
            f"the owner {owner} lacks BYPASSRLS, so that forced row-level security would hide its own tables"
            " from it",
            f"let a superuser run `alter role {owner} bypassrls`",
        )
    if not found.has_user_as_member:
        user = server.session(connection).user
        raise DotbaseError(
            f"{user} is not a member of {owner}",
            f"let a superuser run `grant {owner} to {user}`",
        )
    if not found.may_create_schemas:
        raise DotbaseError(
            f"{owner} may not create schemas in this database",
            f"let a superuser run `grant create on database {connection.info.dbname} to {owner}`",
        )
    if target == "supabase":
        there = roles.names(connection)
        for role in CLIENT_ROLES:
            if role not in there:
                raise DotbaseError(
                    f"role {role} is missing, so that this is no Supabase database",
                    "migrate with --target postgres",
                )
    if "pgcrypto" not in server.installed_extensions(connection):
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


def _missing(
    connection: Connection,
    session: Session,
    extensions: Collection[str],
    owner: str,
    bootstrap: Step | None,
) -> list[str]:
    """What the bootstrap would have made, and is not there."""
    more_roles, more_extensions = (bootstrap.roles, bootstrap.extensions) if bootstrap else ((), ())
    # pg_cron lives in one database of a server.
    of_cron = ["pg_cron"] if session.cron_database == connection.info.dbname else []
    missing = _lacking(
        connection,
        extensions,
        (owner, *CLIENT_ROLES, "dotbase_cron", *more_roles),
        ("pgcrypto", *of_cron, *more_extensions),
    )
    existing = schemas.existing(connection, BOOTSTRAP_SCHEMAS)
    # Extensions lie in one of these.
    missing = [f"schema {schema}" for schema in BOOTSTRAP_SCHEMAS if schema not in existing] + missing
    if not missing:
        found = roles.owner(connection, owner)
        if found is None or not found.may_create_schemas:
            missing.append(f"the right of {owner} to create schemas in this database")
    return missing


def _lacking(
    connection: Connection,
    installed: Collection[str],
    wanted_roles: Sequence[str],
    wanted_extensions: Sequence[str],
) -> list[str]:
    """Those of these roles and extensions that are not there; one that cannot be made is refused."""
    there = roles.names(connection)
    lacking = [f"role {role}" for role in wanted_roles if role not in there]
    for extension in wanted_extensions:
        if extension in installed:
            continue
        lacking.append(f"extension {extension}")
        if not server.is_extension_available(connection, extension):
            raise DotbaseError(
                f"extension {extension} is not installed on the server",
                "install it there (Debian: postgresql-15, postgresql-15-cron) and run migrate again",
            )
    return lacking


def _other_limits(connection: Connection, bootstrap: Step | None) -> list[str]:
    """The limits of clients that the bootstrap would set, and that are not so."""
    declared = bootstrap.limits if bootstrap is not None else ()
    live = roles.settings(connection, {role for role, _, _ in declared}, {name for _, name, _ in declared})
    return [
        f"{role} has {name} {live.get((role, name), 'unset')}, not {value}"
        for role, name, value in declared
        if live.get((role, name)) != value
    ]


def _notes(connection: Connection, session: Session, extensions: Collection[str]) -> list[str]:
    home = session.cron_database
    if "pg_cron" in extensions or home == connection.info.dbname:
        return []
    where = f"lives in database {home}" if home else "is not in this database"
    return [f"pg_cron {where}: here schedules are declared, not live."]
