"""What a demo came to, gathered once for the terminal, for the page and for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

from demo import seal
from demo.calls import Tally
from demo.database import Database
from demo.odds import TIERS, Expectation, expected
from demo.recount import Recount
from demo.season import Season

ROUNDS = """
select r.round_no, r.total_tickets, r.paid, r.remainder, encode(r.seal_root, 'hex'),
    array_agg(t.winners_count order by t.tier), array_agg(t.winners_count * t.prize_each order by t.tier)
from luckywalk.rounds as r
inner join luckywalk.round_tiers as t on t.round_no = r.round_no
where r.status = 'settled'
group by r.round_no
order by r.round_no
"""


@dataclass(frozen=True)
class RoundLine:
    """One round as the database says, with what chance alone gives beside it."""

    round_no: int
    day: date
    numbers: tuple[int, ...]
    tickets: int
    winners: list[int]
    expected: list[Expectation]
    paid: int
    paid_by_tier: list[int]
    remainder: int
    seal_root: str
    corrected: bool
    differences: list[str]


@dataclass(frozen=True)
class Schedule:
    """A job of pg_cron, in local time."""

    job: str
    schedule: str
    zone: str
    gmt_line: str | None
    next_at: datetime


@dataclass(frozen=True)
class Summary:
    """Everything that the closing report says."""

    walkers: int
    seed: int
    seconds: float
    rounds: list[RoundLine]
    calls: dict[str, int]
    refused: dict[str, int]
    tickets_given: int
    tickets_match: bool
    waiting: int
    days: list[tuple[date, int, int]]  # claims of the day, and those of them that were banked
    proofs: int
    proofs_hold: bool
    job_runs: int
    differences: list[str]
    books: list[tuple[str, bool, str]]
    schedules: list[Schedule]
    live: bool
    a_walker: str
    database: str

    @property
    def is_equal(self) -> bool:
        """Whether recount, proofs, calls and books all agree with the database."""
        recounted = not self.differences and not any(line.differences for line in self.rounds)
        return recounted and self.tickets_match and self.proofs_hold and all(ok for _, ok, _ in self.books)

    @property
    def total(self) -> RoundLine:
        """All rounds as one line."""
        first, *_ = self.rounds
        tickets = sum(line.tickets for line in self.rounds)
        return RoundLine(
            round_no=0,
            day=first.day,
            numbers=(),
            tickets=tickets,
            winners=[sum(line.winners[tier - 1] for line in self.rounds) for tier in TIERS],
            expected=[expected(tickets, tier) for tier in TIERS],
            paid=sum(line.paid for line in self.rounds),
            paid_by_tier=[sum(line.paid_by_tier[tier - 1] for line in self.rounds) for tier in TIERS],
            remainder=sum(line.remainder for line in self.rounds),
            seal_root="",
            corrected=False,
            differences=[],
        )

    @property
    def outside(self) -> int:
        """How many of all numbers of winners lie outside their 95 % range."""
        return sum(
            not chance.holds(found)
            for line in self.rounds
            for found, chance in zip(line.winners, line.expected, strict=True)
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "equal": self.is_equal, "calls_in_total": sum(self.calls.values())}


def gather(
    database: Database, season: Season, tally: Tally, recount: Recount, seed: int, seconds: float
) -> Summary:
    """Put the demo's findings together; the schedules are those of this moment."""
    draws = {draw.number: draw for draw in season.draws}
    lines = []
    for number, tickets, paid, remainder, root, winners, paid_by_tier in database.owner.execute(ROUNDS):
        lines.append(
            RoundLine(
                round_no=number,
                day=draws[number].day,
                numbers=draws[number].numbers,
                tickets=tickets,
                winners=winners,
                expected=[expected(tickets, tier) for tier in TIERS],
                paid=paid,
                paid_by_tier=[int(amount) for amount in paid_by_tier],
                remainder=remainder,
                seal_root=root,
                corrected=number == season.corrected,
                differences=recount.differences.get(number, []),
            )
        )
    roots = {line.round_no: line.seal_root for line in lines}
    published = [proof["seal_root"] == roots[proof["round_no"]] for proof in season.proofs]
    schedules, live = _schedules(database)
    return Summary(
        walkers=len(season.walkers),
        seed=seed,
        seconds=seconds,
        rounds=lines,
        calls=dict(tally.calls.most_common()),
        refused=dict(tally.refused),
        tickets_given=len(season.tickets_given),
        tickets_match=season.tickets_given == recount.tickets_claimed,
        waiting=recount.waiting,
        days=[
            (day, claims, recount.banked_a_day[day]) for day, claims in sorted(recount.claims_a_day.items())
        ],
        proofs=len(season.proofs),
        proofs_hold=all(published) and all(seal.proves(proof) for proof in season.proofs),
        job_runs=season.job_runs,
        differences=recount.differences.get(0, []),
        books=database.proofs(),
        schedules=schedules,
        live=live,
        a_walker=str(season.walkers[0].user_id),
        database=database.name,
    )


def _schedules(database: Database) -> tuple[list[Schedule], bool]:
    live = database.go_live()
    now = datetime.now(UTC)
    schedules = []
    for job, schedule, zone, gmt_line in database.schedules():
        local = now.astimezone(ZoneInfo(zone))
        schedules.append(Schedule(job, schedule, zone, gmt_line, next(CronSim(schedule, local))))
    return schedules, live


def as_path(path: Path) -> str:
    """A path as a person in the current folder writes it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
