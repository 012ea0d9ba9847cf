"""Opening: Sunday 12:30, by the job or by the first claim after it, once a week by its number."""

from __future__ import annotations

from datetime import datetime

from tests.harness.databases import Database
from tests.harness.people import anon, walker
from tests.luckywalk.weeks import (
    SECOND,
    WEEK,
    Week,
    claim,
    close_week,
    job,
    open_week,
    partitions_ahead,
    walk,
)


def rounds(db: Database) -> list[tuple[int, str]]:
    return [
        (r["round_no"], r["status"])
        for r in db.rows("select round_no, status from luckywalk.rounds order by round_no")
    ]


def test_the_job_opens_the_round_on_sunday_at_half_past_twelve_and_not_a_second_before(db: Database) -> None:
    db.clock(WEEK.opens_at - SECOND)
    assert job(db, "create_new_round") == {"processed": 0}
    assert rounds(db) == []
    db.clock(WEEK.opens_at)
    assert job(db, "create_new_round") == {"processed": 1, "round_no": WEEK.round_no}
    assert rounds(db) == [(WEEK.round_no, "open")]


MOMENTS = [(6, "12:31"), (3, "04:00"), (0, "19:59:59")]  # days before the draw, and local time


def test_a_late_job_still_opens_the_round_until_closing(db: Database) -> None:
    for number, (days_before_draw, clock) in enumerate(MOMENTS, start=WEEK.round_no):
        db.clock(Week(number).at(days_before_draw, clock))
        assert job(db, "create_new_round") == {"processed": 1, "round_no": number}
        assert rounds(db)[-1] == (number, "open")


def test_a_week_that_is_over_is_not_opened_any_more(db: Database) -> None:
    for days_before_draw, clock in ((0, "20:00"), (0, "20:50"), (-1, "12:29:59")):
        db.clock(WEEK.at(days_before_draw, clock))
        assert db.value("select luckywalk.create_new_round()") == {"processed": 0}
        assert job(db, "create_new_round") == {"processed": 0}
        assert rounds(db) == []


def test_a_round_is_opened_once_however_often_it_is_tried(db: Database) -> None:
    open_week(db)
    with db.as_cron() as connection:
        for _ in range(3):
            connection.execute("call jobs.run('create_new_round')")
    assert db.value("select count(*) from jobs.runs") == 1
    assert db.value("select luckywalk.create_new_round()") == {"processed": 0}
    assert rounds(db) == [(WEEK.round_no, "open")]


def test_a_claim_opens_the_round_when_its_job_is_late(db: Database) -> None:
    for number, (days_before_draw, clock) in enumerate([(6, "12:30"), *MOMENTS], start=WEEK.round_no):
        db.clock(Week(number).at(days_before_draw, clock))
        partitions_ahead(db)
        walk(db, walker(1))
        first = claim(db, walker(1))
        assert (first["round_no"], first["is_banked"]) == (number, False)
        assert rounds(db)[-1] == (number, "open")
        assert job(db, "create_new_round") == {"processed": 0}
        assert len(rounds(db)) == number - WEEK.round_no + 1


def relations(db: Database) -> int:
    return int(db.value("select count(*) from pg_class where relnamespace = 'luckywalk'::regnamespace"))


def test_a_claim_makes_no_partition_of_a_round(db: Database) -> None:
    """Fault 33. Where no job made it, the claim waits for the job, and is then a ticket like any other."""
    db.clock(WEEK.opens_at)
    walk(db, walker(1))
    db.owner.execute("select core.ensure_month('luckywalk.claims', core.business_day())")
    before = relations(db)
    first = claim(db, walker(1))
    assert (first["round_no"], first["is_banked"]) == (WEEK.round_no, True)
    assert (relations(db), rounds(db)) == (before, [])
    assert job(db, "create_new_round") == {"processed": 1, "round_no": WEEK.round_no}
    assert not claim(db, walker(1))["is_banked"]


def test_a_claim_of_a_week_in_which_no_job_ran_is_in_the_next_round(db: Database) -> None:
    """Fault 33. Nor had any for weeks before, else its partition would be there."""
    db.clock(WEEK.opens_at)
    walk(db, walker(1))
    assert claim(db, walker(1))["is_banked"]
    open_week(db, WEEK.next)
    (ticket,) = db.call(walker(1), "my_tickets", round_no=WEEK.next.round_no).rows
    assert not ticket["is_banked"]


def test_partitions_are_made_ahead_by_two_jobs(db: Database) -> None:
    """Fault 33. So that a week's claims make none, whichever of the jobs does not run."""
    open_week(db)
    before = relations(db)
    for week in (WEEK, WEEK.next, WEEK.next.next):
        assert db.value("select luckywalk.has_round_partition(%s)", week.round_no)
    assert db.value("select luckywalk.make_partitions()") == {"processed": 0}
    db.clock(WEEK.next.next.opens_at)
    walk(db, walker(1))
    assert not claim(db, walker(1))["is_banked"]
    assert relations(db) == before


def test_a_claim_before_opening_time_makes_no_round(db: Database) -> None:
    db.clock(WEEK.opens_at - SECOND)
    walk(db, walker(1))
    assert claim(db, walker(1))["is_banked"]
    assert rounds(db) == []


def test_looking_makes_no_round(db: Database) -> None:
    db.clock(WEEK.opens_at)
    assert db.call(walker(1), "my_today").row["round_status"] is None
    assert db.select(anon, "rounds").rows == []
    assert rounds(db) == []


def test_times_and_prizes_are_those_of_the_moment_the_round_was_made(db: Database) -> None:
    open_week(db)
    db.owner.execute("select core.set_setting('luckywalk.tier3_prize', '70')")
    db.owner.execute("select core.set_setting('luckywalk.closing_time', '\"19:00\"')")
    (shown,) = db.select(anon, "rounds").rows
    assert shown["tier3_prize"] == 50
    assert datetime.fromisoformat(shown["closes_at"]) == WEEK.closes_at

    db.clock(WEEK.closes_at - SECOND)
    walk(db, walker(1))
    assert not claim(db, walker(1))["is_banked"]
    close_week(db)
    open_week(db, WEEK.next)
    shown = db.select(anon, "rounds", filters={"round_no": WEEK.next.round_no}).row
    assert shown["tier3_prize"] == 70
    assert datetime.fromisoformat(shown["closes_at"]) == WEEK.next.at(0, "19:00")


def test_everybody_sees_the_rounds(week_db: Database) -> None:
    for person in (anon, walker(1)):
        shown = week_db.select(person, "rounds").row
        assert (shown["round_no"], shown["status"]) == (WEEK.round_no, "open")
        assert (shown["tier1_pot"], shown["tier2_pot"]) == (1_000_000, 500_000)
        assert (shown["tier3_prize"], shown["tier4_prize"], shown["tier5_prize"]) == (50, 10, 5)
        assert shown["total_tickets"] is None
        assert shown["seal_root"] is None
