"""Versioned steps: order, refusals, boundaries, statements outside of a transaction, and the way back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dotbase.errors import DotbaseError
from dotbase.render.steps import Step
from tests.generator.rig import Rig, declaration, routines, versioned

ONE = versioned(
    "0001_shop",
    "create schema shop; create table shop.items (item_id bigint primary key, name text);",
    "drop schema shop cascade;",
)
TWO = versioned(
    "0002_price",
    "alter table shop.items add column price bigint;",
    "alter table shop.items drop column price;",
)
INDEX = versioned(
    "0003_name_idx",
    "create index concurrently items_name_idx on shop.items (name);",
    "drop index concurrently if exists shop.items_name_idx;",
    boundary="index on names",
    transactional=False,
)
FOUR = versioned(
    "0004_stock",
    "alter table shop.items add column stock integer;",
    "alter table shop.items drop column stock;",
)
VIEW = routines("views", "create or replace view shop.offers as select item_id from shop.items;")


def applied(rig: Rig) -> list[str]:
    return rig.values("select version || ' ' || state from dotbase.versions order by position")


def test_history_tell_who_what_and_when(rig: Rig) -> None:
    rig.migrate(ONE, TWO, VIEW)
    with rig.connect() as connection:
        row = connection.execute(
            "select direction, applied_by, target, clock, tool_version <> '', applied_at is not null"
            " from dotbase.releases"
        ).fetchone()
    assert row == ("migrate", "postgres", "postgres", "real", True, True)
    assert applied(rig) == ["shop.0001_shop applied", "shop.0002_price applied"]


def test_history_are_the_owner_s_alone(rig: Rig) -> None:
    rig.migrate(ONE)
    assert rig.values("select distinct tableowner::text from pg_tables where schemaname = 'dotbase'") == [
        "dotbase_owner"
    ]
    assert not rig.value(
        "select exists (select from pg_class as c, aclexplode(c.relacl) as a"
        " where relnamespace = 'dotbase'::regnamespace and a.grantee <> c.relowner)"
    )
    assert not rig.value("select has_schema_privilege('service_role', 'dotbase', 'usage')")


def test_an_error_leaves_nothing_and_names_file_and_line(rig: Rig) -> None:
    rig.migrate(ONE)
    before = rig.catalog()
    bad = versioned(
        "0002_price", "alter table shop.items add column price bigint;\nselect nothing_there;\n", "select 1;"
    )
    with pytest.raises(DotbaseError) as caught:
        rig.migrate(ONE, bad)
    assert caught.value.sentence == (
        'schema/shop/0002_price.sql:2: column "nothing_there" does not exist; '
        "correct the file and run migrate again."
    )
    assert rig.catalog() == before
    assert applied(rig) == ["shop.0001_shop applied"]


def test_what_verify_refuses_is_not_committed(rig: Rig) -> None:
    rig.migrate(ONE)
    before = rig.catalog()

    def verify(connection: object) -> None:
        raise DotbaseError("table shop.items has no line", "add one", "policies/shop.yaml:1")

    with pytest.raises(
        DotbaseError, match=r"^policies/shop\.yaml:1: table shop\.items has no line; add one\.$"
    ):
        rig.migrate(ONE, TWO, verify=verify)
    assert rig.catalog() == before


def test_an_edited_applied_file_is_refused_by_name(rig: Rig) -> None:
    rig.migrate(ONE)
    edited = versioned("0001_shop", ONE.sql, str(ONE.rollback_sql), edited=True)
    with pytest.raises(DotbaseError) as caught:
        rig.plan(edited)
    assert caught.value.sentence == (
        "schema/shop/0001_shop.sql:1: version shop.0001_shop was edited after it was applied; "
        "bring its text back and make the change in a new version (`dotbase new migration shop NAME`)."
    )


def test_an_applied_file_that_is_gone_is_refused_with_the_way_back(rig: Rig) -> None:
    stock = versioned("0003_stock", FOUR.sql, str(FOUR.rollback_sql))
    rig.migrate(ONE, TWO, stock)
    gone = (
        r"version shop\.%s is applied, but its file is gone; bring the file back, or roll back to before it: "
    )
    for left, name, way in (
        ((ONE, TWO), "0003_stock", "--to shop.0002_price` undoes shop.0003_stock alone."),
        ((ONE, stock), "0002_price", "--to shop.0001_shop` undoes shop.0002_price and also shop.0003_stock."),
        ((), "0001_shop", "--steps 3` undoes shop.0001_shop and also shop.0002_price, shop.0003_stock."),
    ):
        with pytest.raises(DotbaseError, match=gone % name + re.escape(f"`dotbase rollback {way}") + "$"):
            rig.migrate(*left)


@pytest.mark.parametrize("nothing", ["", "-- What takes it back.\n", "/* drop\ntable */ ; -- no;\n"])
def test_a_rollback_without_a_statement_is_refused(rig: Rig, nothing: str) -> None:
    sentence = (
        "schema/shop/0002_price.rollback.sql: takes nothing back; "
        "write what undoes 0002_price.sql, or `select 1;` if nothing is to be undone."
    )
    empty = versioned("0002_price", TWO.sql, nothing)
    for attempt in (rig.plan, rig.migrate):
        with pytest.raises(DotbaseError) as caught:
            attempt(ONE, empty)
        assert caught.value.sentence == sentence
    rig.migrate(ONE, TWO)
    with rig.connect() as connection:
        connection.execute("update dotbase.versions set down_sql = '-- nothing'")
    with pytest.raises(DotbaseError) as caught:
        rig.rollback(ONE)
    assert caught.value.sentence == sentence


def test_a_version_that_comes_too_late_is_refused(rig: Rig) -> None:
    rig.migrate(ONE, versioned("0003_stock", FOUR.sql, str(FOUR.rollback_sql)))
    with pytest.raises(
        DotbaseError,
        match=r"version shop\.0002_price is new, but shop\.0003_stock is already applied; renumber",
    ):
        rig.migrate(ONE, TWO, versioned("0003_stock", FOUR.sql, str(FOUR.rollback_sql)))


def test_a_boundary_is_committed_and_a_rerun_resumes_there(rig: Rig) -> None:
    broken = versioned("0004_stock", "alter table shop.nowhere add column stock integer;", "select 1;")
    with pytest.raises(DotbaseError) as caught:
        rig.migrate(ONE, TWO, INDEX, broken, VIEW)
    assert caught.value.sentence == (
        'schema/shop/0004_stock.sql:1: relation "shop.nowhere" does not exist; the migration stands at '
        "boundary `after index on names`, what came before it is committed; correct the file and run migrate "
        "again: it resumes there."
    )
    assert applied(rig)[-1] == "shop.0003_name_idx applied"
    outcome = rig.migrate(ONE, TWO, INDEX, FOUR, VIEW)
    assert outcome.versions == ["shop.0004_stock"]
    assert rig.value("select to_regclass('shop.offers') is not null")


def test_a_boundary_keeps_views_that_were_in_the_way(rig: Rig) -> None:
    grants = declaration("policies/shop.yaml#grants", "grant select on shop.offers to anon;", always=True)
    rig.migrate(ONE, VIEW, grants)
    wide = versioned(
        "0002_wide",
        "alter table shop.items alter column item_id type numeric;",
        "alter table shop.items alter column item_id type bigint;",
    )
    broken = versioned("0003_broken", "select 1/0;", "select 1;", boundary="backfill")
    with pytest.raises(DotbaseError, match="division by zero; the migration stands at boundary `backfill`"):
        rig.migrate(ONE, wide, broken, VIEW, grants)
    assert rig.value("select has_table_privilege('anon', 'shop.offers', 'select')")


def test_a_statement_that_did_not_end_is_undone_and_run_again(rig: Rig) -> None:
    rig.migrate(ONE)
    with rig.connect() as connection:
        connection.execute("insert into shop.items values (1, 'a'), (2, 'a')")
    unique = versioned(
        "0002_names",
        "create unique index concurrently items_name_key on shop.items (name);",
        "drop index concurrently if exists shop.items_name_key;",
        transactional=False,
    )
    with pytest.raises(DotbaseError, match=r"0002_names\.sql:1: could not create unique index"):
        rig.migrate(ONE, unique)
    assert applied(rig)[-1] == "shop.0002_names started"
    assert rig.value("select not indisvalid from pg_index where indexrelid = 'shop.items_name_key'::regclass")
    assert [found.version for found in rig.plan(ONE, unique).unfinished] == ["shop.0002_names"]
    with rig.connect() as connection:
        connection.execute("delete from shop.items where item_id = 2")
    rig.migrate(ONE, unique)
    assert "was started before and did not end: undone first" in rig.told
    assert applied(rig)[-1] == "shop.0002_names applied"
    assert rig.value("select indisvalid from pg_index where indexrelid = 'shop.items_name_key'::regclass")


def test_up_down_up_gives_the_same_catalog_for_each_version(rig: Rig) -> None:
    steps: tuple[Step, ...] = (ONE, TWO, INDEX, FOUR)
    states = []
    for count in range(1, len(steps) + 1):
        rig.migrate(*steps[:count])
        states.append(rig.catalog())
    for count in range(len(steps) - 1, 0, -1):
        assert rig.rollback(*steps).versions == [steps[count].version]
        assert rig.catalog() == states[count - 1]
    for count in range(2, len(steps) + 1):
        rig.migrate(*steps[:count])
        assert sorted(rig.catalog().splitlines()) == sorted(states[count - 1].splitlines())


def test_rollback_puts_back_the_texts_from_before(rig: Rig) -> None:
    old = routines("views", "create or replace view shop.offers as select item_id from shop.items;")
    new = routines("views", "create or replace view shop.offers as select price, item_id from shop.items;")
    fresh = routines(
        "prices", "create function shop.dear() returns bigint language sql as $$ select 1::bigint $$;"
    )
    rig.migrate(ONE, old)
    before = rig.catalog()
    rig.migrate(ONE, TWO, fresh, new)
    after = rig.catalog()
    undone = rig.rollback(ONE, TWO, fresh, new)
    assert undone.versions == ["shop.0002_price"]
    assert undone.left_out == ["functions/shop/prices.sql"]
    assert rig.catalog() == before
    plan = rig.plan(ONE, TWO, fresh, new)
    assert [step.version for step in plan.versioned] == ["shop.0002_price"]
    assert [(due.step.key, due.reason) for due in plan.repeatables] == [
        ("functions/shop/prices.sql", "new"),
        ("functions/shop/views.sql", "changed"),
    ]
    rig.migrate(ONE, TWO, fresh, new)
    assert rig.catalog() == after


def test_rolling_back_one_app_leaves_the_others_theirs(rig: Rig) -> None:
    other = versioned("0003_cafe", "create schema cafe;", "drop schema cafe;", app="cafe")
    menu = routines("menu", "create function cafe.menu() returns void language sql as 'select';", app="cafe")
    rig.migrate(ONE, VIEW)
    before = rig.catalog()
    rig.rollback(ONE, VIEW)
    rig.migrate(ONE, other, VIEW, menu)
    undone = rig.rollback(ONE, other, VIEW, menu)
    assert undone.left_out == []
    assert rig.catalog() == before


def test_rolling_back_everything_leaves_the_history_and_the_roles(rig: Rig) -> None:
    steps = (ONE, TWO, INDEX, FOUR, VIEW)
    rig.migrate(*steps)
    rig.rollback(*steps, count=4)
    assert rig.values(
        "select nspname::text from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'"
        " order by 1"
    ) == ["dotbase", "extensions", "master_key", "public"]
    assert applied(rig) == []
    assert rig.migrate(*steps).changed


def test_rollback_down_to_a_version(rig: Rig) -> None:
    rig.migrate(ONE, TWO, INDEX, FOUR)
    assert rig.rollback(ONE, to="shop.0001_shop").versions == [
        "shop.0004_stock",
        "shop.0003_name_idx",
        "shop.0002_price",
    ]
    with pytest.raises(DotbaseError, match=r"version shop\.0009_no is not applied; see `dotbase status`"):
        rig.rollback(ONE, to="shop.0009_no")
    with pytest.raises(DotbaseError, match="2 versions cannot be rolled back, 1 are applied"):
        rig.rollback(ONE, count=2)


def test_a_failing_rollback_changes_nothing(rig: Rig) -> None:
    bad = versioned("0002_price", TWO.sql, "drop table shop.nothing;")
    rig.migrate(ONE, bad, VIEW)
    before = rig.catalog()
    with pytest.raises(DotbaseError, match=r'^schema/shop/0002_price\.rollback\.sql:1: table "nothing" does'):
        rig.rollback(ONE, bad, VIEW)
    assert rig.catalog() == before
    assert applied(rig) == ["shop.0001_shop applied", "shop.0002_price applied"]


def test_a_database_of_dotbase_0_1_is_told_so_in_one_sentence(rig: Rig) -> None:
    old = Step("functions/shop/a.sql.j2", "shop", "repeatable", Path("a"), 1, "select 1;\n", "")
    rig.migrate(ONE, old)
    sentence = "the database was made by dotbase 0.1, and each app's versions of that time are one file since"
    with pytest.raises(DotbaseError, match=f"^{sentence}; migrate a new database.$"):
        rig.migrate(ONE)
