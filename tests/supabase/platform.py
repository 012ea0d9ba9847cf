"""A cluster and databases as Supabase's: `postgres` is no superuser, and much belongs to others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from tests.harness import supabase
from tests.harness.databases import Database
from tests.harness.server import ROOT, Server, start
from tests.harness.supabase import ADMIN, OURS


class SupabaseDatabase(Database):
    """As any test's database; jobs run as `postgres`, as pg_cron runs them there."""

    def as_cron(self) -> psycopg.Connection[Any]:
        """A new session of the role whose lines pg_cron has."""
        return self.server.connect(self.name, user="postgres")

    def snapshot(self, *, ours: bool) -> set[str]:
        """Owner, rights and definition of all that is ours, or of all that is not."""
        return supabase.snapshot(self.server, self.name, ours=ours)


def cluster() -> Server:
    """The cluster `supabase`; the caller holds its lock."""
    return start("supabase")


def create(server: Server, name: str) -> SupabaseDatabase:
    """A new database as Supabase hands it over."""
    with server.connect("postgres", user=ADMIN) as admin:
        identifier = sql.Identifier(name)
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
        admin.execute(sql.SQL("create database {} template template0").format(identifier))
    supabase.hand_over(server, name)
    return SupabaseDatabase(server, name)


def copy(database: SupabaseDatabase, name: str) -> SupabaseDatabase:
    """A copy of a database, whose connections are closed for it."""
    database.close()
    with database.server.connect("postgres", user=ADMIN) as admin:
        names = {"new": sql.Identifier(name), "old": sql.Identifier(database.name)}
        admin.execute(sql.SQL("drop database if exists {new} with (force)").format(**names))
        admin.execute(sql.SQL("create database {new} template {old}").format(**names))
        admin.execute(sql.SQL("grant all on database {new} to postgres").format(**names))
        # A database's settings are not copied with it.
        setting = 'alter role postgres in database {new} set search_path = "$user", public, extensions'
        admin.execute(sql.SQL(setting).format(**names))
    return SupabaseDatabase(database.server, name)


@contextmanager
def pg_crons(server: Server) -> Iterator[SupabaseDatabase]:
    """The database that pg_cron lives in, without anything of ours."""
    name = "dotbase"
    with server.connect(name, user=ADMIN) as admin:
        if admin.execute("select to_regnamespace('auth') is null").fetchone() == (True,):
            supabase.hand_over(server, name)
        admin.execute("select cron.unschedule(jobid) from cron.job")
        for schema in OURS:
            admin.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
    database = SupabaseDatabase(server, name)
    try:
        yield database
    finally:
        database.close()


def drop(database: SupabaseDatabase) -> None:
    """Drop a database that `create` made."""
    database.close()
    with database.server.connect("postgres", user=ADMIN) as admin:
        admin.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database.name))
        )


def dotbase(database: SupabaseDatabase, *arguments: str) -> str:
    """Run the command line on this database as `postgres`; what it said."""
    return _run(
        [
            sys.executable,
            "-m",
            "dotbase.cli",
            "--database-url",
            database.server.conninfo(database.name),
            *arguments,
        ]
    )


def psql(database: SupabaseDatabase, text: str) -> None:
    """Apply a text as a person would, in one transaction."""
    program = shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql"
    conninfo = database.server.conninfo(database.name)
    _run([program, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-f", "-"], text)


def _run(command: list[str], text: str | None = None) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DOTBASE_CLUSTER")}
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
