"""LuckyWalk's jobs as pg_cron calls them, the clock moved through weeks: on time, late, after outages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.people import admin, walker
from tests.harness.refusals import refused
from tests.jobs.shop import catch_up
from tests.luckywalk.books import assert_books_prove, recount, stored
from tests.luckywalk.merkle import tickets_of
from tests.luckywalk.weeks import (
    LOSING,
    WEEK,
    WINNING,
    Week,
    buy,
    close_week,
    enter,
    job,
    open_week,
    partitions_ahead,
    walk,
)

ORDERS = [
    ("close_round", "draw_apply_results", "settle_round"),
    ("settle_round", "draw_apply_results", "close_round"),
]
JOBS = ["close_round", "create_new_round", "draw_apply_results", "make_partitions", "settle_round"]
MINUTE = timedelta(minutes=1)


def tick(db: Database, at: datetime, names: list[str] | tuple[str, ...] = tuple(JOBS)) -> None:
    """pg_cron's calls of a moment."""
    db.clock(at)
    with db.as_cron() as connection:
        for name in names:
            connection.execute("call jobs.run(%s)", [name])


def effects(db: Database, name: str) -> list[tuple[str, dict[str, Any]]]:
    """The runs of a job that did something, by their slot in Seoul."""
    rows = db.rows(
        "select slot_at, status, result from jobs.runs "
        "where job_name = %s and coalesce(result ->> 'processed', '') <> '0' order by slot_at",
        name,
    )
    assert {row["status"] for row in rows} <= {"succeeded"}
    return [(f"{row['slot_at'].astimezone(ZONE):%a %H:%M}", row["result"]) for row in rows]


def moments(week: Week) -> Iterator[datetime]:
    """When a week is looked at: every four hours, and every five minutes around what is due."""
    dues = (week.opens_at, week.closes_at, week.draws_at, week.settles_at, week.next.opens_at)
    at = week.at(6, "00:00")
    while at < week.at(-1, "13:00"):
        if (at.hour % 4 == 0 and at.minute == 0) or any(abs(at - due) <= 15 * MINUTE for due in dues):
            yield at
        at += 5 * MINUTE


def test_a_week_runs_by_its_jobs_alone_each_at_its_local_time(db: Database) -> None:
    for at in moments(WEEK):
        tick(db, at)
        if at.hour == 8:
            buy(db, walker(1), None, LOSING)
        if f"{at:%a %H:%M}" == "Sat 21:00":
            assert db.call(admin, "enter_draw_result", round_no=1153, numbers=WINNING).ok
    # Sunday's walk at eight was banked, and became tickets at opening; six more days, two tickets each.
    assert effects(db, "create_new_round") == [
        ("Sun 12:30", {"processed": 1, "round_no": 1153}),
        ("Sun 12:30", {"processed": 1, "round_no": 1154}),
    ]
    assert effects(db, "close_round") == [
        ("Sat 20:00", {"processed": 1, "total_tickets": 14, "rounds": [1153]})
    ]
    ((drawn_at, drawn),) = effects(db, "draw_apply_results")
    count = recount(db, WINNING)
    assert drawn_at == "Sat 21:05"
    assert drawn == {"processed": 1, "total_tickets": 14, "winners_count": len(count.tiers), "rounds": [1153]}
    ((settled_at, settled),) = effects(db, "settle_round")
    assert settled_at == "Sun 11:00"
    assert settled == {
        "processed": 1,
        "winners_count": len(count.tiers),
        "paid": count.paid,
        "rounds": [1153],
    }
    assert stored(db) == count
    assert db.value("select count(*) from jobs.runs where status <> 'succeeded'") == 0
    assert db.value("select count(*) from jobs.attempts where attempt_no > 1") == 0
    assert_books_prove(db)


@pytest.mark.parametrize("order", ORDERS)
def test_after_an_outage_the_jobs_catch_up_in_whatever_order_they_come(
    db: Database, order: tuple[str, ...]
) -> None:
    open_week(db)
    buy(db, walker(1), WINNING, LOSING)
    # Everything is down from Saturday noon to Sunday afternoon.
    tick(db, WEEK.at(-1, "13:00"), [*order, "create_new_round"])
    assert states(db) == {1153: "closed", 1154: "open"}
    assert db.call(admin, "enter_draw_result", round_no=1153, numbers=WINNING).ok
    for minutes in (10, 20, 30):
        tick(db, WEEK.at(-1, "13:00") + minutes * MINUTE, order)
    assert states(db) == {1153: "settled", 1154: "open"}
    assert stored(db) == recount(db, WINNING)


def states(db: Database) -> dict[int, str]:
    rows = db.rows("select round_no, status from luckywalk.rounds order by round_no")
    return {row["round_no"]: row["status"] for row in rows}


def test_while_no_job_runs_for_ten_days_walkers_notice_nothing(db: Database) -> None:
    claimed = 0
    at = WEEK.at(6, "08:00")
    db.clock(at)
    partitions_ahead(db)
    while at < WEEK.next.at(3, "00:00"):
        db.clock(at)
        if at.hour == 8:
            walk(db, walker(1))
        threshold = 1000 * (1 + (at.hour - 8) // 4)
        if at.hour >= 8:
            assert db.call(walker(1), "claim_steps", threshold=threshold).ok
            claimed += 1
        at += timedelta(hours=4)
    assert states(db) == {1153: "open", 1154: "open"}
    this, that = tickets_of(db, WEEK), tickets_of(db, WEEK.next)
    assert len(this) + len(that) == claimed
    assert len(this) == 7 * 4 - 1  # Saturday's last was after closing

    tick(db, at)
    assert states(db) == {1153: "closed", 1154: "open"}
    assert db.value("select total_tickets from luckywalk.rounds where round_no = 1153") == len(this)


def test_two_weeks_that_were_missed_are_closed_by_one_run(db: Database) -> None:
    db.clock(WEEK.opens_at)
    partitions_ahead(db)
    for week in (WEEK, WEEK.next):
        db.clock(week.opens_at)
        buy(db, walker(1), LOSING)
    db.clock(WEEK.next.draws_at)
    assert job(db, "close_round") == {"processed": 2, "total_tickets": 2, "rounds": [1153, 1154]}


def test_a_slot_takes_effect_once_however_often_pg_cron_comes(db: Database) -> None:
    open_week(db)
    for _ in range(3):
        tick(db, WEEK.closes_at)
    tick(db, WEEK.closes_at + MINUTE)
    for name in ("close_round", "draw_apply_results", "settle_round"):
        runs = db.rows("select slot_at from jobs.runs where job_name = %s", name)
        assert [run["slot_at"] for run in runs if run["slot_at"] >= WEEK.closes_at] == [WEEK.closes_at]


def test_numbers_that_come_late_are_drawn_at_the_next_slot(db: Database) -> None:
    open_week(db)
    buy(db, walker(1), WINNING)
    close_week(db)
    tick(db, WEEK.at(-1, "11:00"))
    assert db.call(admin, "enter_draw_result", round_no=1153, numbers=WINNING).ok
    tick(db, WEEK.at(-1, "11:04"))
    assert states(db)[1153] == "closed"
    tick(db, WEEK.at(-1, "11:05"))
    assert states(db)[1153] == "drawn"
    tick(db, WEEK.at(-1, "11:10"))
    assert states(db)[1153] == "settled"


@pytest.mark.parametrize(("step", "at"), [("close_round", "20:05"), ("draw_apply_results", "20:55")])
def test_a_step_that_fails_halfway_leaves_nothing_and_the_next_slot_does_it(
    db: Database, step: str, at: str
) -> None:
    open_week(db)
    buy(db, walker(1), WINNING, LOSING)
    db.clock(WEEK.closes_at)
    if step == "draw_apply_results":
        close_week(db)
        enter(db)
    before = states(db)
    db.owner.execute(
        "alter table luckywalk.rounds add constraint broken check (status <> %s) not valid".replace(
            "%s", "'closed'" if step == "close_round" else "'drawn'"
        )
    )
    failed = db.run_job(step)
    assert failed is not None
    assert (failed["status"], failed["sqlstate"], failed["result"]) == ("failed", "23514", None)
    assert states(db) == before
    for table in ("results_user", "round_tiers", "ledger.transfers"):
        assert db.value(f"select count(*) from {table if '.' in table else 'luckywalk.' + table}") == 0
    if step == "close_round":
        assert db.value("select count(*) from luckywalk.seal_nodes") == 0

    db.owner.execute("alter table luckywalk.rounds drop constraint broken")
    db.clock(WEEK.at(0, at))
    assert job(db, step)["processed"] == 1


def test_a_person_reruns_a_slot_that_failed_and_not_one_that_succeeded(db: Database) -> None:
    open_week(db)
    db.clock(WEEK.closes_at)
    db.owner.execute(
        "alter table luckywalk.rounds add constraint broken check (status <> 'closed') not valid"
    )
    failed = db.run_job("close_round")
    assert failed is not None
    assert failed["status"] == "failed"
    db.owner.execute("alter table luckywalk.rounds drop constraint broken")
    assert (again := db.run_job("close_round")) is not None
    assert again["status"] == "failed"  # the schedule does not take a slot up again
    db.owner.execute("select jobs.run_again(%s)", [failed["run_id"]])
    catch_up(db)
    by_hand = db.rows("select * from jobs.runs where run_id = %s", failed["run_id"])[0]
    assert (by_hand["status"], by_hand["attempts"]) == ("succeeded", 2)
    assert by_hand["result"]["processed"] == 1
    with refused("run_not_to_be_repeated"):
        db.owner.execute("select jobs.run_again(%s)", [failed["run_id"]])


def test_partitions_are_made_two_months_and_two_rounds_ahead_by_the_job(db: Database) -> None:
    db.clock("2025-01-15 03:10")
    assert job(db, "make_partitions") == {"processed": 6 + 3}
    made = db.rows(
        "select c.relname as name from pg_class as c "
        "where c.relname ~ '^(claims|daily_progress)_20\\d\\d_\\d\\d$' order by 1"
    )
    assert [row["name"] for row in made] == [
        f"{table}_2025_{month}" for table in ("claims", "daily_progress") for month in ("01", "02", "03")
    ]
    db.clock("2025-01-16 03:10")
    assert job(db, "make_partitions") == {"processed": 0}
    db.clock("2025-01-31 03:10")
    assert job(db, "make_partitions") == {"processed": 2 + 2}


def test_jobs_are_called_in_korean_time_whatever_the_servers_zone(db: Database) -> None:
    slots = db.rows(
        "select s at time zone 'Asia/Seoul' as local from jobs.slots_between("
        "'create_new_round', '2024-12-31 00:00+09', '2025-01-31 00:00+09') as s"
    )
    assert [f"{row['local']:%a %d %H:%M}" for row in slots] == [
        "Sun 05 12:30",
        "Sun 12 12:30",
        "Sun 19 12:30",
        "Sun 26 12:30",
    ]


def test_nobody_but_pg_cron_runs_jobs(week_db: Database) -> None:
    for role in ("anon", "authenticated", "service_role"):
        allowed = week_db.value(
            "select has_function_privilege(%s, 'jobs.run(text)', 'execute') "
            "or has_function_privilege(%s, 'luckywalk.draw_apply_results()', 'execute')",
            role,
            role,
        )
        assert allowed is False
