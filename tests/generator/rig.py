"""A small project of hand-made steps on an empty database, for tests of the migration itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import psycopg
from psycopg import sql

from dotbase.migrate import migration, rollback
from dotbase.migrate.locks import LockOptions
from dotbase.migrate.losses import Losses
from dotbase.migrate.migration import Outcome
from dotbase.migrate.plan import Plan, read_plan
from dotbase.migrate.rollback import Undone
from dotbase.migrate.run import Connection, Run
from dotbase.render.steps import Step
from tests.harness.server import ROOT, Server

EAGER = LockOptions(lock_timeout=0.1, retries=3, pause=0.05)


@cache
def bootstrap() -> Step:
    """The checkout's own bootstrap for a plain Postgres."""
    path = ROOT / "schema/core/bootstrap.sql.j2"
    text = path.read_text()
    rendered = jinja2.Template(text).render(target="postgres", master_key_file=None)
    return Step("schema/core/bootstrap.sql", "core", "bootstrap", path, 1, rendered, _sha(text))


def versioned(
    name: str,
    up: str,
    down: str,
    *,
    app: str = "shop",
    boundary: str | None = None,
    transactional: bool = True,
    edited: bool = False,
) -> Step:
    """A versioned file `schema/<app>/<name>.sql`."""
    key = f"schema/{app}/{name}.sql"
    return Step(
        key,
        app,
        "versioned",
        Path(key),
        1,
        up,
        _sha(up + "edited" * edited),
        version=f"{app}.{name}",
        rollback_sql=down,
        boundary=boundary,
        transactional=transactional,
    )


def routines(topic: str, text: str, *, app: str = "shop") -> Step:
    """A repeatable file `functions/<app>/<topic>.sql`."""
    key = f"functions/{app}/{topic}.sql"
    return Step(key, app, "repeatable", Path(key), 1, text, _sha(text))


def declaration(key: str, text: str, *, app: str = "shop", always: bool = False) -> Step:
    """A repeatable step that comes from YAML."""
    return Step(
        key, app, "repeatable", Path(key.partition("#")[0]), 3, text, _sha(text), always_with_app=always
    )


@dataclass
class Told:
    """A report that remembers."""

    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def step(self, label: str) -> None:
        self.lines.append(label)

    def expect(self, pieces: int) -> None:
        pass

    def __contains__(self, part: str) -> bool:
        return any(part in line for line in self.lines)


class Rig:
    """An empty database and what one does to it."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.told = Told()

    def empty(self) -> None:
        """Drop every schema but what the bootstrap makes."""
        with self.connect() as connection:
            names = connection.execute(
                "select nspname from pg_namespace where nspname !~ '^pg_'"
                " and nspname not in ('information_schema', 'public', 'extensions', 'master_key')"
            ).fetchall()
            for (name,) in names:
                connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(name)))

    def connect(self, user: str | None = None) -> Connection:
        return self.server.connect(self.name, user)

    def run(
        self,
        connection: Connection,
        steps: Sequence[Step],
        verify: Callable[[Connection], None] = lambda connection: None,
        clock: str = "real",
    ) -> Run:
        self.told = Told()
        return Run(
            connection,
            [bootstrap(), *steps],
            target="postgres",
            clock=clock,
            owner="dotbase_owner",
            verify=verify,
            report=self.told,
            lock_options=EAGER,
        )

    def migrate(
        self, *steps: Step, user: str | None = None, confirmed: bool = False, **options: Any
    ) -> Outcome:
        with self.connect(user) as connection:
            return migration.migrate(self.run(connection, steps, **options), confirmed=confirmed)

    def plan(self, *steps: Step, user: str | None = None) -> Plan:
        with self.connect(user) as connection:
            return read_plan(self.run(connection, steps))[0]

    def rollback(
        self,
        *steps: Step,
        count: int | None = None,
        to: str | None = None,
        confirmed: bool = True,
        drop_broken: bool = False,
        user: str | None = None,
    ) -> Undone:
        with self.connect(user) as connection:
            return rollback.rollback(
                self.run(connection, steps), steps=count, to=to, confirmed=confirmed, drop_broken=drop_broken
            )

    def dry_run(
        self, *steps: Step, count: int | None = None, user: str | None = None
    ) -> tuple[Undone, Losses]:
        with self.connect(user) as connection:
            return rollback.dry_run(self.run(connection, steps), steps=count)

    def value(self, query: str) -> Any:
        with self.connect() as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    def values(self, query: str) -> list[Any]:
        with self.connect() as connection:
            return [row[0] for row in connection.execute(query.encode())]

    def catalog(self) -> str:
        """Everything that is defined outside of the history, as text."""
        with self.connect() as connection:
            return catalog_text(connection)


CATALOG = """
with spaces as (
    select oid, nspname, nspacl from pg_namespace
    where nspname not like 'pg\\_%' and nspname not in ('information_schema', 'dotbase')
)
select 'schema ' || nspname || ' ' || coalesce(nspacl::text, '') from spaces
union all
select format('relation %s.%s %s %s %s %s', s.nspname, c.relname, c.relkind, c.relrowsecurity,
    c.relforcerowsecurity, c.relacl)
from pg_class as c join spaces as s on s.oid = c.relnamespace
union all
select format('view %s %s', c.oid::regclass, pg_get_viewdef(c.oid))
from pg_class as c join spaces as s on s.oid = c.relnamespace where c.relkind = 'v'
union all
select format('column %s.%s.%s %s %s %s %s', s.nspname, c.relname, a.attname, a.attnotnull,
    format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attacl)
from pg_attribute as a
join pg_class as c on c.oid = a.attrelid join spaces as s on s.oid = c.relnamespace
left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped
union all
select format('constraint %s %s %s', k.conname, k.conrelid::regclass, pg_get_constraintdef(k.oid))
from pg_constraint as k join spaces as s on s.oid = k.connamespace
union all
select format('index %s', pg_get_indexdef(i.indexrelid))
from pg_index as i join pg_class as c on c.oid = i.indexrelid join spaces as s on s.oid = c.relnamespace
union all
select format('function %s %s %s', case when prokind = 'a' then proname else pg_get_functiondef(p.oid) end,
    p.proacl, p.proowner::regrole)
from pg_proc as p join spaces as s on s.oid = p.pronamespace
union all
select format('trigger %s', pg_get_triggerdef(t.oid))
from pg_trigger as t join pg_class as c on c.oid = t.tgrelid join spaces as s on s.oid = c.relnamespace
where not t.tgisinternal
union all
select format('policy %s %s %s %s %s', polname, polrelid::regclass, polcmd, polroles::regrole[],
    pg_get_expr(polqual, polrelid))
from pg_policy
union all
select format('comment %s %s', pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description)
from pg_description as d
where d.objoid >= 16384
    and not exists (
        select from pg_class as c where c.oid = d.objoid and c.relnamespace = 'dotbase'::regnamespace
    )
order by 1
"""


def catalog_text(connection: psycopg.Connection[Any]) -> str:
    """Everything that is defined outside of the history, in one order."""
    return "\n".join(row[0] for row in connection.execute(CATALOG.encode()))


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
