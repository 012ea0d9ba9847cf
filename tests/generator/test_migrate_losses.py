"""Rows go with a yes only, by migrate as by rollback, and both say how many."""

from __future__ import annotations

import pytest

from dotbase.errors import DotbaseError
from dotbase.render.steps import Step
from tests.generator.rig import Rig, versioned

SHOP = versioned(
    "0001_shop",
    "create schema shop; create table shop.items (item_id bigint primary key, note text);"
    " create table shop.moves (moved_on date not null, item_id bigint) partition by range (moved_on);"
    " create table shop.moves_2026 partition of shop.moves for values from ('2026-01-01') to ('2027-01-01');"
    " create table shop.twice (one int, two int generated always as (one * 2) stored);",
    "drop schema shop cascade;",
)
FILL = (
    "insert into shop.items values (1, 'a'), (2, null), (3, 'c');"
    " insert into shop.moves values ('2026-05-05', 1), ('2026-06-06', 2); insert into shop.twice values (1)"
)
WAYS = {
    "a table": ("drop table shop.items", "shop.items (3 rows)"),
    "a partition": ("drop table shop.moves_2026", "shop.moves_2026 (2 rows)"),
    "a partitioned table": ("drop table shop.moves", "shop.moves (2 rows)"),
    "a filled column": ("alter table shop.items drop note", "column shop.items.note (filled in 2 rows)"),
    "a delete": ("delete from shop.items where item_id > 1", "2 rows of shop.items"),
    "a truncate": ("truncate shop.items", "3 rows of shop.items"),
    "a delete of two versions": (
        "delete from shop.items where item_id = 1; delete from shop.items where item_id = 2",
        "2 rows of shop.items",
    ),
    "a schema": (
        "drop schema shop cascade",
        "shop.items (3 rows), shop.moves (2 rows), shop.twice (1 row)",
    ),
}
KEPT = {
    "an empty table": "create table shop.more (a int); drop table shop.more",
    "an empty column": "alter table shop.items add more text; alter table shop.items drop more",
    "a generated column": "alter table shop.twice drop two",
    "a rewrite": "alter table shop.items alter item_id type numeric",
    "a column's new name": "alter table shop.items rename note to remark",
    "an update": "update shop.items set note = 'x'",
}


@pytest.fixture
def filled(rig: Rig) -> Rig:
    rig.migrate(SHOP)
    with rig.connect() as connection:
        connection.execute(FILL)
    return rig


def rows(rig: Rig) -> int:
    count = "(select count(*) from shop.{})"
    return int(rig.value(f"select {' + '.join(count.format(t) for t in ('items', 'moves', 'twice'))}"))


@pytest.mark.parametrize("way", WAYS)
def test_migrate_takes_rows_with_a_yes_only(filled: Rig, way: str) -> None:
    """Fault 3. It dropped tables with rows, filled columns and partitions without a word."""
    text, named = WAYS[way]
    step = versioned("0002_less", f"{text};", "select 1;")
    with pytest.raises(DotbaseError) as caught:
        filled.migrate(SHOP, step)
    assert caught.value.sentence == (
        f"this migrate would drop {named}; look at it with `dotbase plan`, and add --yes if it is meant."
    )
    assert rows(filled) == 6
    assert filled.migrate(SHOP, step, confirmed=True).versions == ["shop.0002_less"]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "a schema"])
def test_rollback_takes_rows_with_a_yes_only(filled: Rig, way: str) -> None:
    """Fault 3. No yes was asked for a partition, a filled column and a delete."""
    text, named = WAYS[way]
    step = versioned("0002_more", "select 1;", f"{text};")
    filled.migrate(SHOP, step)
    with pytest.raises(DotbaseError) as caught:
        filled.rollback(SHOP, step, confirmed=False)
    assert caught.value.sentence.startswith(f"this rollback would drop {named}; ")
    assert rows(filled) == 6
    assert filled.rollback(SHOP, step).versions == ["shop.0002_more"]


@pytest.mark.parametrize("way", KEPT)
def test_what_loses_no_row_needs_no_yes(filled: Rig, way: str) -> None:
    """Fault 3. What is empty, derived or only written anew is no loss."""
    step = versioned("0002_same", f"{KEPT[way]};", "select 1;")
    assert filled.migrate(SHOP, step).versions == ["shop.0002_same"]
    assert rows(filled) == 6


def test_a_step_outside_of_a_transaction_takes_rows_with_a_yes_only(migrator: str, filled: Rig) -> None:
    """Fault 3. Behind a boundary as before it."""
    step = versioned("0002_less", "drop table shop.items;", "select 1;", boundary="less", transactional=False)
    with pytest.raises(DotbaseError, match=r"this migrate would drop shop.items \(3 rows\); "):
        filled.migrate(SHOP, step, user=migrator)
    assert rows(filled) == 6
    assert filled.migrate(SHOP, step, user=migrator, confirmed=True).versions == ["shop.0002_less"]


def _index(number: str) -> Step:
    return versioned(
        f"{number}_index",
        "create index concurrently items_note_idx on shop.items (note);",
        "drop index concurrently shop.items_note_idx;",
        boundary="index",
        transactional=False,
    )


def test_the_plan_of_a_rollback_lists_what_no_transaction_holds(filled: Rig) -> None:
    """Fault 2. It said that there was nothing to do, and the rollback undid one."""
    index = _index("0002")
    last = versioned("0003_more", "alter table shop.items add more int;", "alter table shop.items drop more;")
    filled.migrate(SHOP, index)
    assert filled.dry_run(SHOP, index)[0].versions == ["shop.0002_index"]
    filled.migrate(SHOP, index, last)
    undone, lost = filled.dry_run(SHOP, index, last, count=2)
    assert undone.versions == ["shop.0003_more", "shop.0002_index"]
    assert not lost
    assert filled.value("select to_regclass('shop.items_note_idx') is not null")
    assert filled.rollback(SHOP, index, last, count=2, confirmed=False).versions == undone.versions


def test_the_plan_of_a_rollback_counts_what_goes_outside_of_a_transaction(migrator: str, filled: Rig) -> None:
    """Faults 2 and 3."""
    step = versioned("0002_more", "select 1;", "truncate shop.items;", boundary="more", transactional=False)
    filled.migrate(SHOP, step, user=migrator)
    lost = filled.dry_run(SHOP, step, user=migrator)[1]
    assert [str(loss) for loss in lost.rows] == ["3 rows of shop.items"]
    with pytest.raises(DotbaseError, match=r"would drop 3 rows of shop\.items; "):
        filled.rollback(SHOP, step, confirmed=False, user=migrator)


def test_what_goes_of_an_empty_database_the_versions_have_put_there(rig: Rig) -> None:
    """Fault 3. Behind a boundary, a fresh database would be asked for a yes to rows of the project's own."""
    seed = versioned("0002_seed", "insert into shop.items values (1);", "select 1;")
    less = versioned("0003_less", "drop table shop.items;", "select 1;", boundary="less")
    assert rig.migrate(SHOP, seed, less).versions == ["shop.0001_shop", "shop.0002_seed", "shop.0003_less"]
