"""Bodies that do not parse: refused before anything is committed, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dotbase.catalog import made as written
from dotbase.errors import DotbaseError
from tests.generator.rig import Rig, routines, versioned
from tests.generator.shop import ROUTINES, make_shop
from tests.generator.small import dotbase, write

ONE = versioned(
    "0001_shop", "create schema shop;\ncreate table shop.items (item_id bigint);", "drop schema shop cascade;"
)


def made(body: str, language: str = "plpgsql", more: str = "") -> str:
    return (
        f"create or replace function shop.buy() returns bigint\nlanguage {language}{more}\n"
        f"as $$\n{body}\n$$;\n"
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (made("beginn\n    return 1;\nend"), 4, 'syntax error at or near "beginn"'),
        (made("begin\n    updat shop.items set item_id = 1;\n    return 1;\nend"), 5, 'at or near "updat"'),
        (made("declare\n    v_one shop.nothing;\nbegin\n    return 1;\nend"), 5, "shop.nothing"),
        (made("select 1 from shop.nothing", "sql"), 4, 'relation "shop.nothing" does not exist'),
        (made("select 1 from items", "sql", "\nset search_path = ''"), 5, 'relation "items" does not exist'),
    ],
)
def test_a_body_that_does_not_parse_is_refused_with_its_line(
    rig: Rig, text: str, line: int, said: str
) -> None:
    rig.migrate(ONE)
    before = rig.catalog()
    with pytest.raises(DotbaseError) as caught:
        rig.migrate(ONE, routines("buying", text))
    assert caught.value.where == f"functions/shop/buying.sql:{line}"
    assert said in caught.value.what
    assert "shop.buy()" in caught.value.what
    assert rig.catalog() == before


def test_a_body_may_name_what_comes_later_and_what_its_own_path_finds(rig: Rig) -> None:
    text = made("select item_id from shop.offers", "sql") + made(
        "select item_id from items", "sql", "\nset search_path = shop"
    ).replace("shop.buy", "shop.have")
    later = routines("later", "create view shop.offers as select item_id from shop.items;")
    rig.migrate(ONE, routines("buying", text), later)


def test_a_version_s_own_routines_are_looked_at_too(rig: Rig) -> None:
    two = versioned(
        "0002_buy", "-- Buying.\n" + made("begin\n    returnn 1;\nend"), "drop function shop.buy();"
    )
    with pytest.raises(DotbaseError, match=r'^schema/shop/0002_buy\.sql:6: syntax error at or near "'):
        rig.migrate(ONE, two)


def test_what_was_broken_before_is_no_matter_of_this_run(rig: Rig) -> None:
    rig.migrate(ONE, routines("buying", made("begin\n    return 1;\nend")))
    with rig.connect() as connection:
        connection.execute("set check_function_bodies = off")
        connection.execute(made("beginn").encode())
        connection.execute("alter function shop.buy() owner to dotbase_owner")
    rig.migrate(ONE, routines("buying", made("begin\n    return 1;\nend")), routines("more", "select 1;"))


def test_plan_refuses_it_as_migrate_does(tmp_path: Path, new_rig: Rig) -> None:
    project = make_shop(tmp_path)
    write(project, "functions/shop/carts.sql", ROUTINES.replace("return query select", "return query selekt"))
    line = ROUTINES[: ROUTINES.index("return query")].count("\n") + 1
    for command in ("plan", "migrate"):
        said = dotbase(project, "--database-url", new_rig.server.conninfo(new_rig.name), command)
        assert said.code == 1
        assert said.err.startswith(
            f'dotbase: functions/shop/carts.sql:{line}: syntax error at or near "selekt" — in shop.buy('
        )


@pytest.mark.parametrize("language", ["sql", "plpgsql"])
def test_a_version_that_breaks_an_unchanged_routine_is_refused(rig: Rig, language: str) -> None:
    """Faults 1 and 13. The routine is not applied again, and reads a column that was renamed."""
    body = "select price from shop.items"
    text = f"begin return ({body}); end" if language == "plpgsql" else body
    read = routines(
        "read", f"create or replace function shop.read() returns int language {language} as $$ {text} $$;"
    )
    first = versioned(
        "0001_shop", "create schema shop; create table shop.items (price int);", "drop schema shop cascade;"
    )
    rename = versioned("0002_won", "alter table shop.items rename price to won;", "select 1;")
    rig.migrate(first, read)
    before = rig.catalog()
    with pytest.raises(DotbaseError, match=r'column "price" does not exist — in shop.read\(\)') as caught:
        rig.migrate(first, rename, read)
    assert caught.value.where == "functions/shop/read.sql:1"
    assert rig.catalog() == before


def test_ids_of_transactions_that_wrapped_around_are_not_asked_about(rig: Rig) -> None:
    """Fault 12. On a database two billion transactions old, a frozen row's id is one of the future."""
    rig.migrate()
    with rig.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("create schema shop")
        with connection.transaction():
            connection.execute("create function shop.one() returns integer language sql as 'select 1'")
        row = connection.execute(
            "select pg_current_xact_id()::text::bigint & 4294967295,"
            " (select xmin::text::bigint from pg_proc"
            " where proname = 'one' and pronamespace = 'shop'::regnamespace)"
        ).fetchone()
        assert row is not None
        top, savepoint = row
        old = [(top + far) % 2**32 for far in (5_000_000, 2**31 - 1, 2**31 + 1, 2**32 - 1)]
        found = connection.execute(written.OURS.encode(), [[top, savepoint, *old]]).fetchall()
        assert sorted(found) == sorted([(top,), (savepoint,)])
        assert [one.name for one in written.routines_made(connection)] == ["shop.one"]
