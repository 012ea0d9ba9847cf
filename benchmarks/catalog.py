"""A generated catalog, as large as it was asked for, and how long `dotbase drift` takes to compare it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.house import CLUSTER, ROOT
from benchmarks.samples import Comparison, Run
from dotbase import drift
from dotbase.connection import connect
from dotbase.drift.reference import apply_steps, build
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from dotbase.render.assembly import render_steps, render_text
from dotbase.render.project import Project
from dotbase.render.steps import Step
from dotbase.render.templates import Variables
from dotbase.scratch import empty_database

TABLES, FUNCTIONS, TOPICS = 500, 2_000, 40

TABLE = """
create table shop.things_{n} (
    thing_id bigint generated always as identity,
    user_id uuid not null,
    name text not null,
    amount bigint default 0 not null,
    made_at timestamptz default now() not null,
    twice bigint generated always as (amount * 2) stored,
    constraint things_{n}_pkey primary key (thing_id),
    constraint things_{n}_name_key unique (user_id, name),
    constraint things_{n}_amount_is_positive check (amount >= 0)
);

create index things_{n}_made_at_idx on shop.things_{n} (made_at);

comment on table shop.things_{n} is 'Things of kind {n}.';
comment on column shop.things_{n}.amount is 'Won.';
"""
POLICIES = """\
  things_{n}:
    - {{role: authenticated, command: select, rows: own, columns: [thing_id, name, amount]}}
    - {{role: authenticated, command: insert, rows: own, columns: [user_id, name]}}
"""
FUNCTION = """
create or replace function shop.sum_{n}(user_id uuid, at_least bigint default 0)
returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sum bigint;
begin
    -- Function {n} looks at a table of its own.
    select pg_catalog.sum(t.amount) into v_sum
    from shop.things_{table} as t
    where t.user_id = sum_{n}.user_id and t.amount >= sum_{n}.at_least + {n};
    return coalesce(v_sum, 0);
end;
$$;

comment on function shop.sum_{n}(uuid, bigint) is 'The sum of a person''s things of kind {table}.';
"""


def measure(runs: int, say: Callable[[str], None]) -> list[Comparison]:
    """The command's whole work beside psql's and pg_dump's; its reading beside pg_dump's."""
    say("a generated catalog")
    variables = Variables()
    options = GlobalOptions(project=ROOT, database_url=None, cluster=CLUSTER)
    whole, reading = [], []
    with (
        generated() as project,
        empty_database(options, steps := render_steps(project, variables), variables) as url,
        connect(url) as live,
    ):
        apply_steps(live, steps, variables)
        scope = drift.scope_of(project, variables, ())
        text = render_text(project, variables, steps)
        for number in range(runs):
            say(f"a catalog of {TABLES} tables and {FUNCTIONS:,} functions, run {number + 1}")
            dumped, loaded = _dump(url), _load(options, steps, variables, text)
            started = time.perf_counter()
            steps = render_steps(project, variables)
            reference = build(options, steps, variables, scope, live.info.server_version)
            compared = time.perf_counter()
            with live.transaction():
                live.execute("set transaction isolation level repeatable read, read only")
                found, _ = drift.find(live, reference, project, variables, steps)
            ended = time.perf_counter()
            if found:
                raise DotbaseError(
                    f"the generated catalog drifts: {found[0].sentence}", "look for the reason"
                )
            dumped = min(dumped, _dump(url))
            whole.append(Run(ended - started, dumped + loaded))
            reading.append(Run(ended - compared, dumped))
    size = f"{TABLES} tables and {FUNCTIONS:,} functions"
    return [
        Comparison(
            f"drift of {size}, asked for in under 10 s: rendered, built, read twice, compared",
            "`psql -1 -f` of the same SQL, and `pg_dump --schema-only`",
            "s",
            whole,
            at_most=2,
        ),
        Comparison(
            f"of that, the live catalog of {size} read and compared",
            "`pg_dump --schema-only`",
            "s",
            reading,
            at_most=4,
        ),
    ]


@contextmanager
def generated() -> Iterator[Project]:
    """The core and a shop of many tables and functions, as a project in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for layer in ("schema", "functions"):
            shutil.copytree(ROOT / layer / "core", root / layer / "core")
            (root / layer / "shop").mkdir()
        (root / "policies").mkdir()
        shutil.copy(ROOT / "policies" / "core.yaml", root / "policies")
        for name, text in _files():
            (root / name).write_text(text)
        yield Project(root)


def _files() -> Iterator[tuple[str, str]]:
    yield (
        "apps.yaml",
        "zone: Asia/Seoul\napps:\n  core: {needs: [], about: core}\n  shop: {needs: [core], about: many}\n",
    )
    tables = "".join(TABLE.format(n=n) for n in range(TABLES))
    yield "schema/shop/0002_shop.sql", f"create schema shop;\n{tables}"
    yield "schema/shop/0002_shop.rollback.sql", "drop schema shop cascade;\n"
    yield "policies/shop.yaml", "tables:\n" + "".join(POLICIES.format(n=n) for n in range(TABLES))
    for topic in range(TOPICS):
        numbers = range(topic, FUNCTIONS, TOPICS)
        yield (
            f"functions/shop/topic_{topic}.sql",
            "-- Sums.\n" + "".join(FUNCTION.format(n=n, table=n % TABLES) for n in numbers),
        )


def _dump(url: str) -> float:
    started = time.perf_counter()
    _program("pg_dump", "--schema-only", "-d", url)
    return time.perf_counter() - started


def _load(options: GlobalOptions, steps: Sequence[Step], variables: Variables, text: str) -> float:
    with (
        empty_database(options, steps, variables) as url,
        tempfile.NamedTemporaryFile("w", suffix=".sql") as file,
    ):
        file.write(text)
        file.flush()
        started = time.perf_counter()
        _program("psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", file.name)
        return time.perf_counter() - started


def _program(name: str, *arguments: str) -> None:
    program = shutil.which(name)
    if program is None:
        raise DotbaseError(f"{name} is not installed", "run `make setup`")
    subprocess.run([program, *arguments], stdout=subprocess.DEVNULL, check=True)
