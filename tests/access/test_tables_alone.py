"""Each lock of a table holds when the others are open: a grant by mistake, an owner who bypasses nothing."""

from __future__ import annotations

import pytest
from psycopg import sql

from tests.harness.databases import Database
from tests.harness.declared import PRIVATE, TABLES
from tests.harness.target import only_on_postgres

NEW_OWNER = "dotbase_test_landlord"


@pytest.fixture(scope="module")
def full(filled: Database) -> Database:
    """Every table has rows, or a test that sees none would say nothing."""
    empty = [name for name in TABLES if not filled.value(f"select count(*) from {name}")]
    assert empty == []
    return filled


@pytest.mark.parametrize("table", PRIVATE)
@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_grant_by_mistake_shows_no_row_of_a_table_without_lines(
    full: Database, table: str, role: str
) -> None:
    schema = table.partition(".")[0]
    with full.owner.transaction(force_rollback=True):
        full.owner.execute(f"grant usage on schema {schema} to {role}".encode())
        full.owner.execute(f"grant select on {table} to {role}".encode())
        full.owner.execute(f"set local role {role}".encode())
        assert full.value(f"select count(*) from {table}") == 0


@pytest.mark.parametrize("table", PRIVATE)
def test_nor_does_a_policy_that_somebody_adds_by_mistake(full: Database, table: str) -> None:
    schema = table.partition(".")[0]
    with full.owner.transaction(force_rollback=True):
        full.owner.execute(f"grant usage on schema {schema} to anon".encode())
        full.owner.execute(f"grant select on {table} to anon".encode())
        full.owner.execute(f"create policy mistake on {table} using (true)".encode())
        full.owner.execute("set local role anon")
        assert full.value(f"select count(*) from {table}") == 0


@only_on_postgres("the owner there is nobody's to change")
@pytest.mark.parametrize("table", [*TABLES, "test_clock.moved_clock"])
def test_an_owner_who_does_not_bypass_row_level_security_sees_nothing(full: Database, table: str) -> None:
    schema, name = (sql.Identifier(part) for part in table.split("."))
    owner = sql.Identifier(NEW_OWNER)
    with full.owner.transaction(force_rollback=True):
        execute = full.owner.execute
        execute(sql.SQL("create role {}").format(owner))
        execute(sql.SQL("grant usage on schema {} to {}").format(schema, owner))
        execute(sql.SQL("alter table {}.{} owner to {}").format(schema, name, owner))
        execute(sql.SQL("set local role {}").format(owner))
        assert full.value(f"select count(*) from {table}") == 0
