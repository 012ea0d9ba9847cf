"""A member of the owner plants code where a superuser's commands run what is the owner's.

Fault 40. It tries to become the superuser again and to make a table where only a superuser may. What is
planted runs in each case, with the owner's rights: that is shown by sequences, which no rollback sets back.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.attacks.test_texts_of_the_history import run
from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.generator.small import dotbase, with_core, write
from tests.harness.databases import Database
from tests.harness.server import ROOT, Server
from tests.harness.target import SUPERUSER, only_on_postgres
from tests.jobs.shop import declare, job, stock

pytestmark = only_on_postgres("on Supabase the owner is the strongest role that there is")
# In the one schema of the owner whose contents no declaration names.
PLANTED = f"""

create sequence dotbase.ran;
create sequence dotbase.ran_as_superuser;
create function dotbase.attack() returns boolean language plpgsql as $$
begin
    perform pg_catalog.nextval('dotbase.ran');
    begin perform pg_catalog.set_config('role', 'none', false); exception when others then null; end;
    begin
        perform pg_catalog.set_config('session_authorization', '{SUPERUSER}', false);
    exception when others then null;
    end;
    perform pg_catalog.nextval('dotbase.ran_as_superuser')
    from pg_catalog.pg_roles as r
    where r.rolname = current_user and r.rolsuper;
    begin create table public.stolen (); exception when others then null; end;
    return true;
end $$;
create function dotbase.constant() returns boolean immutable language plpgsql as
'begin return dotbase.attack(); end';
create function dotbase.fires() returns trigger language plpgsql as $$
begin
    perform dotbase.attack();
    return new;
end $$;
"""
# What a text may say by itself: each ends in a refusal of the command, or does nothing.
TEXT = "select dotbase.attack();"
PLANTS = {
    "a trigger of the history": (
        "create trigger t before insert on dotbase.releases for each row execute function dotbase.fires()",
        True,
    ),
    "a trigger that is put off: of the history": (
        "create constraint trigger t after insert on dotbase.releases deferrable initially deferred"
        " for each row execute function dotbase.fires()",
        None,
    ),
    "a trigger that puts off what it does": (
        """create function dotbase.puts_off() returns trigger language plpgsql as $$
        begin
            set constraints all deferred;
            insert into dotbase.later default values;
            return new;
        end $$;
        create table dotbase.later ();
        create constraint trigger t after insert on dotbase.later deferrable initially deferred
        for each row execute function dotbase.fires();
        create constraint trigger t after insert on dotbase.releases deferrable initially deferred
        for each row execute function dotbase.puts_off()""",
        None,
    ),
    "a default of the history": (
        "alter table dotbase.releases alter applied_by set default dotbase.attack()::text",
        True,
    ),
    "a cursor that outlives the transaction": (
        """create function dotbase.opens() returns trigger language plpgsql as $$
        begin
            execute 'declare c cursor with hold for select dotbase.attack()';
            return new;
        end $$;
        create trigger t before insert on dotbase.releases for each row execute function dotbase.opens()""",
        False,
    ),
    "an operator in the path": (
        """create function dotbase.equal(a name, b name) returns boolean language sql
        as 'select dotbase.attack()';
        create operator dotbase.= (function = dotbase.equal, leftarg = name, rightarg = name);
        create operator dotbase.<> (function = dotbase.equal, leftarg = name, rightarg = name);
        create function dotbase.sets() returns trigger language plpgsql as $$
        begin
            set search_path = dotbase, pg_catalog;
            return new;
        end $$;
        create trigger t before insert on dotbase.releases for each row execute function dotbase.sets()""",
        False,
    ),
    "the routine that declares": (
        """create or replace function core.declare_errors(app text, errors jsonb) returns void
        language plpgsql as $$ begin perform dotbase.attack(); end $$""",
        True,
    ),
    "a literal in a body, whose type runs a function when it is read": (
        """create domain dotbase.trap as text check (dotbase.attack());
        create type dotbase.pair as (one dotbase.trap);
        create or replace function core.setting_integer(name text) returns bigint language sql stable
        as $$ select 1 where '(x)'::dotbase.pair is not null $$""",
        True,
    ),
    "a function in a body that is called when it is planned": (
        """create or replace function core.setting_integer(name text) returns bigint language plpgsql stable
        as $$ begin return (select 1 where dotbase.constant()); end $$""",
        True,
    ),
}


@pytest.fixture(scope="module")
def core(
    server: Server, maintenance: psycopg.Connection[object], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rig, Path]]:
    """A database that a superuser has migrated, with an app of one version and one function."""
    project = with_core(tmp_path_factory.mktemp("core"))
    write(
        project,
        "apps.yaml",
        'zone: Asia/Seoul\napps:\n  core: {needs: [], about: "the core"}\n'
        '  shop: {needs: [core], about: "a shop"}\n',
    )
    write(project, "schema/shop/9001_shop.sql", "-- The shop.\ncreate schema shop;\n")
    write(project, "schema/shop/9001_shop.rollback.sql", "drop schema shop cascade;\n")
    write(project, "policies/shop.yaml", "tables: {}\nrpcs: {}\n")
    with new_database(server, maintenance) as rig:
        said = run(rig, project, "migrate")
        assert said.code == 0, said.err
        with rig.connect() as connection:
            connection.execute("set session authorization dotbase_owner")
            connection.execute(PLANTED.encode())
        yield rig, project


@pytest.fixture
def planted(
    core: tuple[Rig, Path], maintenance: psycopg.Connection[object], tmp_path: Path
) -> Iterator[tuple[Rig, Path]]:
    """A clone of it, and a copy of the project."""
    rig, project = core
    name = f"dotbase_empty_{secrets.token_hex(6)}"
    maintenance.execute(
        sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(rig.name))
    )
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    clone = Rig(rig.server, name)
    with clone.connect() as connection:
        connection.execute(
            sql.SQL("grant create, temporary on database {} to dotbase_owner").format(sql.Identifier(name))
        )
    yield clone, tmp_path
    maintenance.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def plant(rig: Rig, statement: str) -> None:
    """What it runs while it is planted does not count."""
    with rig.connect() as connection:
        connection.execute("set check_function_bodies = off")
        connection.execute("set session authorization dotbase_owner")
        connection.execute(statement.encode())
        connection.execute(
            "alter sequence dotbase.ran restart; alter sequence dotbase.ran_as_superuser restart"
        )


STOLEN = "select to_regclass('public.stolen') is not null or (select is_called from dotbase.ran_as_superuser)"
RAN = "select is_called from dotbase.ran"


def stolen(rig: Rig) -> bool:
    return bool(rig.value(STOLEN))


def ran(rig: Rig) -> bool:
    return bool(rig.value(RAN))


# The step whose text changes with the version.
CHANGED = "functions/core/errors.yaml"


def next_version(project: Path, text: str = "create table shop.items ();") -> None:
    write(project, "schema/shop/9002_items.sql", f"-- Items.\n{text}\n")
    write(project, "schema/shop/9002_items.rollback.sql", "select 1;\n")
    write(project, "policies/shop.yaml", "tables:\n  items: []\nrpcs: {}\n")
    errors = project / CHANGED
    text = errors.read_text()
    assert "status: 401" in text
    errors.write_text(text.replace("status: 401", "status: 402", 1))


@pytest.mark.parametrize("what", PLANTS)
def test_a_superuser_migrates_what_a_member_of_the_owner_has_planted(
    what: str, planted: tuple[Rig, Path]
) -> None:
    rig, project = planted
    statement, runs = PLANTS[what]
    plant(rig, statement)
    next_version(project)
    said = run(rig, project, "migrate")
    assert not stolen(rig), said
    if runs is not None:
        assert (said.code, ran(rig)) == (0, runs), said
    elif "off" in what:
        assert said.code == 1
        assert "runs at the end of the transaction, as the superuser who migrates" in said.err


RESTORED = {
    "reset role": "reset role; create table public.stolen ();",
    "another user": f"set session authorization {SUPERUSER}; create table public.stolen ();",
    "a block": "do $$ begin perform dotbase.attack(); end $$;",
    "a call": TEXT,
    "a prepared statement": (
        "prepare _pg3_0 as select dotbase.attack(); prepare _pg3_1 as select dotbase.attack();"
    ),
    "the confining function": (
        "create or replace function pg_temp.dotbase_confined(statements pg_catalog.text[])"
        " returns pg_catalog.void language plpgsql security invoker"
        " as 'begin perform dotbase.attack(); execute statement; end'; select 1;"
    ),
    "a comment that hides": "/* ; */ select 1; -- ;\nreset role; create table public.stolen ();",
}


@pytest.mark.parametrize("what", RESTORED)
def test_a_superuser_rolls_back_to_a_text_that_a_member_of_the_owner_has_written(
    what: str, planted: tuple[Rig, Path]
) -> None:
    rig, project = planted
    next_version(project)
    assert run(rig, project, "migrate").code == 0
    with rig.connect() as connection:
        connection.execute("set session authorization dotbase_owner")
        connection.execute(
            "update dotbase.repeatable_history set sql = %s where release_id = 1 and key = %s",
            [RESTORED[what], CHANGED],
        )
        connection.execute(
            "update dotbase.repeatables set sql = %s, sha = 'x' where key = %s", [RESTORED[what], CHANGED]
        )
        connection.execute(
            "alter sequence dotbase.ran restart; alter sequence dotbase.ran_as_superuser restart"
        )
    for words in (["rollback", "--plan"], ["rollback", "--yes"], ["migrate"]):
        said = run(rig, project, *words)
        assert not stolen(rig), said
    assert ran(rig) == (what in ("a block", "a call")), said


def test_a_superuser_counts_the_rows_that_would_go(planted: tuple[Rig, Path]) -> None:
    """Planning a count runs what an index names."""
    rig, project = planted
    next_version(project, "create table shop.items ();")
    write(project, "schema/shop/9002_items.rollback.sql", "drop table shop.items;\n")
    assert run(rig, project, "migrate").code == 0
    plant(rig, "insert into shop.items default values; create index on shop.items ((dotbase.constant()))")
    said = run(rig, project, "rollback")
    assert "would drop" in said.err
    assert (ran(rig), stolen(rig)) == (True, False)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("drop table shop.items", "shop.items (1 row)"),
        ("delete from shop.items where true", "1 row of shop.items"),
        ("delete from shop.items", "1 row of shop.items"),
    ],
)
def test_a_superuser_plans_to_take_rows(text: str, counted: str, planted: tuple[Rig, Path]) -> None:
    """Plan counts them in the live database."""
    rig, project = planted
    next_version(project)
    assert run(rig, project, "migrate").code == 0
    plant(rig, "insert into shop.items default values; create index on shop.items ((dotbase.constant()))")
    write(project, "schema/shop/9003_gone.sql", f"-- Gone.\n{text};\n")
    write(project, "schema/shop/9003_gone.rollback.sql", "select 1;\n")
    if text.startswith("drop"):
        write(project, "policies/shop.yaml", "tables: {}\nrpcs: {}\n")
    before = rig.catalog()
    said = run(rig, project, "plan")
    assert (said.code, counted in said.out) == (2, True), said
    assert (ran(rig), stolen(rig)) == (True, False)
    assert rig.catalog() == before


# Behind the first word it is nothing that may stand alone.
ALONE = (
    "reset role; create table public.stolen ();",
    'alter table shop.items add "concurrently" boolean default dotbase.attack();',
    "alter table shop.items /* detach partition y concurrently */ add x boolean default dotbase.attack();",
    "alter type dotbase.kind alter attribute a type text /* add value */ cascade;",
    "analyze \N{WINKING FACE}$$; reset role; create table public.stolen (); select 1 as a$$;",
    "create index on shop.items ((dotbase.constant())) where 'concurrently' <> '';",
)


@pytest.mark.parametrize("text", ALONE)
def test_a_superuser_runs_outside_of_a_transaction_what_postgres_confines(
    text: str, planted: tuple[Rig, Path]
) -> None:
    rig, project = planted
    next_version(project)
    assert run(rig, project, "migrate").code == 0
    plant(rig, "create table dotbase.\N{WINKING FACE}$$ (); create type dotbase.kind as (a integer)")
    plant(rig, "insert into shop.items default values")
    with rig.connect() as connection:
        connection.execute("set session authorization dotbase_owner")
        connection.execute(
            "update dotbase.versions set transactional = false, down_sql = %s where version like '%%9002%%'",
            [text],
        )
    for name in ("9002_items.sql", "9002_items.rollback.sql"):
        (project / "schema/shop" / name).unlink()
    write(project, "policies/shop.yaml", "tables: {}\nrpcs: {}\n")
    said = run(rig, project, "rollback", "--yes")
    assert not stolen(rig), said
    assert (said.code, ran(rig)) == (1, False)


@pytest.mark.parametrize("transactional", [True, False])
def test_a_superuser_undoes_a_version_whose_file_is_gone(
    transactional: bool, planted: tuple[Rig, Path]
) -> None:
    rig, project = planted
    next_version(project)
    assert run(rig, project, "migrate").code == 0
    with rig.connect() as connection:
        connection.execute("set session authorization dotbase_owner")
        connection.execute(
            "update dotbase.versions set transactional = %s, down_sql = %s where version like '%%9002%%'",
            [transactional, "reset role; create table public.stolen ();"],
        )
    for name in ("9002_items.sql", "9002_items.rollback.sql"):
        (project / "schema/shop" / name).unlink()
    write(project, "policies/shop.yaml", "tables: {}\nrpcs: {}\n")
    said = run(rig, project, "rollback", "--yes")
    assert said.code == 1
    assert not stolen(rig), said


@pytest.mark.parametrize(
    "words",
    [["list"], ["show", "work"], ["history", "work"], ["doctor"], ["disable", "--all"], ["enable", "--all"]],
    ids=" ".join,
)
def test_a_superuser_looks_after_jobs_whose_functions_a_member_of_the_owner_has_replaced(
    words: list[str], module_db: Database
) -> None:
    owner = module_db.owner
    with module_db.server.connect(module_db.name) as connection:
        connection.execute("set session authorization dotbase_owner")
        if connection.execute("select to_regclass('dotbase.ran')").fetchone() == (None,):
            stock(module_db)
            declare(owner, job("work", routine="shop.work"))
            connection.execute("create schema if not exists dotbase")
            connection.execute(PLANTED.encode())
            connection.execute(
                "create or replace function jobs.is_live() returns boolean language plpgsql"
                " as $$ begin return dotbase.attack(); end $$"
            )
    url = module_db.server.conninfo(module_db.name)
    said = dotbase(ROOT, "--database-url", url, "jobs", *words)
    assert not module_db.value(STOLEN), said
    if words[0] in ("list", "doctor", "enable", "disable"):
        assert "Traceback" not in said.err
        assert module_db.value(RAN), said
