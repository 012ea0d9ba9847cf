"""Plan tells the rows that migrate would take, and tries nothing in the live database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.generator.shop import POLICIES, make_shop
from tests.generator.small import Said, dotbase, write
from tests.harness.server import Server

Shop = tuple[Path, Rig]
BAGS = """create table shop.bags (bag_id integer primary key, note text, empty text);
create table shop.days (day date not null, bag_id integer) partition by range (day);
create table shop.days_2026 partition of shop.days for values from ('2026-01-01') to ('2027-01-01');
"""
FILL = """insert into shop.bags values (1, 'a'), (2, null);
insert into shop.days values ('2026-05-05', 1), ('2026-06-06', 2), ('2026-07-07', 2);
"""
YES = "Rows go with `dotbase migrate --yes` only."
# What a pending version says, and what the plan tells of it.
PLANNED = {
    "drop table shop.bags": ["These tables would go:", "  shop.bags (2 rows)"],
    "drop table shop.days_2026": ["These tables would go:", "  shop.days_2026 (3 rows)"],
    "drop table shop.days": ["These tables would go:", "  shop.days (3 rows)"],
    "alter table shop.bags drop column note": [
        "No table would go.",
        "These rows would go:",
        "  column shop.bags.note (filled in 1 row)",
    ],
    "delete from shop.bags where bag_id > 1; Delete From only Shop.\"bags\" as b where b.note = 'a'": [
        "No table would go.",
        "These rows would go:",
        "  2 rows of shop.bags",
    ],
    "truncate table shop.days, shop.bags cascade": [
        "No table would go.",
        "These rows would go:",
        "  3 rows of shop.days",
        "  2 rows of shop.bags",
    ],
    "delete from shop.days; drop table shop.days": ["These tables would go:", "  shop.days (3 rows)"],
}
UNCOUNTED = (
    "delete from shop.bags as b using shop.days as d where d.bag_id = b.bag_id",
    "with gone as (delete from shop.bags returning 1) insert into shop.days select '2026-01-01' from gone",
    "do $$ begin delete from shop.bags; end $$",
)
LOSSLESS = (
    "delete from shop.bags where bag_id > 99",
    "create table shop.more (a int); delete from shop.more; drop table shop.more",
    "alter table shop.bags drop column empty",
    "comment on table shop.bags is 'delete from shop.bags'",
)


@pytest.fixture(scope="module")
def shop(
    server: Server, maintenance: psycopg.Connection[Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A migrated shop with rows in two tables."""
    project = make_shop(tmp_path_factory.mktemp("shop"))
    write(project, "schema/shop/0003_bags.sql", BAGS)
    write(project, "schema/shop/0003_bags.rollback.sql", "drop table shop.days, shop.bags;\n")
    write(project, "policies/shop.yaml", policies("bags", "days"))
    with new_database(server, maintenance) as rig:
        said = run((project, rig), "migrate")
        assert said.code == 0, said.err
        with rig.connect() as connection:
            connection.execute(FILL)
        yield project, rig


def policies(*tables: str) -> str:
    return POLICIES.replace(
        "  moves: []\n", "  moves: []\n" + "".join(f"  {table}: []\n" for table in tables)
    )


def run(shop: Shop, *words: str) -> Said:
    project, rig = shop
    return dotbase(project, "--database-url", rig.server.conninfo(rig.name), *words)


def plan(shop: Shop, text: str, *options: str) -> str:
    """What the plan says of one more version."""
    project, rig = shop
    write(project, "schema/shop/0004_less.sql", f"{text};\n")
    write(project, "schema/shop/0004_less.rollback.sql", "select 1;\n")
    staying = [table for table in ("bags", "days") if not text.endswith(f"drop table shop.{table}")]
    write(project, "policies/shop.yaml", policies(*staying))
    before = rig.catalog()
    said = run(shop, "plan", *options)
    assert (said.code, said.err) == (2, "")
    assert rig.catalog() == before
    assert rig.value("select (select count(*) from shop.bags) + (select count(*) from shop.days)") == 5
    return said.out


@pytest.mark.parametrize("text", PLANNED)
def test_plan_says_how_many_rows_would_go(shop: Shop, text: str) -> None:
    """Fault 3. Migrate refuses and says to look at the plan, which told no count."""
    lines = plan(shop, text).splitlines()
    at = lines.index(PLANNED[text][0])
    assert lines[at : at + len(PLANNED[text]) + 1] == [*PLANNED[text], YES]
    said = run(shop, "migrate")
    assert said.code == 1
    assert all(line.strip() in said.err for line in PLANNED[text] if line.startswith("  ")), said.err


def test_the_plan_says_so_to_a_program(shop: Shop) -> None:
    """Fault 3."""
    found = json.loads(plan(shop, "alter table shop.bags drop note; drop table shop.days", "--json"))
    assert found["tables"] == [{"table": "shop.days", "rows": 3}]
    assert found["rows"] == [{"of": "column", "name": "shop.bags.note", "rows": 1}]


@pytest.mark.parametrize("text", UNCOUNTED)
def test_what_only_running_it_would_tell_is_said_to_be_so(shop: Shop, text: str) -> None:
    """Fault 3. The count of `migrate` is there before anything is lost."""
    place = "schema/shop/0004_less.sql:1"
    assert f"Note: {place} deletes rows; how many, migrate counts before it asks for --yes.\n" in plan(
        shop, text
    )
    said = run(shop, "migrate")
    assert (said.code, "2 rows of shop.bags" in said.err) == (1, True), said.err


@pytest.mark.parametrize("text", LOSSLESS)
def test_nothing_is_said_where_no_row_goes(shop: Shop, text: str) -> None:
    """Fault 3."""
    said = plan(shop, text)
    assert "would go" not in said
    assert YES not in said
    assert "deletes rows" not in said
