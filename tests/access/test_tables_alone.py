"""Each lock of a table holds when the others are open: a grant by mistake, an owner who bypasses nothing."""

from __future__ import annotations

import pytest
from psycopg import sql

from dotbase.render.declarations import policies
from tests.access.world import PROJECT
from tests.harness.databases import Database
from tests.harness.people import walker
from tests.harness.target import only_on_postgres
from tests.luckywalk.weeks import WEEK, open_week

TABLES = {
    f"{one.app}.{table}": bool(rights)
    for one in policies.of(PROJECT)
    for table, rights in one.policies.tables.items()
}
SHUT = [name for name, open_to_somebody in TABLES.items() if not open_to_somebody]
NEW_OWNER = "dotbase_test_landlord"


@pytest.fixture(scope="module")
def filled(lived: Database) -> Database:
    """Every table has rows, or a test that sees none would say nothing."""
    banked = walker(77)
    lived.clock(WEEK.next.next.opens_at)
    open_week(lived, WEEK.next.next)
    assert lived.call(banked, "save_walker_profile", nickname="seventy-seven").ok
    empty = [name for name in TABLES if not lived.value(f"select count(*) from {name}")]
    assert empty == []
    return lived


@pytest.mark.parametrize("table", SHUT)
@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_grant_by_mistake_shows_no_row_of_a_table_without_lines(
    filled: Database, table: str, role: str
) -> None:
    schema = table.partition(".")[0]
    with filled.owner.transaction(force_rollback=True):
        filled.owner.execute(f"grant usage on schema {schema} to {role}".encode())
        filled.owner.execute(f"grant select on {table} to {role}".encode())
        filled.owner.execute(f"set local role {role}".encode())
        assert filled.value(f"select count(*) from {table}") == 0


@pytest.mark.parametrize("table", SHUT)
def test_nor_does_a_policy_that_somebody_adds_by_mistake(filled: Database, table: str) -> None:
    schema = table.partition(".")[0]
    with filled.owner.transaction(force_rollback=True):
        filled.owner.execute(f"grant usage on schema {schema} to anon".encode())
        filled.owner.execute(f"grant select on {table} to anon".encode())
        filled.owner.execute(f"create policy mistake on {table} using (true)".encode())
        filled.owner.execute("set local role anon")
        assert filled.value(f"select count(*) from {table}") == 0


@only_on_postgres("the owner there is nobody's to change")
@pytest.mark.parametrize("table", [*TABLES, "test_clock.moved_clock"])
def test_an_owner_who_does_not_bypass_row_level_security_sees_nothing(filled: Database, table: str) -> None:
    schema, name = (sql.Identifier(part) for part in table.split("."))
    owner = sql.Identifier(NEW_OWNER)
    with filled.owner.transaction(force_rollback=True):
        execute = filled.owner.execute
        execute(sql.SQL("create role {}").format(owner))
        execute(sql.SQL("grant usage on schema {} to {}").format(schema, owner))
        execute(sql.SQL("alter table {}.{} owner to {}").format(schema, name, owner))
        execute(sql.SQL("set local role {}").format(owner))
        assert filled.value(f"select count(*) from {table}") == 0
