"""The clock: real and free of cost in production, movable by nobody but a test's superuser."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.conftest import rendered
from tests.harness.databases import Database
from tests.harness.refusals import refused, rolled_back
from tests.harness.target import CRON_ALONE, OWNER

CLOCK = "functions/core/clock.sql"
CLIENTS = ["anon", "authenticated", "service_role", "authenticator", *CRON_ALONE]
SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture
def real_clock(db: Database) -> Database:
    """A database in which the templates' real clock took the movable one's place."""
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute(rendered(clock="real")[CLOCK].sql.encode())
    return db


def plan(db: Database, query: str) -> str:
    rows = db.rows(f"explain (verbose, costs off) {query}")
    return "\n".join(row["QUERY PLAN"] for row in rows)


def test_business_time_is_the_transactions_start(real_clock: Database) -> None:
    assert real_clock.value("select core.now() = now()")


def test_the_clock_on_the_wall_goes_on_in_a_transaction(real_clock: Database) -> None:
    with real_clock.owner.transaction():
        real_clock.owner.execute("select now()")
        assert real_clock.value("select core.wall_clock() > core.now()")
        query = "select core.wall_clock() between statement_timestamp() and clock_timestamp()"
        assert real_clock.value(query)


def test_the_real_clock_costs_no_function_call(real_clock: Database) -> None:
    moved = plan(real_clock, "select core.now(), core.business_day()")
    assert "core." not in moved
    assert "now()" in moved
    rows = plan(
        real_clock, "select core.business_day(s.at) from jobs.runs as r, lateral (select r.slot_at) s(at)"
    )
    assert "core." not in rows


def test_a_real_clock_has_nothing_left_to_move(real_clock: Database) -> None:
    assert real_clock.value("select to_regnamespace('test_clock')") is None


def test_a_moved_clock_stands_for_all_sessions_until_it_is_moved_again(db: Database) -> None:
    moved = datetime(2025, 2, 28, 15, tzinfo=UTC)
    db.clock(moved)
    with db.server.connect(db.name) as other:
        assert other.execute("select core.now(), core.business_day()").fetchone() == (moved, date(2025, 3, 1))
    db.clock(None)
    assert db.value("select core.now() = now()")


@pytest.mark.parametrize("role", CLIENTS)
@pytest.mark.parametrize(
    "statement",
    [
        "update test_clock.moved_clock set moved_to = '2030-01-01'",
        "insert into test_clock.moved_clock (moved_to) values ('2030-01-01')",
        "delete from test_clock.moved_clock",
        "truncate test_clock.moved_clock",
        "select moved_to from test_clock.moved_clock",
        "create or replace function core.now() returns timestamptz return '2030-01-01'",
    ],
)
def test_no_client_role_moves_or_sees_the_clock(role: str, statement: str, module_db: Database) -> None:
    with refused("42501"), rolled_back(module_db.owner, role):
        module_db.owner.execute(statement.encode())


def test_no_setting_of_a_session_moves_the_clock(module_db: Database) -> None:
    with rolled_back(module_db.owner, "authenticated"):
        for name in ("test.now", "core.now", "request.now", "dotbase.now"):
            module_db.owner.execute("select set_config(%s, '2030-01-01', true)", [name])
        module_db.owner.execute(f"set local role {OWNER}".encode())
        assert module_db.value("select core.now() = now()")


def day_of(db: Database, at: datetime) -> object:
    return db.value("select core.business_day(%s)", at)


def test_a_business_day_begins_at_midnight_in_seoul_to_the_microsecond(module_db: Database) -> None:
    midnight = datetime(2025, 1, 5, tzinfo=SEOUL)
    assert day_of(module_db, midnight - timedelta(microseconds=1)) == date(2025, 1, 4)
    assert day_of(module_db, midnight) == date(2025, 1, 5)
    assert day_of(module_db, midnight + timedelta(hours=24) - timedelta(microseconds=1)) == date(2025, 1, 5)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_the_zone_of_the_session_does_not_change_the_business_day(zone: str, db: Database) -> None:
    db.clock("2025-01-05 00:00")
    db.owner.execute("select set_config('timezone', %s, false)", [zone])
    assert db.value("select core.business_day()") == date(2025, 1, 5)


@given(at=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_business_day_is_the_date_on_a_clock_in_seoul(at: datetime, module_db: Database) -> None:
    assert day_of(module_db, at) == at.astimezone(SEOUL).date()


def test_the_real_clock_cannot_be_moved_even_by_the_tests_own_fixture(real_clock: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        real_clock.clock("2025-01-05 00:00")
