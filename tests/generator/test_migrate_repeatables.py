"""Repeatable steps: what changes is replaced, what is gone comes back, nothing is left behind."""

from __future__ import annotations

import pytest

from dotbase.errors import DotbaseError
from dotbase.render.steps import Step
from tests.generator.rig import Rig, declaration, routines, versioned

BASE = versioned(
    "0001_shop",
    """
    create schema shop;
    create table shop.items (
        item_id bigint primary key, name text not null, price bigint not null, stock integer not null
    );
    """,
    "drop schema shop cascade;",
)
POLICIES = declaration(
    "policies/shop.yaml#tables.items",
    """
    alter table shop.items enable row level security;
    alter table shop.items force row level security;
    revoke all on table shop.items from public, anon, authenticated, service_role;
    drop policy if exists anon_select on shop.items;
    create policy anon_select on shop.items for select to anon using (price > 0);
    grant select (item_id, name, price) on table shop.items to anon;
    """,
)


def price_of(argument: str = "item bigint", result: str = "bigint") -> Step:
    return routines(
        "prices",
        f"""
        create or replace function shop.price_of({argument}) returns {result}
        language sql stable as $$ select 1::{result} $$;
        revoke execute on function shop.price_of from public;
        """,
    )


GRANTS = declaration(
    "policies/shop.yaml#grants", "grant execute on function shop.price_of to anon;", always=True
)


def view(columns: str) -> Step:
    return routines("views", f"create or replace view shop.offers as select {columns} from shop.items;")


def functions(rig: Rig) -> list[str]:
    return rig.values(
        "select oid::regprocedure::text from pg_proc where pronamespace = 'shop'::regnamespace order by 1"
    )


def test_a_second_run_has_nothing_to_do(rig: Rig) -> None:
    steps = (BASE, price_of(), view("item_id"), POLICIES, GRANTS)
    assert rig.migrate(*steps).changed
    assert rig.plan(*steps).empty
    assert not rig.migrate(*steps).changed
    assert rig.value("select count(*) from dotbase.releases") == 1


def test_a_new_signature_leaves_no_overload(rig: Rig) -> None:
    rig.migrate(BASE, price_of("item bigint"), GRANTS)
    rig.migrate(BASE, price_of("item text"), GRANTS)
    assert functions(rig) == ["shop.price_of(text)"]
    assert rig.value("select has_function_privilege('anon', 'shop.price_of(text)', 'execute')")


def test_a_changed_return_type_takes_grants_along(rig: Rig) -> None:
    rig.migrate(BASE, price_of(result="bigint"), GRANTS)
    rig.migrate(BASE, price_of(result="numeric"), GRANTS)
    assert rig.value("select pg_get_function_result('shop.price_of'::regproc)") == "numeric"
    assert rig.value("select has_function_privilege('anon', 'shop.price_of(bigint)', 'execute')")


def test_a_renamed_function_leaves_no_orphan(rig: Rig) -> None:
    rig.migrate(BASE, price_of())
    step = routines("prices", price_of().sql.replace("price_of", "cost_of"))
    rig.migrate(BASE, step)
    assert functions(rig) == ["shop.cost_of(bigint)"]


def test_changed_view_columns(rig: Rig) -> None:
    dependent = routines("zoo", "create or replace view shop.cheap as select item_id from shop.offers;")
    rig.migrate(BASE, view("item_id, price"), dependent)
    rig.migrate(BASE, view("name, item_id"), dependent)
    assert rig.value("select to_regclass('shop.cheap') is not null")
    assert rig.values(
        "select attname from pg_attribute where attrelid = 'shop.offers'::regclass order by attnum"
    ) == ["name", "item_id"]


def test_a_removed_file_takes_its_objects_with_it(rig: Rig) -> None:
    rig.migrate(BASE, price_of(), view("item_id"))
    before = rig.catalog()
    trigger = routines(
        "guard",
        """
        create or replace function shop.guard() returns trigger
        language plpgsql as $$ begin return new; end $$;
        create or replace trigger guard before insert on shop.items
        for each row execute function shop.guard();
        create type shop.pair as (a integer, b integer);
        create schema if not exists shop_extra;
        create table if not exists shop_extra.things (id integer);
        """,
    )
    rig.migrate(BASE, price_of(), trigger, view("item_id"))
    assert rig.plan(BASE, price_of(), trigger, view("item_id")).empty
    outcome = rig.migrate(BASE, price_of(), view("item_id"))
    assert outcome.removed == 1
    assert rig.catalog() == before


def test_what_is_made_only_when_absent_survives_a_change(rig: Rig) -> None:
    def clock(function: str) -> Step:
        return routines(
            "clock",
            f"""
            create schema if not exists shop_clock;
            create table if not exists shop_clock.moved (at timestamptz);
            do $$ begin
                if to_regtype('shop.moment') is null then
                    create domain shop.moment as timestamptz;
                end if;
            end $$;
            create or replace function shop.{function}() returns shop.moment
            language sql as 'select max(at)::shop.moment from shop_clock.moved';
            """,
        )

    rig.migrate(BASE, clock("now"))
    with rig.connect() as connection:
        connection.execute("insert into shop_clock.moved values (now())")
    rig.migrate(BASE, clock("moved_now"))
    assert functions(rig) == ["shop.moved_now()"]
    assert rig.value("select shop.moved_now() is not null")
    assert rig.plan(BASE, clock("moved_now")).empty
    rig.migrate(BASE)
    assert rig.value("select to_regnamespace('shop_clock') is null and to_regtype('shop.moment') is null")


def test_what_a_declaration_keeps_is_not_stale(rig: Rig) -> None:
    rpc = "create function shop.rpc() returns void language sql as 'select'"
    build = declaration(
        "policies/shop.yaml#rpcs",
        f"do $$ begin if to_regprocedure('shop.rpc()') is null then {rpc}; end if; end $$;",
        always=True,
    )
    rig.migrate(BASE, price_of(), build)
    rig.migrate(BASE, price_of(result="numeric"), build)
    assert functions(rig) == ["shop.price_of(bigint)", "shop.rpc()"]
    rig.migrate(BASE, price_of(result="numeric"))
    assert functions(rig) == ["shop.price_of(bigint)"]


def test_a_renamed_file_changes_nothing(rig: Rig) -> None:
    one = routines("one", "create type shop.pair as (a integer); " + price_of().sql)
    two = routines("two", one.sql)
    rig.migrate(BASE, one)
    oid = rig.value("select 'shop.pair'::regtype::oid::bigint")
    rig.migrate(BASE, two)
    assert rig.value("select 'shop.pair'::regtype::oid::bigint") == oid
    assert rig.plan(BASE, two).empty


def test_a_function_that_moves_between_files_stays(rig: Rig) -> None:
    pair = "create type shop.pair as (a integer);"
    rig.migrate(BASE, routines("a", "select 1;"), routines("b", pair + price_of().sql))
    rig.migrate(BASE, routines("a", pair + price_of().sql), routines("b", "select 2;"))
    assert functions(rig) == ["shop.price_of(bigint)"]
    assert rig.plan(BASE, routines("a", pair + price_of().sql), routines("b", "select 2;")).empty
    rig.migrate(BASE, routines("a", "select 1;"), routines("b", pair + price_of().sql))
    assert functions(rig) == ["shop.price_of(bigint)"]


def test_a_changed_type_brings_back_all_that_used_it(rig: Rig) -> None:
    def types(columns: str) -> Step:
        return routines("atypes", f"create type shop.pair as ({columns});")

    user = routines(
        "user",
        "create or replace function shop.pairs() returns setof shop.pair"
        " language plpgsql as $$ begin end $$;",
    )
    grants = declaration(
        "policies/shop.yaml#grants", "grant execute on function shop.pairs to anon;", always=True
    )
    rig.migrate(BASE, types("a integer"), user, grants)
    rig.migrate(BASE, types("a integer, b text"), user, grants)
    assert functions(rig) == ["shop.pairs()"]
    assert rig.value("select has_function_privilege('anon', 'shop.pairs()', 'execute')")


def test_what_somebody_dropped_comes_back(rig: Rig) -> None:
    steps = (BASE, price_of(), view("item_id"), POLICIES, GRANTS)
    rig.migrate(*steps)
    before = rig.catalog()
    with rig.connect() as connection:
        connection.execute(
            "drop function shop.price_of; drop view shop.offers; drop policy anon_select on shop.items"
        )
    plan = rig.plan(*steps)
    assert {due.step.key: due.reason for due in plan.repeatables} == {
        "functions/shop/prices.sql": "absent",
        "functions/shop/views.sql": "absent",
        "policies/shop.yaml#tables.items": "absent",
        "policies/shop.yaml#grants": "with its app",
    }
    rig.migrate(*steps)
    assert rig.catalog() == before


def test_grants_that_somebody_gave_are_taken_back(rig: Rig) -> None:
    rig.migrate(BASE, POLICIES)
    before = rig.catalog()
    with rig.connect() as connection:
        connection.execute(
            "grant select on shop.items to anon; alter table shop.items no force row level security"
        )
    assert [due.reason for due in rig.plan(BASE, POLICIES).repeatables] == ["grants changed"]
    rig.migrate(BASE, POLICIES)
    assert rig.catalog() == before


def test_a_right_that_was_taken_and_given_again_is_no_change(rig: Rig) -> None:
    both = declaration(
        POLICIES.key,
        POLICIES.sql + "grant select (name), insert on table shop.items to anon, authenticated;",
    )
    rig.migrate(BASE, both)
    before = rig.catalog()
    with rig.connect() as connection:
        connection.execute("revoke select (name), insert on shop.items from anon")
        connection.execute("grant select (name), insert on shop.items to anon")
    assert rig.catalog() != before, "they are in another order now"
    assert rig.plan(BASE, both).repeatables == []


def test_a_versioned_change_moves_views_and_policies_out_of_its_way(rig: Rig) -> None:
    rig.migrate(BASE, view("item_id, price"), POLICIES)
    change = versioned(
        "0002_wide_prices",
        "alter table shop.items alter column price type numeric;",
        "alter table shop.items alter column price type bigint;",
    )
    before = rig.catalog()
    rig.migrate(BASE, change, view("item_id, price"), POLICIES)
    after = rig.catalog()
    assert "numeric" in after
    assert after.count("policy anon_select") == 1
    rig.rollback(BASE, change, view("item_id, price"), POLICIES)
    assert rig.catalog() == before
    rig.migrate(BASE, change, view("item_id, price"), POLICIES)
    assert rig.catalog() == after


def test_a_column_is_never_lost_to_a_cascade(rig: Rig) -> None:
    def kinds(columns: str) -> Step:
        return routines("kinds", f"create type shop.kind as ({columns});")

    rig.migrate(BASE, kinds("a integer"))
    bad = versioned("0002_kinds", "alter table shop.items add column kind shop.kind;", "select 1;")
    rig.migrate(BASE, bad, kinds("a integer"))
    before = rig.catalog()
    with pytest.raises(
        DotbaseError, match=r"would drop column kind of table shop\.items; let a versioned file"
    ):
        rig.migrate(BASE, bad, kinds("a integer, b integer"))
    assert rig.catalog() == before


def test_data_beside_a_schema_that_is_dropped_is_not_inside_of_it(rig: Rig) -> None:
    """Though its schema's name ends like the other's."""
    kinds = routines(
        "kinds",
        "create schema if not exists op;"
        "create type op.kind as enum ('a');"
        "create table if not exists op.kinds (kind op.kind default 'a');",
    )
    rig.migrate(BASE, kinds)
    orders = versioned(
        "0002_orders",
        "create schema shop_op; create table shop_op.orders (kind op.kind default 'a');",
        "drop schema shop_op cascade;",
    )
    rig.migrate(BASE, orders, kinds)
    with pytest.raises(
        DotbaseError,
        match=r"would drop column kind of table shop_op\.orders, "
        r"default value for column kind of table shop_op\.orders; let a versioned file",
    ):
        rig.migrate(BASE, orders)
    rig.rollback(BASE, orders, kinds)
    assert rig.migrate(BASE).removed == 1


def test_a_trigger_that_a_job_makes_meanwhile_is_not_ours(rig: Rig) -> None:
    rig.migrate(BASE, price_of())

    def meddle(connection: object) -> None:
        with rig.connect() as other:
            other.execute(
                "create table shop.later (id integer);"
                "create function shop.later() returns trigger"
                " language plpgsql as $$ begin return new; end $$;"
                "create trigger later before insert on shop.later"
                " for each row execute function shop.later()"
            )

    # Another session commits objects while a file is being applied.
    first = routines("slow", "select pg_sleep(0.5); create or replace view shop.slow as select 1 as one;")
    import threading

    thread = threading.Timer(0.25, meddle, [None])
    thread.start()
    rig.migrate(BASE, price_of(), first)
    thread.join()
    assert "later" not in str(rig.values("select objects::text from dotbase.repeatables"))
    rig.migrate(BASE, price_of())
    assert "shop.later()" in functions(rig)


def test_steps_that_fight_each_other_are_refused(rig: Rig) -> None:
    one = routines("one", "create type shop.one as (a integer); drop type if exists shop.two cascade;")
    two = routines("two", "create type shop.two as (a integer); drop type if exists shop.one cascade;")
    with pytest.raises(DotbaseError, match="take away each other's objects"):
        rig.migrate(BASE, one, two)
