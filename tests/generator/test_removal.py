"""Removed declarations: a routine that cannot take the empty one back stops a migration, not a rollback."""

from __future__ import annotations

import psycopg
import pytest

from dotbase.errors import DotbaseError
from tests.generator.rig import Rig, declaration, versioned

CORE = versioned(
    "0001_core",
    "create schema core; create function core.declare_errors(app text, errors jsonb) returns void"
    " language plpgsql as $$ begin execute format('delete from %I.gone', app); end $$;",
    "drop schema core cascade;",
    app="core",
)
ONE = versioned("0001_shop", "create schema shop;", "drop schema shop cascade;")
TWO = versioned("0002_items", "create table shop.items ();", "drop table shop.items;")
ERRORS = declaration("functions/shop/errors.yaml", "select 1;")


def test_a_migration_does_not_pass_over_what_could_not_be_taken_back(rig: Rig) -> None:
    rig.migrate(CORE, ONE, ERRORS)
    with pytest.raises((DotbaseError, psycopg.errors.UndefinedTable), match=r"shop\.gone"):
        rig.migrate(CORE, ONE)
    assert rig.values("select key from dotbase.repeatables") == [ERRORS.key]


def test_a_rollback_goes_on_where_the_routine_is_newer_than_the_tables(rig: Rig) -> None:
    errors = declaration("functions/shop/errors.yaml", "select from shop.items;")
    rig.migrate(CORE, ONE, TWO, errors)
    assert rig.rollback(CORE, ONE, TWO, errors, drop_broken=True).versions == ["shop.0002_items"]
    assert rig.values("select key from dotbase.repeatables") == []


OUTBOX = versioned(
    "0001_outbox",
    "create schema outbox; create table outbox.declared (app text, lanes jsonb);"
    " create function outbox.declare_lanes(app text, lanes jsonb) returns void"
    " language sql as $$ insert into outbox.declared values (app, lanes) $$;",
    "drop schema outbox cascade;",
    app="outbox",
)


def test_lanes_whose_file_is_gone_are_declared_no_more(rig: Rig) -> None:
    lanes = declaration("functions/shop/lanes.yaml", "select outbox.declare_lanes('shop', '[1]');")
    rig.migrate(OUTBOX, ONE, lanes)
    rig.migrate(OUTBOX, ONE)
    assert rig.values("select app || ' ' || lanes from outbox.declared") == ["shop [1]", "shop []"]
