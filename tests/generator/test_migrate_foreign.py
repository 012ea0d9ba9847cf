"""What no step made: a migration names it and stops, and drops nothing of it by cascade."""

from __future__ import annotations

import pytest

from dotbase.errors import DotbaseError
from tests.generator.rig import Rig, routines, versioned

SHOP = versioned(
    "0001_shop",
    "create schema shop; create table shop.films (film_id bigint primary key, age integer);",
    "drop schema shop cascade;",
)
ADULT = "create or replace function shop.adult({}) returns boolean language sql return {};"
OLD = routines("adult", ADULT.format("age integer", "age >= 18"))
NEW = routines("adult", ADULT.format("age integer, minimum integer default 18", "age >= minimum"))
OFFERS = "create or replace view shop.offers as select film_id{} from shop.films where shop.adult(age);"
VIEW = routines("offers", OFFERS.format(""))
FOREIGN = {
    "policy": "alter table shop.films enable row level security;"
    " create policy adults on shop.films as restrictive using (shop.adult(age))",
    "view": "create view public.adults as select film_id from shop.films where shop.adult(age)",
    "trigger": "create function shop.told() returns trigger language plpgsql as $$ begin return new; end $$;"
    " create trigger tell before insert on shop.films for each row when (shop.adult(new.age))"
    " execute function shop.told()",
    "constraint": "alter table shop.films add constraint grown check (shop.adult(age))",
    "function": "create function public.grown(a integer) returns boolean return shop.adult(a)",
}


@pytest.fixture
def clean(rig: Rig) -> Rig:
    with rig.connect() as connection:
        connection.execute("drop view if exists public.adults")
        connection.execute("drop function if exists public.grown(integer)")
    return rig


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_no_step_made_is_named_and_stops_the_migration(clean: Rig, kind: str) -> None:
    """Fault 4. A restrictive policy of somebody else's went by cascade, and anon read the row."""
    clean.migrate(SHOP, OLD)
    with clean.connect() as connection:
        connection.execute(FOREIGN[kind])
    before = clean.catalog()
    with pytest.raises(DotbaseError) as caught:
        clean.migrate(SHOP, NEW)
    names = {"policy": "policy adults on", "view": "view public.adults", "trigger": "trigger tell on"}
    assert names.get(kind, "grown") in caught.value.what
    assert caught.value.where == "functions/shop/adult.sql:1"
    assert clean.catalog() == before


def test_what_other_steps_made_is_dropped_first_and_made_again(clean: Rig) -> None:
    """Fault 4. Without cascade, in the order of dependencies: a view on a view on a function."""
    more = routines("p_more", "create or replace view shop.more as select film_id from shop.offers;")
    clean.migrate(SHOP, OLD, VIEW, more)
    clean.migrate(SHOP, NEW, VIEW, more)
    assert clean.value("select to_regclass('shop.more') is not null")
    assert clean.value("select to_regprocedure('shop.adult(integer, integer)') is not null")
    assert clean.value("select to_regprocedure('shop.adult(integer)') is null")


def test_a_version_does_not_cascade_into_what_no_step_made(clean: Rig) -> None:
    """Fault 4. Nor does its own `cascade`: what no version names is somebody else's."""
    clean.migrate(SHOP, OLD)
    with clean.connect() as connection:
        connection.execute(FOREIGN["view"])
    with pytest.raises(DotbaseError) as caught:
        clean.migrate(SHOP, versioned("0002_no", "drop table shop.films cascade;", "select 1;"), OLD)
    assert caught.value.sentence == (
        "schema/shop/0002_no.sql:1: it would drop what no step of this project made: view public.adults;"
        " drop or change that by hand first, or take it into a file of the project."
    )
    with pytest.raises(DotbaseError, match=r"no step of this project made: view public\.adults"):
        clean.rollback(SHOP, OLD)
    assert clean.value("select to_regclass('public.adults') is not null")


def test_a_version_drops_what_a_version_made(clean: Rig) -> None:
    """Fault 4. A type of an earlier version is not somebody else's."""
    kind = versioned("0002_kind", "create type shop.kind as enum ('a');", "drop type shop.kind;")
    gone = versioned("0003_gone", "drop type shop.kind cascade;", "create type shop.kind as enum ('a');")
    clean.migrate(SHOP, kind)
    assert clean.migrate(SHOP, kind, gone).versions == ["shop.0003_gone"]
