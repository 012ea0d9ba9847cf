"""The doctor: what can be wrong is brought about, found with what fixes it, and gone when fixed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.harness.bouncer import process_of
from tests.harness.clones import Clones
from tests.harness.databases import ZONE, Database
from tests.harness.refusals import rolled_back
from tests.harness.server import Server
from tests.harness.target import OWNER, only_on_postgres
from tests.jobs.live import live_database
from tests.jobs.shop import declare, job, past_the_guards, stock

NINE = datetime(2025, 1, 6, 9, tzinfo=ZONE)
SECRET = "select core.set_secret('pg_secret', 'x')"
Findings = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def prepared(module_db: Database) -> Database:
    """The tests' functions and one job, live and watched, at Monday, 6 January 2025, 09:30 in Seoul."""
    stock(module_db)
    module_db.clock("2025-01-06 09:30")
    module_db.owner.execute("select jobs.set_live(true)")
    declare(module_db.owner, job("work", routine="shop.work"))
    module_db.owner.execute("select jobs.record_heartbeat('watch')")
    module_db.owner.execute("select jobs.record_heartbeat('catch_up')")
    return module_db


@pytest.fixture
def shop(prepared: Database) -> Iterator[Database]:
    """The same; what the test does is taken back."""
    with rolled_back(prepared.owner):
        yield prepared


@pytest.fixture
def live(server: Server, clones: Clones) -> Iterator[Database]:
    """pg_cron's database, watched."""
    with live_database(server, clones) as database:
        database.owner.execute("select jobs.record_heartbeat('watch'), jobs.record_heartbeat('catch_up')")
        yield database
        database.owner.execute("select jobs.set_live(true)")
        database.owner.execute("select jobs.sync_pg_cron()")


def findings(db: Database, function: str = "doctor") -> Findings:
    """What the doctor says, by what it found."""
    return {row["finding"]: row for row in db.rows(f"select * from jobs.{function}()")}


def about_jobs(shop: Database) -> Findings:
    return findings(shop, "job_findings")


def ended(shop: Database, hour: int, status: str, attempt: str = "", reason: str = "no luck") -> None:
    """A run of the slot at this hour that has ended so, with one attempt a minute ago for each hour back."""
    with past_the_guards(shop):
        run = shop.value(
            "insert into jobs.runs (job_name, slot_at, status, trigger, started_at, finished_at, reason)"
            " values ('work', %s, %s, 'schedule', now(), clock_timestamp(), %s) returning run_id",
            NINE + timedelta(hours=hour),
            status,
            reason,
        )
        shop.owner.execute(
            "insert into jobs.attempts (run_id, attempt_no, status, started_at, finished_at, server_process)"
            " values (%s, 1, %s, now() + %s, now() + %s, 0)",
            [run, attempt or status, timedelta(minutes=hour), timedelta(minutes=hour, seconds=1)],
        )


def test_a_job_that_is_well_is_not_spoken_of(shop: Database) -> None:
    ended(shop, 0, "succeeded")
    assert about_jobs(shop) == {}


def test_the_main_switch_is_off(shop: Database) -> None:
    shop.owner.execute("select jobs.set_live(false)")
    assert findings(shop)["the main switch is off"]["remedy"] == "dotbase jobs enable --all"
    shop.owner.execute("select jobs.set_live(true)")
    assert "the main switch is off" not in findings(shop)


@pytest.mark.parametrize(
    ("name", "finding", "tolerated_minutes"),
    [("watch", "nobody watches", 2), ("catch_up", "nobody catches up", 3)],
)
def test_nobody_has_been_alive_for_too_long(
    name: str, finding: str, tolerated_minutes: int, shop: Database
) -> None:
    age = "update jobs.heartbeats set heartbeat_at = clock_timestamp() - %s where name = %s"
    shop.owner.execute(age, [timedelta(minutes=tolerated_minutes, seconds=-1), name])
    assert findings(shop, "heartbeat_findings") == {}
    shop.owner.execute(age, [timedelta(minutes=tolerated_minutes), name])
    assert "was last alive at" in findings(shop)[finding]["detail"]
    shop.owner.execute("delete from jobs.heartbeats where name = %s", [name])
    assert "has never run" in findings(shop)[finding]["detail"]
    shop.owner.execute("select jobs.set_live(false)")
    assert finding not in findings(shop), "switched off, nobody needs to"
    shop.owner.execute("select jobs.set_live(true), jobs.record_heartbeat(%s)", [name])
    assert findings(shop, "heartbeat_findings") == {}


def test_a_requirement_is_missing_and_what_the_remedy_says_sets_it(shop: Database) -> None:
    declare(
        shop.owner,
        job("work", required_secrets=["key"], required_settings=["jobs.history_days"]),
    )
    shop.owner.execute("update core.settings set value = 'null' where name = 'jobs.history_days'")
    found = about_jobs(shop)["work is skipped"]
    assert found["detail"] == "missing: secret key, setting jobs.history_days"
    setting_it, _, rest = found["remedy"].partition("; ")
    assert (setting_it, rest.partition(";")[0]) == (
        "select core.set_secret('key', '…')",
        "select core.set_setting('jobs.history_days', '\"…\"')",
    )
    shop.owner.execute(setting_it.encode())
    assert about_jobs(shop)["work is skipped"]["detail"] == "missing: setting jobs.history_days"
    shop.owner.execute(rest.partition(";")[0].replace('"…"', "90").encode())
    assert about_jobs(shop) == {}


def test_three_failures_in_a_row_and_a_success_ends_it(shop: Database) -> None:
    for hour in (-4, -3):
        ended(shop, hour, "failed")
    assert about_jobs(shop) == {}
    ended(shop, -2, "failed", reason="out of luck")
    assert about_jobs(shop)["work fails"]["detail"] == "3 runs in a row: out of luck"
    assert about_jobs(shop)["work fails"]["remedy"] == (
        "dotbase jobs history work; fixed: dotbase jobs run work"
    )
    ended(shop, -1, "succeeded")
    assert about_jobs(shop) == {}


@pytest.mark.parametrize(
    ("batch_limit", "remedy"),
    [
        (500, "lower its batch_limit of 500 in cron/shop.yaml; then dotbase migrate"),
        (None, "let it work in slices, or raise its time_limit, in cron/shop.yaml; then dotbase migrate"),
    ],
)
def test_repeated_time_outs_until_three_attempts_are_well(
    batch_limit: int | None, remedy: str, shop: Database
) -> None:
    declare(shop.owner, job("work", batch_limit=batch_limit))
    ended(shop, -9, "failed", "timed_out")
    assert about_jobs(shop) == {}
    ended(shop, -8, "succeeded")
    ended(shop, -7, "failed", "timed_out")
    found = about_jobs(shop)["work runs out of time"]
    assert (found["detail"], found["remedy"]) == ("longer than 00:01:00, repeatedly", remedy)
    for hour in (-6, -5):
        ended(shop, hour, "succeeded")
        assert "work runs out of time" in about_jobs(shop)
    ended(shop, -4, "succeeded")
    assert about_jobs(shop) == {}


def test_a_backlog_beyond_its_alarm(shop: Database) -> None:
    backlog = {"backlog_query": "select count(*), min(made_at) from shop.effects"}
    declare(shop.owner, job("work", **backlog, backlog_normal=0, backlog_alarm=1))
    shop.owner.execute("insert into shop.effects (caused_by) values ('x')")
    assert about_jobs(shop) == {}
    shop.owner.execute("insert into shop.effects (caused_by) values ('y')")
    assert about_jobs(shop)["work does not keep up"]["detail"].startswith("2 wait, the oldest since 20")
    shop.owner.execute("delete from shop.effects")
    assert about_jobs(shop) == {}


def test_a_backlog_query_that_fails(shop: Database) -> None:
    backlog: dict[str, Any] = {"backlog_normal": 0, "backlog_alarm": 1}
    declare(shop.owner, job("work", backlog_query="select 1 / 0, now()", **backlog))
    found = about_jobs(shop)["work has a backlog query that fails"]
    assert (found["detail"], found["remedy"]) == (
        "division by zero",
        "fix it in cron/shop.yaml; then dotbase migrate",
    )
    declare(shop.owner, job("work", backlog_query="select 1, now() from generate_series(1, 2)", **backlog))
    assert (
        about_jobs(shop)["work has a backlog query that fails"]["detail"]
        == "query returned more than one row"
    )
    declare(shop.owner, job("work", backlog_query="select 1, now()", **backlog))
    assert about_jobs(shop) == {}


def test_a_function_that_is_gone(shop: Database) -> None:
    declare(shop.owner, job("work", routine="shop.gone"))
    assert about_jobs(shop)["work has no function"]["detail"] == "shop.gone is not there"
    declare(shop.owner, job("work"))
    assert about_jobs(shop) == {}


def missed(shop: Database, cause: str, reason: str) -> None:
    shop.owner.execute(
        "insert into jobs.missed_slots"
        " (job_name, first_slot_at, last_slot_at, slots, cause, reason, noted_at)"
        " values ('work', %s, %s, 1, %s, %s, now())",
        [NINE, NINE, cause, reason],
    )


@pytest.mark.parametrize(
    ("cause", "reason"),
    [("down", "too_old"), ("down", "skip"), ("busy", "superseded"), ("not_woken", "too_many")],
)
def test_a_missed_slot_until_somebody_runs_it_as_the_remedy_says(
    cause: str, reason: str, shop: Database
) -> None:
    missed(shop, cause, reason)
    remedy = about_jobs(shop)["work missed slots"]["remedy"]
    assert remedy.endswith("dotbase jobs run work --slot 2025-01-06T00:00:00Z")
    shop.owner.execute("select jobs.trigger_job('work', %s)", [remedy.split()[-1]])
    assert "work missed slots" in about_jobs(shop), "being queued is not having run"
    shop.owner.execute("delete from jobs.runs")
    ended(shop, 0, "succeeded")
    assert about_jobs(shop) == {}


@pytest.mark.parametrize(("cause", "reason"), [("off", "off"), ("down", "superseded")])
def test_what_policy_or_a_person_wanted_missed_is_no_finding(cause: str, reason: str, shop: Database) -> None:
    missed(shop, cause, reason)
    assert about_jobs(shop) == {}


def test_a_missed_slot_is_spoken_of_for_a_day(shop: Database) -> None:
    missed(shop, "down", "too_old")
    shop.clock("2025-01-07 08:59")
    assert about_jobs(shop)
    shop.clock("2025-01-07 09:00")
    assert about_jobs(shop) == {}


@only_on_postgres("pg_cron runs as the owner there")
@pytest.mark.parametrize(
    ("harm", "finding", "detail"),
    [
        ("alter role dotbase_cron nologin", "dotbase_cron may not log in", "pg_cron logs in as this role"),
        (
            "revoke usage on schema jobs from dotbase_cron; "
            "revoke execute on procedure jobs.run(text) from dotbase_cron",
            "dotbase_cron may not run the jobs",
            "it lacks: execute on procedure jobs.run(text), usage on schema jobs",
        ),
        (
            "do $$ begin execute format("
            "'revoke connect on database %I from public, dotbase_cron', current_database()"
            "); end $$; create schema cron; create table cron.job ()",
            "dotbase_cron may not run the jobs",
            "it lacks: connect on database {database}, select on cron.job, usage on schema cron",
        ),
        (
            "revoke dotbase_cron from dotbase_owner",
            "the watcher may not end the jobs' sessions",
            "dotbase_owner is not a member of dotbase_cron",
        ),
    ],
)
def test_a_permission_is_missing_and_the_remedy_gives_it(
    harm: str, finding: str, detail: str, shop: Database
) -> None:
    assert findings(shop, "permission_findings") == {}
    shop.owner.execute(harm.encode())
    found = findings(shop, "permission_findings")
    detail = detail.format(database=shop.name)
    assert {name: f["detail"] for name, f in found.items()} == {finding: detail}
    shop.owner.execute(found[finding]["remedy"].encode())
    assert findings(shop, "permission_findings") == {}


@only_on_postgres("pg_cron runs as the owner there")
@pytest.mark.parametrize(
    ("harm", "detail"),
    [
        ("alter database {database} set statement_timeout = '1s'", "statement_timeout is 1s"),
        ("alter role dotbase_cron set statement_timeout = '30s'", "statement_timeout is 30s"),
        (
            "alter role dotbase_cron in database {database} set default_transaction_read_only = on",
            "default_transaction_read_only is on",
        ),
        ("alter role dotbase_cron set lock_timeout = '30s'", None),
        (
            "alter database {database} set statement_timeout = '1s';"
            " alter role dotbase_cron set statement_timeout = 0",
            None,
        ),
    ],
)
def test_a_limit_that_would_end_the_watcher_is_found_and_the_remedy_takes_it_away(
    harm: str, detail: str | None, shop: Database
) -> None:
    assert findings(shop, "limit_findings") == {}
    shop.owner.execute(harm.format(database=f'"{shop.name}"').encode())
    found = findings(shop, "limit_findings")
    assert [f["detail"] for f in found.values()] == [detail] * (detail is not None)
    for f in found.values():
        shop.owner.execute(f["remedy"].encode())
    assert findings(shop, "limit_findings") == {}


@only_on_postgres("pg_cron runs as the owner there")
@pytest.mark.parametrize("right", ["usage on schema jobs", "usage on schema cron", "select on cron.job"])
def test_a_right_without_which_the_lines_cannot_be_read_is_found(right: str, live: Database) -> None:
    with rolled_back(live.owner):
        live.owner.execute(f"revoke {right} from public, dotbase_cron".encode())
        assert findings(live, "pg_cron_findings")["dotbase_cron may not run the jobs"]["remedy"] == (
            f"grant {right} to dotbase_cron"
        )


def test_pg_cron_is_in_another_database(shop: Database) -> None:
    found = findings(shop)["pg_cron lives in another database"]
    assert found["detail"].endswith(f", this is {shop.name}")
    assert found["remedy"] == f"alter system set cron.database_name = '{shop.name}'; and restart the server"


def test_the_doctor_tells_the_owners_member_as_much(shop: Database) -> None:
    as_superuser = findings(shop)
    shop.owner.execute(f"set local role {OWNER}".encode())
    assert findings(shop) == as_superuser


def test_where_pg_cron_is_and_all_is_well_nothing_is_found(live: Database) -> None:
    about_others = {"armed"}
    for role in ("none", OWNER):
        live.owner.execute(f"set role {role}")
        found = {name for name in findings(live) if name.partition(" ")[0] not in about_others}
        live.owner.execute("reset role")
        assert found == set(), role


def test_lines_that_drifted_are_found_and_put_right(live: Database) -> None:
    live.owner.execute("update cron.job set schedule = '1 1 1 1 1' where jobname = 'create_new_round'")
    live.owner.execute("update cron.job set active = false where jobname = 'close_round'")
    live.owner.execute("delete from cron.job where jobname = 'watch'")
    with live.as_cron() as cron:
        cron.execute("select cron.schedule('stray', '0 4 1 1 *', 'call jobs.run(''stray'')')")
    found = live.rows("select * from jobs.doctor() where finding = 'pg_cron''s lines have drifted'")
    assert [row["detail"] for row in found] == [
        "close_round is inactive",
        "create_new_round is `1 1 1 1 1 call jobs.run('create_new_round')`,"
        " not `30 3 * * 0 call jobs.run('create_new_round')`",
        "stray has a line and should have none",
        "watch has no line",
    ]
    assert {row["remedy"] for row in found} == {"dotbase jobs reschedule"}
    live.owner.execute("select jobs.sync_pg_cron()")
    assert findings(live, "pg_cron_findings") == {}


@only_on_postgres("the extension is the platform's there")
def test_pg_crons_extension_is_missing_and_the_remedy_brings_it(live: Database) -> None:
    with rolled_back(live.owner):
        live.owner.execute("drop extension pg_cron")
        found = findings(live, "pg_cron_findings")["pg_cron's extension is missing"]
        for statement in found["remedy"].split("; ")[:2]:
            live.owner.execute(statement.encode())
        assert {f["remedy"] for f in findings(live, "pg_cron_findings").values()} == {
            "dotbase jobs reschedule"
        }
        live.owner.execute("select jobs.sync_pg_cron()")
        assert findings(live, "pg_cron_findings") == {}


def test_a_stranger_that_holds_a_jobs_lock_is_found(shop: Database) -> None:
    number = shop.value("select job_no from jobs.jobs where job_name = 'work'")
    classid = shop.value("select core.job_locks()")
    take = f"select pg_advisory_lock({classid}, %s)"
    with shop.server.connect(shop.name, user="authenticator") as stranger:
        stranger.execute(take, [number + 1000])
        assert findings(shop, "lock_findings") == {}, "no job's"
        stranger.execute(take, [number])
        process = process_of(stranger)
        assert {name: f["detail"] for name, f in findings(shop, "lock_findings").items()} == {
            "a stranger holds a job's lock": f"work, held by process {process} of authenticator"
        }
    shop.owner.execute(take.replace("lock(", "xact_lock("), [number])
    assert findings(shop, "lock_findings") == {}, "its owner's"
