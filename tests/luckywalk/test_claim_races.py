"""Claims by many sessions at once: one ticket, whoever is first."""

from __future__ import annotations

import pytest

from tests.harness.databases import Database
from tests.harness.people import walker
from tests.harness.postgrest import Postgrest
from tests.luckywalk.weeks import WEEK, claim, open_week, partitions_ahead, walk

pytestmark = pytest.mark.usefixtures("many_sessions")


def test_fifty_sessions_on_one_threshold_give_one_ticket(db: Database) -> None:
    open_week(db)
    walk(db, walker(1))
    claims = db.race(50, lambda session, _: claim(session, walker(1), 5000))
    assert all(c == claims[0] for c in claims)
    assert db.value("select count(*) from luckywalk.tickets") == 1
    assert db.value("select count(*) from luckywalk.claims") == 1


def test_fifty_sessions_on_ten_thresholds_with_their_own_numbers_give_ten_tickets(db: Database) -> None:
    open_week(db)
    walk(db, walker(1))

    def act(session: Postgrest, number: int) -> tuple[int, str]:
        threshold = 1000 * (number % 10 + 1)
        numbers = [n + number // 10 for n in (1, 5, 9, 13, 17, 21)]
        return threshold, str(claim(session, walker(1), threshold, numbers))

    claims = db.race(50, act)
    assert len(set(claims)) == 10
    assert db.value("select count(*) from luckywalk.tickets") == 10


def test_fifty_first_walkers_of_a_month_share_its_new_partitions(db: Database) -> None:
    db.clock("2025-02-01 00:00:00")
    db.owner.execute(
        "select luckywalk.ensure_round_partition(luckywalk.round_no_of_day(core.business_day()))"
    )
    db.race(50, lambda session, number: walk(session, walker(number)))
    claims = db.race(50, lambda session, number: claim(session, walker(number)))
    assert len({c["ticket_id"] for c in claims}) == 50
    assert db.value("select count(*) from luckywalk.tickets") == 50


def test_reports_of_fifty_devices_leave_the_highest(db: Database) -> None:
    open_week(db)
    db.race(50, lambda session, number: walk(session, walker(1), 1000 + number * 37 % 50))
    assert db.call(walker(1), "my_today").row["steps"] == 1049


def test_thirty_claims_make_the_missing_round_once(db: Database) -> None:
    db.clock(WEEK.at(3, "12:00"))
    partitions_ahead(db)
    for number in range(30):
        walk(db, walker(number))
    claims = db.race(30, lambda session, number: claim(session, walker(number)))
    assert {c["round_no"] for c in claims} == {WEEK.round_no}
    assert not any(c["is_banked"] for c in claims)
    assert db.rows("select round_no, status from luckywalk.rounds") == [
        {"round_no": WEEK.round_no, "status": "open"}
    ]
    assert db.value("select count(*) from luckywalk.tickets") == 30


def test_claims_and_the_job_make_the_round_once(db: Database) -> None:
    db.clock(WEEK.opens_at)
    for number in range(30):
        walk(db, walker(number))

    def act(session: Postgrest, number: int) -> None:
        if number < 25:
            claim(session, walker(number))
        else:
            with db.as_cron() as connection:
                connection.execute("call jobs.run('create_new_round')")

    db.race(30, act)
    assert db.value("select array_agg(round_no || status) from luckywalk.rounds") == ["1153open"]
    assert db.value("select count(*) from luckywalk.tickets") == 25
