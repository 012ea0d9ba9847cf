"""A cluster and databases as Supabase hands them over: `postgres` is no superuser, much belongs to others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import yaml
from psycopg import sql

from tests.harness import coverage

if TYPE_CHECKING:
    from tests.harness.server import Server

FOLDER = Path(__file__).parents[1] / "supabase"
PLATFORM = (FOLDER / "platform.sql").read_text()
SNAPSHOT = (FOLDER / "snapshot.sql").read_text()
ADMIN = "supabase_admin"
APPS = list(yaml.safe_load((FOLDER.parents[1] / "apps.yaml").read_text())["apps"])
OURS = [*APPS, "api", "dotbase", "test_clock"]
# Roles are the cluster's: one that a test makes for itself is seen by all that run beside it.
PASSING = "dotbase_passing_"
# What the cluster has once, whatever its databases: two processes must not say it at the same time.
ROLES = """
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;
create role supabase_auth_admin login noinherit createrole;
create role postgres login nosuperuser createrole createdb bypassrls replication;
grant anon, authenticated, service_role to postgres;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
-- Supabase lets `postgres` set a few settings that are a superuser's elsewhere.
grant set on parameter session_replication_role to postgres;
"""


def passing_role(purpose: str) -> str:
    """A name for a role that a test of this process makes and drops: no change of what belongs to others."""
    return f"{PASSING}{purpose}_{os.getpid()}"


def prepare(server: Server) -> None:
    """Give a new cluster Supabase's roles and their rights. Its bootstrap superuser takes Supabase's name."""
    with server.connect("postgres") as connection:
        row = connection.execute("select rolsuper from pg_roles where rolname = 'postgres'").fetchone()
        if row == (False,):
            return
        connection.execute("create role dotbase_migrator superuser login")
    with server.connect("postgres", user="dotbase_migrator") as connection:
        connection.execute(f"alter role postgres rename to {ADMIN}".encode())
        connection.execute(ROLES)
        connection.execute("alter database postgres owner to postgres")
    with server.connect("postgres", user=ADMIN) as connection:
        connection.execute("drop role dotbase_migrator")


def hand_over(server: Server, name: str) -> None:
    """Fill an empty database with what Supabase brings, and let `postgres` in."""
    with server.connect(name, user=ADMIN) as admin:
        admin.execute(sql.SQL("grant all on database {} to postgres").format(sql.Identifier(name)))
        admin.execute(PLATFORM.encode())


def snapshot(server: Server, name: str, *, ours: bool, schemas: Sequence[str] = OURS) -> set[str]:
    """Owner, rights and definition of all that is in these schemas of ours, or of all that is not."""
    with server.connect(name, user=ADMIN) as admin:
        admin.execute("set search_path = ''")
        rows = admin.execute(SNAPSHOT.encode(), {"ours": list(schemas), "which": ours}).fetchall()
    return {row[0] for row in rows}


class Others:
    """What belongs to others in a database as Supabase hands it over, to be compared with after a test."""

    def __init__(self, server: Server, maintenance: psycopg.Connection[Any]) -> None:
        self._server = server
        name = f"others_{maintenance.info.backend_pid}"
        maintenance.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        hand_over(server, name)
        self._before = self._snapshot(name)
        maintenance.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))

    def _snapshot(self, name: str) -> set[str]:
        query = "select nspname from pg_namespace where nspowner = 'postgres'::regrole"
        with self._server.connect(name, user=ADMIN) as admin:
            ours = [name for (name,) in admin.execute(query)]
        # The server's own catalog is the same for all, and nobody's to change but a superuser's.
        apart = [*ours, coverage.SCHEMA, "pg_catalog", "information_schema"]
        lines = snapshot(self._server, name, ours=False, schemas=apart)
        return {line for line in lines if "plpgsql_check" not in line and PASSING not in line}

    def changed(self, name: str) -> list[str]:
        """What is not as it was handed over: before (-), after (+). Roles that a test makes may be there."""
        after = self._snapshot(name)
        new = {line for line in after - self._before if not line.startswith("role ")}
        return sorted([f"- {line}" for line in self._before - after] + [f"+ {line}" for line in new])
