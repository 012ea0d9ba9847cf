"""Rollback where all came in one migrate: what still applies stays, what goes is named, rows need a yes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dotbase.errors import DotbaseError
from dotbase.migrate import losses
from dotbase.render.steps import Step
from tests.generator.rig import Rig, routines, versioned
from tests.generator.shop import make_shop
from tests.generator.small import dotbase, write

ONE = versioned(
    "0001_shop",
    "create schema shop; create table shop.items (item_id bigint primary key);",
    "drop schema shop cascade;",
)
TWO = versioned(
    "0002_prices",
    "create table shop.prices (price bigint); alter table shop.items add column price bigint;",
    "alter table shop.items drop column price; drop table shop.prices;",
)
VIEW = routines("views", "create or replace view shop.offers as select item_id from shop.items;")
DEAR = routines("dear", "create or replace view shop.dear as select item_id from shop.items where price > 9;")
TELL = routines(
    "tell",
    "create or replace function shop.tell() returns void language plpgsql as $$\n"
    "declare v_price shop.prices; begin end $$;",
)
CAFE = versioned("0003_cafe", "create schema cafe;", "drop schema cafe;", app="cafe")


def test_what_came_in_one_migrate_stays_where_it_still_applies(rig: Rig) -> None:
    rig.migrate(ONE, TWO, VIEW, DEAR, TELL)
    before = rig.catalog()
    with pytest.raises(DotbaseError) as caught:
        rig.rollback(ONE, TWO, VIEW, DEAR, TELL, confirmed=False)
    assert caught.value.sentence == (
        "no text that was ever in force fits the tables after this rollback, and these would break:"
        ' functions/shop/dear.sql (column "price" does not exist), functions/shop/tell.sql'
        ' (type "shop.prices" does not exist — in shop.tell());'
        " add --drop-broken, which drops them until the next migrate."
    )
    assert rig.catalog() == before
    undone = rig.rollback(ONE, TWO, VIEW, DEAR, TELL, confirmed=False, drop_broken=True)
    assert undone.versions == ["shop.0002_prices"]
    assert undone.kept == [VIEW.key]
    assert undone.left_out == undone.apps == []
    assert undone.refused == {
        DEAR.key: 'column "price" does not exist',
        TELL.key: 'type "shop.prices" does not exist — in shop.tell()',
    }
    assert rig.value("select to_regclass('shop.offers') is not null")
    assert rig.values("select key from dotbase.repeatables") == [VIEW.key]
    plan = rig.plan(ONE, TWO, VIEW, DEAR, TELL)
    assert [due.step.key for due in plan.repeatables] == [DEAR.key, TELL.key]
    rig.migrate(ONE, TWO, VIEW, DEAR, TELL)
    assert rig.value("select to_regprocedure('shop.tell()') is not null")


def test_the_text_of_the_older_migrate_stays_not_the_newest(rig: Rig) -> None:
    newer = routines("views", "create or replace view shop.offers as select item_id, price from shop.items;")
    rig.migrate(ONE, VIEW)
    rig.migrate(ONE, TWO, newer)
    undone = rig.rollback(ONE, TWO, newer)
    assert (undone.restored, undone.kept) == (1, [])
    rig.migrate(ONE, TWO, newer)
    rig.migrate(ONE, TWO, newer, CAFE)
    assert rig.rollback(ONE, TWO, newer, CAFE, to="shop.0001_shop").restored == 1
    assert rig.values("select sql from dotbase.repeatables") == [VIEW.sql]


def test_rows_and_whole_apps_go_with_a_yes_only(rig: Rig) -> None:
    rig.migrate(ONE, TWO, VIEW, CAFE)
    with rig.connect() as connection:
        connection.execute("insert into shop.prices values (1), (2)")
    before = rig.catalog()
    with pytest.raises(DotbaseError) as caught:
        rig.rollback(ONE, TWO, VIEW, CAFE, to="shop.0001_shop", confirmed=False)
    assert caught.value.sentence == (
        "this rollback would drop all of app cafe, shop.prices (2 rows); "
        "look at it with `dotbase rollback --plan`, and add --yes if it is meant."
    )
    assert rig.catalog() == before
    assert len(rig.values("select 1 from dotbase.releases")) == 1
    with rig.connect() as connection:
        connection.execute("truncate shop.prices")
    with pytest.raises(DotbaseError, match=r"^this rollback would drop all of app cafe; "):
        rig.rollback(ONE, TWO, VIEW, CAFE, to="shop.0001_shop", confirmed=False)
    assert rig.rollback(ONE, TWO, VIEW, CAFE, to="shop.0001_shop").apps == ["cafe"]


def test_counting_rows_leaves_the_transaction_as_it_was(rig: Rig) -> None:
    """What comes after it, as schedules, may read tables whose policies are for its role."""
    rig.migrate(ONE)
    with rig.connect() as connection, connection.transaction():
        with losses.watched(connection, (), lock=True) as (lost, _):
            connection.execute("drop table shop.items")
        assert [str(found) for found in lost.tables] == ["shop.items (0 rows)"]
        row = connection.execute("select current_setting('row_security')").fetchone()
        assert row == ("on",)
        held = "select mode from pg_locks where relation = 'shop.items'::regclass and pid = pg_backend_pid()"
        assert ("ShareLock",) in connection.execute(held).fetchall()


def test_the_plan_tells_what_would_go_and_changes_nothing(tmp_path: Path, new_rig: Rig) -> None:
    project = make_shop(tmp_path)
    write(project, "schema/shop/0003_till.sql", "create table shop.till (coin integer);\n")
    write(project, "schema/shop/0003_till.rollback.sql", "drop table shop.till;\n")
    policies = (
        (project / "policies/shop.yaml").read_text().replace("  moves: []\n", "  moves: []\n  till: []\n")
    )
    write(project, "policies/shop.yaml", policies)
    url = new_rig.server.conninfo(new_rig.name)
    assert dotbase(project, "--database-url", url, "migrate").code == 0
    with new_rig.connect() as connection:
        connection.execute("insert into shop.till values (1), (5)")
    before = new_rig.catalog()
    said = dotbase(project, "--database-url", url, "rollback", "--plan")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert "  undo      shop.0003_till" in lines
    assert "  keep      policies/shop.yaml#rpcs" in lines
    assert (
        '  remove    policies/shop.yaml#tables.till (does not apply: relation "shop.till" does not exist)'
        in (lines)
    )
    assert lines[-2:] == ["These tables would go:", "  shop.till (2 rows)"]
    found = json.loads(dotbase(project, "--database-url", url, "rollback", "--plan", "--json").out)
    assert found["tables"] == [{"table": "shop.till", "rows": 2}]
    assert new_rig.catalog() == before
    said = dotbase(project, "--database-url", url, "rollback")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("dotbase: this rollback would drop shop.till (2 rows); ")
    assert new_rig.catalog() == before
    said = dotbase(project, "--database-url", url, "rollback", "--yes")
    assert said.code == 0, said.err
    assert new_rig.value("select to_regprocedure('api.buy(bigint)') is not null"), "its RPCs stay open"
    assert new_rig.value("select has_function_privilege('authenticated', 'api.buy(bigint)', 'execute')")


def test_status_tells_what_is_applied_where_an_app_s_files_are_gone(tmp_path: Path, new_rig: Rig) -> None:
    project = make_shop(tmp_path)
    url = new_rig.server.conninfo(new_rig.name)
    assert dotbase(project, "--database-url", url, "migrate").code == 0
    for path in ("schema/shop", "functions/shop"):
        shutil.rmtree(project / path)
    (project / "policies/shop.yaml").unlink()
    write(project, "apps.yaml", 'zone: Asia/Seoul\napps:\n  core: {needs: [], about: "a"}\n')
    said = dotbase(project, "--database-url", url, "status")
    assert said.code == 1
    assert "  shop.0002_shop  applied  " in said.out
    assert "`dotbase rollback --to core.0001_core` undoes shop.0002_shop alone." in said.err
    refused = dotbase(project, "--database-url", url, "rollback", "--to", "core.0001_core")
    assert refused.err.startswith("dotbase: this rollback would drop all of app shop; ")
    said = dotbase(project, "--database-url", url, "rollback", "--to", "core.0001_core", "--yes")
    assert "All of app shop is gone until the next migrate.\n" in said.out
    assert dotbase(project, "--database-url", url, "migrate").code == 0


def test_a_migrate_that_fails_says_that_nothing_was_changed(tmp_path: Path, new_rig: Rig) -> None:
    project = make_shop(tmp_path)
    url = new_rig.server.conninfo(new_rig.name)
    write(project, "functions/shop/more.sql", "selekt everything;\n")
    said = dotbase(project, "--database-url", url, "migrate")
    assert said.code == 1
    assert said.err.endswith("; correct the file and run migrate again. Nothing was changed.\n")
    write(project, "schema/shop/0003_late.sql", "-- boundary: late\nselect 1;\n")
    write(project, "schema/shop/0003_late.rollback.sql", "select 1;\n")
    said = dotbase(project, "--database-url", url, "migrate")
    assert "what came before it is committed" in said.err
    assert "Nothing was changed" not in said.err


def _price(column: str, language: str = "sql") -> Step:
    body = f"select i.{column} from shop.goods as i where i.item_id = $1"
    text = f"begin return ({body}); end" if language == "plpgsql" else body
    return routines(
        "price",
        f"create or replace function shop.price(bigint) returns bigint language {language} as $$ {text} $$;",
    )


GOODS = versioned(
    "0001_goods",
    "create schema shop; create table shop.goods (item_id bigint primary key, price bigint);",
    "drop schema shop cascade;",
)
WON = versioned(
    "0002_won",
    "alter table shop.goods rename price to price_won;",
    "alter table shop.goods rename price_won to price;",
)
NOTE = versioned(
    "0003_note", "alter table shop.goods add note text;", "alter table shop.goods drop column note;"
)
GOODS_VIEW = "create or replace view shop.offers as select i.{} as price from shop.goods as i;"


@pytest.mark.parametrize("language", ["sql", "plpgsql"])
def test_a_text_of_before_two_versions_is_not_put_back_between_them(rig: Rig, language: str) -> None:
    """Fault 1. No text was in force between 0002 and 0003, which came together: the newest stays."""
    new = [_price("price_won", language), routines("views", GOODS_VIEW.format("price_won"))]
    rig.migrate(GOODS, _price("price", language), routines("views", GOODS_VIEW.format("price")))
    rig.migrate(GOODS, WON, NOTE, *new)
    with rig.connect() as connection:
        connection.execute("insert into shop.goods values (7, 4500)")
    undone = rig.rollback(GOODS, WON, NOTE, *new)
    assert undone.versions == ["shop.0003_note"]
    assert undone.kept == ["functions/shop/price.sql", "functions/shop/views.sql"]
    assert rig.value("select shop.price(7)") == 4500
    assert rig.value("select price from shop.offers") == 4500
    undone = rig.rollback(GOODS, WON, NOTE, *new)
    assert (undone.versions, undone.restored) == (["shop.0002_won"], 2)
    assert rig.value("select shop.price(7)") == 4500
    assert rig.value("select price from shop.offers") == 4500


@pytest.mark.parametrize("language", ["sql", "plpgsql"])
def test_what_no_recorded_text_makes_whole_is_named_and_stops_the_rollback(rig: Rig, language: str) -> None:
    """Fault 1. The rename came last: between it and 0002 no text was ever in force."""
    note, won = (
        replace(NOTE, key="schema/shop/0002_note.sql", version="shop.0002_note"),
        replace(WON, key="schema/shop/0003_won.sql", version="shop.0003_won"),
    )
    steps = (GOODS, note, won, _price("price_won", language))
    rig.migrate(GOODS, _price("price", language))
    rig.migrate(*steps)
    before = rig.catalog()
    with pytest.raises(DotbaseError) as caught:
        rig.rollback(*steps)
    assert caught.value.sentence == (
        "no text that was ever in force fits the tables after this rollback, and these would break:"
        " functions/shop/price.sql (column i.price_won does not exist — in shop.price(bigint));"
        " roll back to shop.0001_goods, whose texts are recorded, or add --drop-broken, which drops them"
        " until the next migrate."
    )
    assert rig.catalog() == before
    assert rig.rollback(*steps, drop_broken=True).refused.keys() == {"functions/shop/price.sql"}
    assert rig.value("select to_regprocedure('shop.price(bigint)') is null")
    rig.migrate(*steps)
    assert rig.rollback(*steps, to="shop.0001_goods").restored == 1
    assert "price_won" not in rig.value("select prosrc from pg_proc where proname = 'price'")


@pytest.mark.parametrize("language", ["sql", "plpgsql"])
def test_a_routine_whose_text_never_changed_is_tried_as_well(rig: Rig, language: str) -> None:
    """Fault 1. Its file is not applied again, and what it reads is gone all the same."""
    other = routines("other", "create or replace function shop.other() returns int return 1;")
    price = _price("price", language)
    add = versioned(
        "0002_price",
        "alter table shop.items add price bigint; alter table shop.items rename to goods;",
        "alter table shop.goods rename to items; alter table shop.items drop column price;",
    )
    rig.migrate(ONE, other)
    rig.migrate(ONE, add, other, price)
    rig.migrate(ONE, add, CAFE, other, price)
    assert rig.rollback(ONE, add, CAFE, other, price).refused == {}
    assert rig.rollback(ONE, add, other, price).left_out == [price.key]


def test_a_routine_that_was_broken_before_stops_no_rollback(rig: Rig) -> None:
    """Fault 1. What somebody broke by hand is not what the rollback breaks."""
    rig.migrate(GOODS, _price("price", "plpgsql"))
    rig.migrate(GOODS, CAFE, _price("price", "plpgsql"))
    with rig.connect() as connection:
        connection.execute("alter table shop.goods drop column price")
    assert rig.rollback(GOODS, CAFE, _price("price", "plpgsql")).versions == ["cafe.0003_cafe"]
