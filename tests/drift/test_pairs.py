"""Kinds that the apps do not have yet: made, read, changed by hand, read again, compared, fixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from dotbase.catalog.facts.queries import Scope
from dotbase.catalog.facts.reader import read
from dotbase.drift.compare import Difference, compare
from tests.drift.changes import Change, change
from tests.drift.checks import check
from tests.drift.conftest import Find
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("test_supabase.py compares there")

MADE = (Path(__file__).parent / "den.sql").read_text()

CHANGES = [
    change(
        "a generated expression",
        "alter table den.cats drop column spent, add column spent integer generated always as (lives) stored",
        "den: column den.cats.spent: generated: declared (9 - lives), live lives",
        "den: column den.tigers.spent: generated: declared (9 - lives), live lives",
        fixes=False,
    ),
    change(
        "how a check is inherited",
        "alter table den.cats drop constraint cats_lives_known;"
        "alter table den.cats add constraint cats_lives_known check (lives >= 0 and lives < 10) no inherit",
        "den: constraint cats_lives_known on den.cats: comment: declared Lives., live none",
        "den: constraint cats_lives_known on den.cats: definition: declared * live *",
    ),
    change(
        "an exclusion less",
        "alter table den.cats drop constraint cats_during_excl",
        "den: constraint cats_during_excl on den.cats is missing",
    ),
    change(
        "a unique key that no longer waits",
        "alter table den.cats drop constraint cats_name_key, add constraint cats_name_key unique (name)",
        "den: constraint cats_name_key on den.cats: deferrable: declared deferrable initially deferred,"
        " live none",
    ),
    change(
        "a table that is logged",
        "alter table den.kittens set logged",
        "den: table den.kittens: persistence: declared unlogged, live none",
    ),
    change(
        "inheritance",
        "alter table den.tigers no inherit den.cats",
        "den: table den.tigers: inherits: declared den.cats, live none",
        fixes=False,
    ),
    change(
        "a sequence of an identity",
        "alter table den.cats alter column cat_id set increment by 5",
        "den: sequence den.cats_cat_id_seq: increment: declared 3, live 5",
    ),
    change(
        "every parameter of a sequence",
        "alter sequence den.counter as bigint increment 1 minvalue 1 maxvalue 1000 start 4 cache 1 no cycle",
        *(
            f"den: sequence den.counter: {line}"
            for line in (
                "cache: declared 4, live 1",
                "cycle: declared cycle, live none",
                "increment: declared 2, live 1",
                "maximum: declared 100, live 1000",
                "minimum: declared -5, live 1",
                "start: declared 3, live 4",
                "type: declared integer, live bigint",
            )
        ),
    ),
    change(
        "whose a sequence is",
        "alter sequence den.kittens_serial_id_seq owned by none",
        "den: sequence den.kittens_serial_id_seq: owned by: declared den.kittens.serial_id, live none",
        "den: sequence den.kittens_serial_id_seq: owner: declared none, live (superuser)",
        fixes=False,
    ),
    change(
        "a sequence less", "drop sequence den.counter", "den: sequence den.counter is missing", fixes=False
    ),
    change(
        "an index and its comment",
        "drop index den.cats_lives_idx",
        "den: index den.cats_lives_idx is missing",
    ),
    change(
        "an index that rows are ordered by",
        "alter table den.cats cluster on cats_name_key; alter table den.counted cluster on counted_idx",
        "den: index den.counted_idx: clustered: declared none, live clustered",
    ),
    change("statistics less", "drop statistics den.together", "den: statistics den.together is missing"),
    change(
        "a domain's condition",
        "alter domain den.lives drop constraint lives_known",
        "den: type den.lives: definition: declared as integer * live as integer default 9 not null",
        fixes=False,
    ),
    change(
        "a label of an enum",
        "alter type den.mood add value 'angry' before 'hungry'",
        "den: type den.mood: definition: declared as enum ('sleepy', 'hungry'), live as enum"
        " ('sleepy', 'angry', 'hungry')",
        fixes=False,
    ),
    change("a domain less", "drop domain den.lives", "den: type den.lives is missing"),
    change("an enum less", "drop type den.mood", "den: type den.mood is missing"),
    change("a row type less", "drop type den.spot", "den: type den.spot is missing"),
    change("a range less", "drop type den.span", "den: type den.span is missing", fixes=False),
    change(
        "a function with all that it had",
        "drop function den.purr(integer, integer)",
        "den: function den.purr(integer,integer) is missing",
    ),
    change(
        "every attribute of a function",
        "alter function den.purr(integer, integer) volatile called on null input parallel unsafe"
        " not leakproof cost 100 rows 1000 reset all",
        *(
            f"den: function den.purr(integer,integer): {line}"
            for line in (
                "cost: declared 5, live 100",
                "leakproof: declared leakproof, live none",
                "parallel: declared parallel safe, live none",
                "rows: declared 3, live 1000",
                'setting search_path: declared "", live none',
                "setting work_mem: declared 1MB, live none",
                "strict: declared strict, live none",
                "volatility: declared stable, live volatile",
            )
        ),
    ),
    change(
        "a procedure less",
        "drop procedure den.feed",
        "den: procedure den.feed(integer) is missing",
    ),
    change(
        "an aggregate's start",
        "create or replace aggregate den.product(integer) (sfunc = int4mul, stype = integer, initcond = '2')",
        "den: aggregate den.product(integer): aggregate: declared * live *",
        fixes=False,
    ),
    change(
        "a trigger with all that it had",
        "drop trigger always on den.cats",
        "den: trigger always on den.cats is missing",
    ),
    change(
        "a trigger that waits",
        "drop trigger later on den.cats; create constraint trigger later after insert on den.cats"
        " for each row execute function den.on_row()",
        "den: trigger later on den.cats: definition: declared * live *",
    ),
    change(
        "when a trigger is on",
        "alter table den.cats enable trigger always",
        "den: trigger always on den.cats: enabled: declared always, live none",
    ),
    change(
        "an event trigger's commands",
        "drop event trigger den_watch; create event trigger den_watch on ddl_command_end"
        " execute function den.on_ddl(); comment on event trigger den_watch is 'Watches.'",
        "den: event trigger den_watch: tags: declared CREATE TABLE, DROP TABLE, live none",
    ),
    change(
        "an event trigger that is off",
        "alter event trigger den_watch disable",
        "den: event trigger den_watch: enabled: declared none, live disabled",
    ),
    change(
        "an event trigger less",
        "drop event trigger den_watch",
        "den: event trigger den_watch is missing",
    ),
    change("a view with all that it had", "drop view den.seen", "den: view den.seen is missing"),
    change(
        "a view's check",
        "alter view den.seen reset (check_option)",
        "den: view den.seen: option check_option: declared local, live none",
    ),
    change(
        "a view's column",
        "alter view den.seen alter column lives set default 3",
        "den: view den.seen: default of column lives: declared none, live 3",
    ),
    change(
        "a rule's deed",
        "create or replace rule no_delete as on delete to den.cats do instead select 1",
        "den: rule no_delete on den.cats: definition: declared * live *",
    ),
    change(
        "a rule that is off",
        "alter table den.cats disable rule no_delete",
        "den: rule no_delete on den.cats: enabled: declared none, live disabled",
    ),
    change("a rule less", "drop rule no_delete on den.cats", "den: rule no_delete on den.cats is missing"),
    change(
        "a materialized view's query",
        "drop materialized view den.counted; create materialized view den.counted as"
        " select count(*) + 1 as cats from den.cats; create index counted_idx on den.counted (cats);"
        " revoke select on den.counted from anon",
        "den: materialized view den.counted: definition: declared * live *",
        fixes=False,
    ),
    change(
        "a policy with all that it had",
        "drop policy own on den.cats",
        "den: policy own on den.cats is missing",
    ),
    change(
        "a right to grant on",
        "revoke grant option for select on den.cats from anon",
        "den: table den.cats: grant to anon: declared select*, live select",
    ),
    change(
        "a grant that was to be passed on",
        "revoke select on den.cats from anon",
        "den: table den.cats: grant to anon: declared select*, live none",
    ),
    change(
        "what a publication carries",
        "alter publication den_out set table only den.cats (cat_id), den.tigers;"
        "alter publication den_out set (publish = 'insert')",
        "database: publication den_out: operations: declared insert, update, live insert",
        "den: published table den.cats in den_out: columns: declared cat_id, name, live cat_id",
        "den: published table den.cats in den_out: rows: declared (cat_id > 0), live none",
        "den: published table den.tigers in den_out is not declared",
    ),
    change(
        "a table that is no longer published",
        "alter publication den_out drop table only den.cats",
        "den: published table den.cats in den_out is missing",
    ),
    change(
        "a publication less",
        "drop publication den_out",
        "database: publication den_out is missing",
        fixes=False,
    ),
    change(
        "default privileges less",
        "alter default privileges in schema den revoke select on tables from anon",
        "den: default privileges of (superuser) on tables in den: grant to anon: declared select, live none",
    ),
    change(
        "a name that needs quotes",
        'create table den."Cats; drop" (a int); create policy "Own one" on den.cats to anon using (true);'
        ' create index "In dex" on den.cats (lives)',
        'den: index den."In dex" is not declared',
        'den: policy "Own one" on den.cats is not declared',
        'den: table den."Cats; drop" is not declared',
        fixes=False,
    ),
]


@pytest.fixture(scope="module")
def den(session: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A superuser's session in a database that has the schema."""
    session.execute(MADE.encode())
    return session


@pytest.fixture(scope="module")
def find(den: psycopg.Connection[Any]) -> Find:
    """Finds what differs from the schema as it was made; not in what initdb made, which takes longest."""
    scope = Scope(None, built_in=False)
    with den.transaction():
        declared = read(den, scope)

    def find(connection: psycopg.Connection[Any]) -> list[Difference]:
        live = read(connection, scope)
        return compare(declared, live, lambda item: item.schema or "database")

    return find


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.kind)
def test_it_is_found_and_fixed(change: Change, den: psycopg.Connection[Any], find: Find) -> None:
    with den.transaction(force_rollback=True):
        check(change, den, find)
