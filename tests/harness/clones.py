"""Clones of the template: pytest-postgresql makes and drops them, and what it would lose is kept here.

Its janitor copies and drops databases; its client factory gives each test one, with a connection. Ours are
the template, which workers share and later runs find ready; the settings that a copy loses; the count of
executed statements; databases for more than one test; and the removal of what a killed run left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import yaml
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.janitor import DatabaseJanitor

from tests.harness import coverage
from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.schema_cache import SchemaCache
from tests.harness.server import ROOT, Server
from tests.harness.supabase import Others
from tests.harness.target import SUPABASE, SUPERUSER

PREFIX = "dotbase_clone_"


class Clone(NoopExecutor):
    """A database to be, as pytest-postgresql asks for one: where, as whom, its name, its template."""

    def __init__(self, server: Server, name: str, template: str) -> None:
        parts = conninfo_to_dict(server.conninfo("postgres", SUPERUSER))
        super().__init__(
            host=str(parts.get("host", "")),
            port=str(parts.get("port", 5432)),
            user=SUPERUSER,
            password=None if parts.get("password") is None else str(parts["password"]),
            options="",
            dbname=name,
        )
        self._template = template
        self.used = 0.0  # seconds that its test had it

    @property
    def template_dbname(self) -> str:
        """What it is a copy of."""
        return self._template


class Janitor(DatabaseJanitor):
    """pytest-postgresql's janitor on a session that is there already: it would log in twice a database."""

    def __init__(self, clone: Clone, maintenance: psycopg.Connection[Any]) -> None:
        super().__init__(
            user=clone.user,
            host=clone.host,
            port=clone.port,
            dbname=clone.dbname,
            template_dbname=clone.template_dbname,
        )
        self._maintenance = maintenance

    @contextmanager
    def cursor(self, dbname: str | None = None) -> Iterator[psycopg.Cursor[Any]]:
        """A cursor of that session."""
        with self._maintenance.cursor() as cursor:
            yield cursor


class Clones:
    """Databases like the template, for one worker."""

    def __init__(self, server: Server, maintenance: psycopg.Connection[Any], template: str) -> None:
        self.server = server
        self.template = template
        self.covered = coverage.Coverage()
        self.statements: set[coverage.Statement] = set()
        self.made = 0
        self.seconds = 0.0  # that making, equipping and dropping them took
        self._maintenance = maintenance
        self._schema_cache: SchemaCache | None = None
        self._apps = list(yaml.safe_load((ROOT / "apps.yaml").read_text())["apps"])
        self._others = Others(server, maintenance) if SUPABASE else None
        self.drop_leftovers()

    def next(self) -> Clone:
        """A database that is not made yet; its name says whose it is, for `drop_leftovers`."""
        self.made += 1
        name = f"{PREFIX}{self._maintenance.info.backend_pid}_{self.made}"
        return Clone(self.server, name, self.template)

    def make(self) -> Database:
        """A new clone, which its caller drops."""
        with self._timed():
            clone = self.next()
            Janitor(clone, self._maintenance).init()
            return self.equip(clone.dbname)

    def equip(self, name: str, made_with: psycopg.Connection[Any] | None = None) -> Database:
        """Give a copy what it lost. Who made it with a connection of its owner's hands that over, too."""
        self._copy_database_settings(name)
        owner = self._as_logged_in_anew(made_with) if made_with and not SUPABASE else None
        database = Database(self.server, name, self._schema_cache, owner)
        if self._schema_cache is None:
            self._schema_cache = database.schema_cache
            with self.server.connect(name, user=SUPERUSER) as connection:
                self.statements = coverage.all_statements(connection, self._apps)
        return database

    def leave(self, database: Database) -> list[str]:
        """Keep what the profiler counted; what was changed of others' things, on Supabase."""
        database.close()
        with self.server.connect(database.name, user=SUPERUSER) as connection:
            self.covered.merge(coverage.collect(connection))
        if not self._others:
            return []
        count("databases in which what belongs to others was compared")
        return self._others.changed(database.name)

    def drop(self, database: Database) -> None:
        """Leave it, then drop it."""
        with self._timed():
            changed = self.leave(database)
            self._wait_until_alone(database.name)
            self._drop(database.name)
        unchanged(changed)

    def drop_leftovers(self) -> None:
        """Clones whose worker is gone: a clone's name has its worker's server process in it."""
        names = self._maintenance.execute(
            "select d.datname from pg_database as d where starts_with(d.datname, %s) and not exists ("
            "select from pg_stat_activity as a where a.pid::text = split_part(d.datname, '_', 3))",
            [PREFIX],
        ).fetchall()
        for (name,) in names:
            self._drop(name)

    def _wait_until_alone(self, name: str) -> None:
        """Until sessions just closed are gone: Postgres itself would look every 100 ms, this is quicker."""
        deadline = time.monotonic() + 0.1
        query = "select from pg_stat_activity where datname = %s"
        while self._maintenance.execute(query, [name]).rowcount and time.monotonic() < deadline:
            time.sleep(0.001)

    def _drop(self, name: str) -> None:
        Janitor(Clone(self.server, name, self.template), self._maintenance).drop()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started

    def _copy_database_settings(self, name: str) -> None:
        """Settings and privileges belong to the database, so `create database` leaves them behind.

        Copied in the catalog, where a list-valued setting cannot be quoted wrongly.
        """
        names = {"clone": name, "template": self.template}
        self._maintenance.execute(
            "insert into pg_db_role_setting (setdatabase, setrole, setconfig) "
            "select c.oid, s.setrole, s.setconfig "
            "from pg_db_role_setting as s "
            "inner join pg_database as t on t.oid = s.setdatabase and t.datname = %(template)s "
            "inner join pg_database as c on c.datname = %(clone)s",
            names,
        )
        self._maintenance.execute(
            "update pg_database set datacl = t.datacl from pg_database as t "
            "where pg_database.datname = %(clone)s and t.datname = %(template)s",
            names,
        )

    def _as_logged_in_anew(self, connection: psycopg.Connection[Any]) -> psycopg.Connection[dict[str, Any]]:
        """A session that began before the database's settings were there: it takes them now."""
        connection.autocommit = True
        connection.execute(
            "select set_config(split_part(line, '=', 1), substr(line, strpos(line, '=') + 1), false) "
            "from pg_db_role_setting, unnest(setconfig) as line "
            "where setrole = 0 "
            "and setdatabase = (select oid from pg_database where datname = current_database())"
        )
        connection.row_factory = dict_row
        return connection


def unchanged(changed: list[str]) -> None:
    """Fails where something of others is not as it was handed over."""
    assert not changed, "what belongs to others was changed:\n" + "\n".join(changed)
