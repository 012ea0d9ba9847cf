"""Partitions by month: made once whoever comes first, and closed to all who bypass the parent."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from tests.harness.databases import Database
from tests.harness.refusals import refused, rolled_back
from tests.harness.server import ROOT
from tests.harness.target import CRON_ALONE

PARENT = "luckywalk.daily_progress"


def ensure_month(db: Database, day: date) -> object:
    return db.value("select core.ensure_month(%s::regclass, %s)", PARENT, day)


def bounds(db: Database, partition: str) -> object:
    return db.value("select pg_get_expr(relpartbound, oid) from pg_class where oid = %s::regclass", partition)


@pytest.mark.parametrize("day", [date(2031, 2, 1), date(2031, 2, 15), date(2031, 2, 28)])
def test_any_day_of_a_month_makes_the_whole_month(day: date, module_db: Database) -> None:
    with rolled_back(module_db.owner):
        assert ensure_month(module_db, day) is True
        assert bounds(module_db, "luckywalk.daily_progress_2031_02") == (
            "FOR VALUES FROM ('2031-02-01') TO ('2031-03-01')"
        )


def test_a_month_that_is_there_is_left_alone(module_db: Database) -> None:
    with rolled_back(module_db.owner):
        assert ensure_month(module_db, date(2031, 12, 31)) is True
        assert ensure_month(module_db, date(2031, 12, 1)) is False


def test_a_new_partition_has_row_security_forced_and_no_grant(module_db: Database) -> None:
    with rolled_back(module_db.owner):
        ensure_month(module_db, date(2031, 3, 1))
        [partition] = module_db.rows(
            "select relrowsecurity, relforcerowsecurity, relacl::text, "
            "(select string_agg(polname, ' ') from pg_policy where polrelid = c.oid) as policies "
            "from pg_class as c where oid = 'luckywalk.daily_progress_2031_03'::regclass"
        )
        assert (partition["relrowsecurity"], partition["relforcerowsecurity"]) == (True, True)
        assert partition["policies"] == "nobody"
        grantees = partition["relacl"] or ""
        assert not any(role in grantees for role in ("anon", "authenticated", "service_role", "{=", ",="))


def test_every_partition_of_the_apps_has_row_security_forced(db: Database) -> None:
    db.clock("2025-01-05 12:30")
    db.run_job("make_partitions")
    db.run_job("create_new_round")
    partitions = db.rows(
        "select c.oid::regclass::text as name, relrowsecurity and relforcerowsecurity as closed "
        "from pg_class as c where c.relispartition and c.relkind = 'r'"
    )
    assert partitions
    assert [p["name"] for p in partitions if not p["closed"]] == []


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", *CRON_ALONE])
def test_nobody_reads_a_partition_past_its_parent(role: str, module_db: Database) -> None:
    with refused("42501"), rolled_back(module_db.owner):
        ensure_month(module_db, date(2031, 3, 1))
        module_db.owner.execute(f"set local role {role}".encode())
        module_db.owner.execute("select * from luckywalk.daily_progress_2031_03")


def test_two_sessions_that_race_make_one_partition(db: Database) -> None:
    query = "select core.ensure_month('luckywalk.daily_progress', '2032-05-01')"
    with (
        db.server.connect(db.name) as first,
        db.server.connect(db.name) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute("begin")
        assert first.execute(query.encode()).fetchone() == (True,)
        waiting = pool.submit(lambda: second.execute(query.encode()).fetchone())
        pid = second.info.backend_pid
        while not db.value("select wait_event_type = 'Lock' from pg_stat_activity where pid = %s", pid):
            assert not waiting.done(), waiting.result()
        first.execute("commit")
        assert waiting.result(timeout=10) == (False,)
    assert bounds(db, "luckywalk.daily_progress_2032_05")


def test_many_sessions_that_race_make_one_partition(db: Database) -> None:
    def act(number: int) -> object:
        with db.server.connect(db.name) as session:
            row = session.execute("select core.ensure_month('luckywalk.claims', '2032-06-01')").fetchone()
            assert row is not None
            return row[0]

    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(act, range(12)))
    assert sorted(map(bool, made)) == [False] * 11 + [True]


def test_a_name_that_needs_quotes_has_its_months_too(module_db: Database) -> None:
    table = 'luckywalk."Odd steps"'
    with rolled_back(module_db.owner):
        module_db.owner.execute(f"create table {table} (day date not null) partition by range (day)".encode())
        made = [
            module_db.value("select core.ensure_month(%s::regclass, '2031-02-09')", table) for _ in range(2)
        ]
        assert made == [True, False]
        assert bounds(module_db, 'luckywalk."Odd steps_2031_02"')


def test_a_partition_that_is_there_is_not_made_again(module_db: Database) -> None:
    create = "select core.create_partition('luckywalk.tickets', 'tickets_9', 'in (9)')::text"
    with rolled_back(module_db.owner):
        assert [module_db.value(create) for _ in range(2)] == ["luckywalk.tickets_9", None]
        assert bounds(module_db, "luckywalk.tickets_9") == "FOR VALUES IN (9)"


def test_a_detached_partition_is_closed_before_anything_is_in_it(module_db: Database) -> None:
    with rolled_back(module_db.owner):
        name = module_db.value(
            "select core.create_detached_partition('luckywalk.results_user', 'results_user_9')::text"
        )
        assert name == "luckywalk.results_user_9"
        [table] = module_db.rows(
            "select relrowsecurity and relforcerowsecurity as closed, relispartition "
            "from pg_class where oid = %s::regclass",
            name,
        )
        assert table == {"closed": True, "relispartition": False}
        module_db.owner.execute(
            "select core.attach_partition('luckywalk.results_user', %s::regclass, 'in (9)')", [name]
        )
        assert bounds(module_db, name) == "FOR VALUES IN (9)"


def test_one_file_says_how_partitions_are_made() -> None:
    makes = re.compile(r"\bcreate table [^;]*\(like |\battach partition ", re.IGNORECASE)
    makers = [
        str(p.relative_to(ROOT)) for p in (ROOT / "functions").rglob("*.sql*") if makes.search(p.read_text())
    ]
    assert makers == ["functions/core/partitions.sql"]
