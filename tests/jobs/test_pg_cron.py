"""pg_cron kept in step with what is declared; the launcher itself fires once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dotbase.migrate.removal import remove_declaration
from tests.generator.small import dotbase
from tests.harness.clones import Clones
from tests.harness.databases import Database
from tests.harness.refusals import refused
from tests.harness.server import ROOT, Server
from tests.harness.target import CRON, OWNER, SUPABASE
from tests.jobs.live import ARMED, live_database, migrate_live
from tests.jobs.shop import declare, job

LINES = "select jobname, schedule, command, username, database, active from cron.job order by jobname"
BEGAN = datetime.now(UTC)  # this run of the tests, or this worker of it
SECONDS_UNTIL_FIRED = 130.0  # a minute begins within 60; a test that switched all off may have cost one


@pytest.fixture
def live(server: Server, clones: Clones, pg_cron: None) -> Iterator[Database]:
    """pg_cron's database; what a test declares is gone after it, and schedules are live."""
    with live_database(server, clones) as database:
        yield database
        declare(database.owner, app="sync")
        database.owner.execute("select jobs.set_live(true)")


def lines(live: Database) -> dict[str, dict[str, Any]]:
    return {row["jobname"]: row for row in live.rows(LINES)}


def schedules(live: Database) -> dict[str, str]:
    """The tests' own lines."""
    return {name: line["schedule"] for name, line in lines(live).items() if name.startswith("sync_")}


def sync(live: Database, **schedule_by_name: str) -> None:
    declare(
        live.owner,
        *[job(f"sync_{name}", gmt_schedule=gmt) for name, gmt in schedule_by_name.items()],
        app="sync",
    )


def test_a_declared_job_is_armed_on_pg_cron(live: Database) -> None:
    assert lines(live)[ARMED] == {
        "jobname": ARMED,
        "schedule": "* * * * *",
        "command": f"call jobs.run('{ARMED}')",
        "username": CRON,
        "database": live.name,
        "active": True,
    }


def test_the_apps_own_jobs_are_live_in_gmt(live: Database) -> None:
    declared = {
        r["job_name"]: r["gmt_schedule"] for r in live.rows("select * from jobs.jobs where app = 'luckywalk'")
    }
    assert declared["create_new_round"] == "30 3 * * 0"
    assert {name: lines(live)[name]["schedule"] for name in declared} == declared


def test_every_line_is_one_call_of_one_statement_without_a_key(live: Database) -> None:
    for name, line in lines(live).items():
        duty = name in ("watch", "catch_up")
        assert line["command"] == (f"call jobs.{name}()" if duty else f"call jobs.run('{name}')")
        assert line["username"] == CRON


def test_lines_are_added_changed_renamed_and_removed_with_the_declaration(live: Database) -> None:
    sync(live, a="0 1 * * *", b="0 2 * * *")
    assert schedules(live) == {"sync_a": "0 1 * * *", "sync_b": "0 2 * * *"}
    sync(live, a="0 1 * * *", b="0 3 * * *")
    assert schedules(live) == {"sync_a": "0 1 * * *", "sync_b": "0 3 * * *"}
    sync(live, a="0 1 * * *", c="0 3 * * *")
    assert schedules(live) == {"sync_a": "0 1 * * *", "sync_c": "0 3 * * *"}
    sync(live)
    assert schedules(live) == {}


def test_a_declaration_that_did_not_change_leaves_its_line_alone(live: Database) -> None:
    sync(live, a="0 1 * * *")
    query = "select jobid from cron.job where jobname = 'sync_a'"
    before = live.value(query)
    sync(live, a="0 1 * * *", b="0 2 * * *")
    assert live.value(query) == before


def test_a_job_declared_disabled_has_no_line(live: Database) -> None:
    declare(live.owner, job("sync_off", enabled=False), app="sync")
    assert schedules(live) == {}
    declare(live.owner, job("sync_off", enabled=True), app="sync")
    assert schedules(live).keys() == {"sync_off"}


def test_a_job_that_a_person_switched_off_stays_off_through_migrations(live: Database) -> None:
    sync(live, a="0 1 * * *", b="0 2 * * *")
    assert live.value("select jobs.set_enabled('sync_a', false)") is True
    assert schedules(live).keys() == {"sync_b"}
    sync(live, a="0 5 * * *", b="0 2 * * *")
    assert schedules(live).keys() == {"sync_b"}
    live.owner.execute("select jobs.set_enabled('sync_a', true)")
    assert schedules(live) == {"sync_a": "0 5 * * *", "sync_b": "0 2 * * *"}


def test_a_job_that_is_not_there_cannot_be_switched(live: Database) -> None:
    with refused("job_not_found"):
        live.owner.execute("select jobs.set_enabled('sync_none', false)")


def test_the_main_switch_takes_every_line_off_and_puts_them_back(live: Database) -> None:
    sync(live, a="0 1 * * *")
    before = {name: line["schedule"] for name, line in lines(live).items()}
    assert live.value("select jobs.set_live(false)") is True
    assert lines(live) == {}
    sync(live, a="0 1 * * *", b="0 2 * * *")
    assert lines(live) == {}
    live.owner.execute("select jobs.set_live(true)")
    now = {name: line["schedule"] for name, line in lines(live).items()}
    assert now == {**before, "sync_b": "0 2 * * *"}


def test_a_line_that_somebody_changed_or_removed_by_hand_comes_back(live: Database) -> None:
    sync(live, a="0 1 * * *", b="0 2 * * *")
    live.owner.execute("update cron.job set schedule = '1 1 1 1 1' where jobname = 'sync_a'")
    live.owner.execute("update cron.job set active = false where jobname = 'sync_b'")
    live.owner.execute("select jobs.sync_pg_cron()")
    live.owner.execute("delete from cron.job where jobname = 'sync_b'")
    live.owner.execute("select jobs.sync_pg_cron()")
    assert schedules(live) == {"sync_a": "0 1 * * *", "sync_b": "0 2 * * *"}
    assert all(line["active"] for line in lines(live).values())


def test_what_a_definer_function_switches_is_brought_in_step_by_catch_up(live: Database) -> None:
    """Fault 42. Within one nobody may become pg_cron's role; catch_up is of that role."""
    sync(live, a="0 1 * * *", b="0 2 * * *")
    heard: list[str | None] = []
    with live.server.connect(live.name) as connection:
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        with connection.transaction():
            connection.execute(f"set local role {OWNER}".encode())
            connection.execute(
                "create function shop.switch_off() returns boolean language sql security definer"
                " set search_path = pg_catalog, pg_temp"
                " begin atomic select jobs.set_enabled('sync_a', false); end"
            )
            assert connection.execute("select shop.switch_off()").fetchone() == (True,)
            connection.execute("drop function shop.switch_off()")
    assert len(heard) == (CRON != OWNER)
    with live.as_cron() as session:
        session.execute("call jobs.catch_up(0)")
    assert schedules(live).keys() == {"sync_b"}
    # What a person switched off stays off for the tests that come after this one, too.
    live.owner.execute("select jobs.set_enabled('sync_a', true)")
    sync(live)


def test_a_member_of_the_owner_switches_and_stays_who_he_is(live: Database) -> None:
    """Fault 42. The lines are pg_cron's role's, whoever had them written, and the role is given back."""
    sync(live, a="0 1 * * *")
    with live.server.connect(live.name) as connection, connection.transaction(force_rollback=True):
        if not SUPABASE:
            connection.execute("create role sync_member login in role dotbase_owner")
            connection.execute("set local session authorization sync_member")
        before = connection.execute("select current_user, current_setting('role')").fetchone()
        connection.execute("select jobs.set_enabled('sync_a', false), jobs.set_enabled('sync_a', true)")
        assert connection.execute("select current_user, current_setting('role')").fetchone() == before
        query = "select username from cron.job where jobname = 'sync_a'"
        if not SUPABASE:
            connection.execute("set local session authorization default")
        assert connection.execute(query).fetchall() == [(CRON,)]


def test_lines_of_others_are_none_of_our_business(live: Database) -> None:
    live.owner.execute("select cron.schedule('vacuum of the dba', '0 4 * * *', 'vacuum')")
    with live.as_cron() as cron:
        cron.execute("select cron.schedule('by hand', '0 4 1 1 *', 'select 1')")
    try:
        sync(live, a="0 1 * * *")
        live.owner.execute("select jobs.set_live(false)")
        assert lines(live).keys() == {"vacuum of the dba", "by hand"}
    finally:
        live.owner.execute("select cron.unschedule(jobid) from cron.job where jobname like '% %'")


def test_where_there_is_no_pg_cron_schedules_are_declared_and_not_live(db: Database) -> None:
    declare(db.owner, job("sync_a"), app="sync")
    assert db.value("select jobs.set_live(true)") is False
    assert db.value("select jobs.sync_pg_cron()") is False
    assert db.value("select count(*) from jobs.declared_lines() where line_name = 'sync_a'") == 1


def all_lines(live: Database) -> set[str]:
    return {name for name, line in lines(live).items() if line["command"].startswith("call jobs.")}


def unschedule(live: Database) -> None:
    live.owner.execute("select cron.unschedule(jobid) from cron.job where command like 'call jobs.%'")
    assert all_lines(live) == set()


def test_whoever_migrates_brings_pg_crons_lines(live: Database) -> None:
    """Also a superuser, within whose confinement nobody may become pg_cron's role."""
    before = all_lines(live)
    assert {"watch", "catch_up", ARMED} <= before
    unschedule(live)
    live.owner.execute("update dotbase.repeatables set sha = 'another' where key = 'cron/jobs.yaml'")
    assert migrate_live(live).repeatables
    assert all_lines(live) == before
    assert {line["username"] for line in lines(live).values()} == {CRON}


def test_whoever_removes_a_declaration_takes_its_lines_away(live: Database) -> None:
    """Also a superuser."""
    sync(live, one="* * * * *")
    with live.server.connect(live.name) as connection, connection.transaction():
        connection.execute(f"set local role {OWNER}".encode())
        remove_declaration(connection, "cron/sync.yaml", "sync", keep_settings=False)
    assert schedules(live) == {}


def test_whoever_switches_all_on_brings_pg_crons_lines(live: Database) -> None:
    """Also a superuser: without a line, catch_up would never run to make any."""
    before = all_lines(live)
    for words, found in (("disable", set()), ("enable", before)):
        said = dotbase(ROOT, "--database-url", live.server.conninfo(live.name), "jobs", words, "--all")
        assert said.code == 0, said.err
        assert all_lines(live) == found


def test_the_launcher_has_fired_the_armed_job(server: Server, clones: Clones, pg_cron: None) -> None:
    """Armed by the first test of all and looked at by the last, so that nobody waits for a minute."""
    deadline = time.monotonic() + SECONDS_UNTIL_FIRED
    while True:
        with live_database(server, clones) as live:
            fired = live.rows("select * from shop.firings where fired_at > %s", BEGAN)
            runs = live.rows("select * from jobs.runs where job_name = %s and started_at > %s", ARMED, BEGAN)
            if fired and all(run["status"] == "succeeded" for run in runs):
                live.owner.execute("select jobs.set_live(false)")
                break
        assert time.monotonic() < deadline, "pg_cron has not fired"
        time.sleep(1)
    assert {firing["logged_in_as"] for firing in fired} == {CRON}
    assert {run["trigger"] for run in runs} == {"schedule"}
    assert len({run["slot_at"] for run in runs}) == len(runs)
    assert all(run["slot_at"].second == 0 for run in runs)
