"""Lottery weeks for tests: the official times in plain Python, and a round's life through RPCs and jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from tests.harness.databases import ZONE, Database
from tests.harness.people import Person, admin
from tests.harness.postgrest import Postgrest

FIRST_DRAW_DAY = date(2002, 12, 7)
SECOND = timedelta(seconds=1)
WINNING = [3, 11, 19, 27, 35, 43]
LOSING = [1, 2, 4, 5, 6, 7]


@dataclass(frozen=True)
class Week:
    """A round's official times, written down from the rules and not asked of the database."""

    round_no: int

    @property
    def saturday(self) -> date:
        """The day of the draw."""
        return FIRST_DRAW_DAY + timedelta(weeks=self.round_no - 1)

    def at(self, days_before_draw: int, clock: str) -> datetime:
        """A moment of the week in Seoul: 6 days before the draw is its Sunday, -1 the Sunday after."""
        return datetime.combine(
            self.saturday - timedelta(days=days_before_draw), time.fromisoformat(clock), ZONE
        )

    @property
    def opens_at(self) -> datetime:
        """Sunday 12:30."""
        return self.at(6, "12:30")

    @property
    def closes_at(self) -> datetime:
        """Saturday 20:00."""
        return self.at(0, "20:00")

    @property
    def draws_at(self) -> datetime:
        """Saturday 20:50."""
        return self.at(0, "20:50")

    @property
    def settles_at(self) -> datetime:
        """The Sunday after, 11:00."""
        return self.at(-1, "11:00")

    @property
    def next(self) -> Week:
        """The week after."""
        return Week(self.round_no + 1)


WEEK = Week(1153)  # drawn on 2025-01-04


def open_week(db: Database, week: Week = WEEK) -> Week:
    """Its job opens the round on time."""
    db.clock(week.opens_at)
    assert job(db, "create_new_round") == {"processed": 1, "round_no": week.round_no}
    return week


def partitions_ahead(db: Database) -> None:
    """As the jobs have made them, two rounds and two months ahead of the clock."""
    db.owner.execute("select luckywalk.make_partitions()")


def close_week(db: Database, week: Week = WEEK) -> None:
    """Its job closes the round on time."""
    db.clock(week.closes_at)
    assert job(db, "close_round")["rounds"] == [week.round_no]


def enter(db: Database, week: Week = WEEK, numbers: Sequence[int] = WINNING) -> None:
    """An administrator enters the numbers at draw time."""
    db.clock(week.draws_at)
    assert db.call(admin, "enter_draw_result", round_no=week.round_no, numbers=numbers).ok


def draw_week(db: Database, week: Week = WEEK, numbers: Sequence[int] = WINNING) -> None:
    """Close, enter and draw, each on time."""
    close_week(db, week)
    enter(db, week, numbers)
    assert job(db, "draw_apply_results")["rounds"] == [week.round_no]


def settle_week(db: Database, week: Week = WEEK) -> None:
    """Its job settles the drawn round on time."""
    db.clock(week.settles_at)
    assert job(db, "settle_round")["rounds"] == [week.round_no]


def job(db: Database, name: str) -> dict[str, Any]:
    """What the job's function returned when pg_cron called it now; fails the test when it failed."""
    run = db.run_job(name)
    assert run is not None, f"{name} has no slot yet"
    assert run["status"] == "succeeded", run
    result: dict[str, Any] = run["result"]
    return result


def walk(session: Postgrest, person: Person, steps: int = 10_000) -> None:
    """The person reports today's steps."""
    assert session.call(person, "report_steps", steps=steps).ok


def claim(
    session: Postgrest, person: Person, threshold: int = 1000, numbers: Sequence[int] | None = None
) -> dict[str, Any]:
    """The person claims a threshold reached today."""
    return session.call(person, "claim_steps", threshold=threshold, numbers=numbers).row


def buy(session: Postgrest, person: Person, *picks: Sequence[int] | None) -> list[dict[str, Any]]:
    """The person walks far enough and claims a ticket for each of these picks (None: a quick pick)."""
    walk(session, person)
    return [claim(session, person, 1000 * place, numbers) for place, numbers in enumerate(picks, start=1)]


def mask_of(numbers: Sequence[int]) -> int:
    """Bit n for number n."""
    return sum(1 << n for n in numbers)


def pour(db: Database, week: Week, count: int, person: Person | None = None) -> None:
    """Many tickets at once into the open round, by the owner: all a person's, or of 20 to a person."""
    db.owner.execute(
        "insert into luckywalk.tickets (ticket_id, user_id, round_no, mask, created_at) "
        "select gen_random_uuid(), "
        "coalesce(%s, ('00000000-0000-4000-8000-' || lpad(to_hex(n / 20 + 1), 12, '0'))::uuid), "
        "%s, luckywalk.quick_pick(), core.now() from generate_series(0, %s - 1) as n",
        [person.user_id if person else None, week.round_no, count],
    )
