"""A file cannot end the transaction that it is in, and leaves nothing behind in the session."""

from __future__ import annotations

import pytest

from dotbase.errors import DotbaseError
from tests.generator.rig import Rig, routines, versioned

SHOP = versioned("0001_shop", "create schema shop;", "drop schema shop cascade;")
REFUSED = {
    "begin": "`begin` would end or change the transaction of the migration",
    "BEGIN ISOLATION LEVEL SERIALIZABLE": "`begin` would end or change the transaction of the migration",
    "start transaction": "`start transaction` would end or change",
    "/* so */ commit": "`commit` would end or change",
    "end": "`end` would end or change",
    "abort": "`abort` would end or change",
    "rollback": "`rollback` would end or change",
    "rollback to savepoint a": "`rollback` would end or change",
    "savepoint a": "`savepoint` would end or change",
    "release a": "`release` would end or change",
    "prepare transaction 'a'": "`prepare transaction` would end or change",
    "set transaction read only": "`set transaction` would end or change",
    "copy shop.items (a) from stdin": "`copy … from stdin` has no stream here",
    "copy (select 1) to stdout": "`copy … to stdout` has no stream here",
    "\\restrict abc\n": r"`\restrict` cannot be run",
    "\\i other.sql\n": r"`\i` cannot be run",
    "set lock_timeout = 0": "`set lock_timeout` would switch off the guard",
    "set local lock_timeout to '1h'": "`set lock_timeout` would switch off the guard",
}


@pytest.mark.parametrize("statement", REFUSED)
@pytest.mark.parametrize("where", ["version", "routines", "rollback"])
def test_what_would_end_the_transaction_is_refused_before_anything_runs(
    rig: Rig, statement: str, where: str
) -> None:
    """Fault 5. `begin; … commit;` was committed and not recorded, and "Nothing was changed" was false."""
    text = f"select 1;\n\n{statement};\n"
    plain = "create table shop.items (a int);"
    steps = {
        "version": versioned("0002_x", text, "select 1;"),
        "rollback": versioned("0002_x", plain, text),
        "routines": routines("x", text),
    }
    name = {"rollback": "schema/shop/0002_x.rollback.sql", "version": "schema/shop/0002_x.sql"}
    for act in (rig.plan, rig.migrate):
        with pytest.raises(DotbaseError) as caught:
            act(SHOP, steps[where])
        assert caught.value.what.startswith(REFUSED[statement])
        assert caught.value.where == f"{name.get(where, 'functions/shop/x.sql')}:3"
    assert rig.value("select to_regnamespace('shop') is null")


@pytest.mark.parametrize(
    "text",
    [
        "do $$ begin perform 1; exception when others then null; end $$;",
        "create function shop.f() returns int begin atomic select 1; end;",
        "-- begin;\n/* commit; */ select 'rollback;';",
        "create procedure shop.p() language plpgsql as $$ begin commit; end $$;",
        'create table shop."commit" (begin int, "end" int);',
        "prepare stmt as select 1; deallocate stmt;",
    ],
)
def test_what_only_looks_like_it_is_not_refused(rig: Rig, text: str) -> None:
    """Fault 5."""
    assert rig.migrate(SHOP, versioned("0002_x", text, "select 1;")).changed


HEADER = """SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
"""
SEEN = (
    "create table shop.{} as select name, setting from pg_catalog.pg_settings"
    " where context in ('user', 'superuser') and name !~ '^transaction_'"
    " union all select 'user', current_user::text;"
)

ROLES = ("set role none;", "select pg_catalog.set_config('role', 'none', false);")


@pytest.mark.parametrize("text", ROLES)
def test_a_file_that_takes_another_role_is_refused_to_a_superuser(rig: Rig, text: str) -> None:
    """Fault 40. It could take the superuser's again."""
    with pytest.raises(DotbaseError, match='cannot set parameter "role" within security-definer') as caught:
        rig.migrate(SHOP, versioned("0002_x", text, "select 1;"))
    assert caught.value.remedy == "run migrate as a role that may do this, or change the file"


def test_a_superuser_is_told_beforehand_what_only_a_member_of_the_owner_runs(rig: Rig, migrator: str) -> None:
    """Fault 40. Outside of a transaction nothing confines a statement; it is told before anything runs."""
    alone = versioned("0002_x", "drop schema shop;", "select 1;", boundary="x", transactional=False)
    for run in (rig.plan, rig.migrate):
        with pytest.raises(DotbaseError, match="runs outside of a transaction nothing but one") as caught:
            run(SHOP, alone)
        assert caught.value.where == "schema/shop/0002_x.sql:1"
        assert rig.value("select to_regnamespace('shop') is null")
    assert rig.migrate(SHOP, alone, user=migrator).versions == ["shop.0001_shop", "shop.0002_x"]


@pytest.mark.parametrize(
    "settings",
    [
        HEADER,
        "set datestyle = german; set timezone = 'Asia/Kathmandu';",
        "set standard_conforming_strings = off;",
        "set local row_security = off; set local search_path = shop;",
        *ROLES,
    ],
)
def test_each_file_begins_with_the_session_as_the_first_one_did(
    rig: Rig, migrator: str, settings: str
) -> None:
    """Fault 6. A pg_dump header in one file made others fail, or spoiled them."""
    first = versioned("0002_first", SEEN.format("first"), "select 1;")
    leak = versioned("0003_leak", settings, "select 1;")
    late = versioned("0004_late", SEEN.format("late"), "select 1;", boundary="late")
    last = versioned("0005_last", SEEN.format("last"), "select 1;")
    rig.migrate(SHOP, first, leak, late, last, user=migrator if settings in ROLES else None)
    for table in ("late", "last"):
        changed = f"(table shop.first except table shop.{table})"
        assert rig.values(f"select t::text from {changed} as t") == []


def test_a_file_cannot_change_how_its_own_text_is_read(rig: Rig) -> None:
    """Faults 6 and 52. It spoiled every later text and reported success, or ended in a traceback."""
    for name in ("latin1", "sql_ascii"):
        step = versioned("0002_x", f"set client_encoding = {name}; select 'ä';", "select 1;")
        with pytest.raises(DotbaseError, match="it sets client_encoding to"):
            rig.migrate(SHOP, step)
    assert rig.value("select to_regnamespace('shop') is null")
