"""Walkers made from real people's days: a shift of weeks, a jitter, and when they look at their phone."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from uuid import UUID

STEPS_FILE = Path(__file__).parent / "data" / "fitbit_daily_steps.csv"
WINDOW = 28  # days of a person that are repeated: whole weeks, so that a Sunday stays a Sunday
JITTER = 0.15
STRIDE = 1000  # steps a ticket
MOST_TICKETS = 10  # a day

OWN_NUMBERS = 0.2  # share of walkers who pick numbers themselves, for the first ticket of a day
IMPATIENT = 0.01  # share of syncs after which a claim is sent again, or before its steps are walked


@dataclass(frozen=True)
class Sync:
    """A moment of the day at which some walkers' phones report and claim."""

    at: time
    walked: float  # share of the day's steps that is walked by then
    chance: float  # that a walker syncs now


SYNCS = (
    Sync(time(8, 10), 0.14, 0.35),
    Sync(time(12, 40), 0.43, 0.50),
    Sync(time(18, 20), 0.80, 0.65),
    Sync(time(21, 40), 0.98, 0.75),
)


@dataclass(frozen=True)
class Claim:
    """A claim that a phone sends; `refused` names the error that it must meet."""

    threshold: int
    numbers: tuple[int, ...] | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Visit:
    """What one walker does at one sync: report, then claim what is reached."""

    walker: Walker
    steps: int
    claims: list[Claim]


@dataclass
class Walker:
    """A person of the demo."""

    number: int
    user_id: UUID
    days: dict[date, int]
    first: date
    shift: int
    picks_numbers: bool
    random: random.Random
    claimed: int = field(default=0)  # thresholds claimed today

    @property
    def nickname(self) -> str:
        """As shown in the app."""
        return f"walker {self.number}"

    @property
    def jwt_claims(self) -> bytes:
        """What PostgREST passes on from a verified token."""
        claims = {"sub": str(self.user_id), "role": "authenticated", "aud": "authenticated"}
        return json.dumps(claims).encode()

    def steps_on(self, day: date) -> int:
        """The person's steps of the same weekday in one of the weeks of the window, with a jitter."""
        offset = ((day - self.first).days + 7 * self.shift) % WINDOW
        known = self.days.get(self.first + timedelta(days=offset), 0)
        return round(known * self.random.uniform(1 - JITTER, 1 + JITTER))


def make(count: int, seed: int, path: Path = STEPS_FILE) -> list[Walker]:
    """The walkers; the same for the same seed."""
    people: dict[str, dict[date, int]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            people.setdefault(row["user_id"], {})[date.fromisoformat(row["day"])] = int(row["steps"])
    persons = sorted(people)
    earliest = min(min(days) for days in people.values())
    latest = max(max(days) for days in people.values())
    starts = (latest - earliest).days + 1 - WINDOW
    walkers = []
    for number in range(1, count + 1):
        chance = random.Random(f"{seed}/{number}")
        walkers.append(
            Walker(
                number=number,
                user_id=UUID(int=chance.getrandbits(128), version=4),
                days=people[persons[(number - 1) % len(persons)]],
                first=earliest + timedelta(days=chance.randint(0, starts)),
                shift=chance.randrange(WINDOW // 7),
                picks_numbers=chance.random() < OWN_NUMBERS,
                random=chance,
            )
        )
    return walkers


def visits(walkers: list[Walker], day: date) -> Iterator[tuple[Sync, list[Visit]]]:
    """The day's syncs in order, each with the walkers whose phones sync then."""
    totals = {}
    for walker in walkers:
        totals[walker.number] = walker.steps_on(day)
        walker.claimed = 0
    for sync in SYNCS:
        found = []
        for walker in walkers:
            chance = walker.random
            steps = round(totals[walker.number] * min(1.0, sync.walked * chance.uniform(0.9, 1.1)))
            if totals[walker.number] and chance.random() < sync.chance:
                found.append(Visit(walker, steps, _claims(walker, steps)))
        yield sync, found


def _claims(walker: Walker, steps: int) -> list[Claim]:
    reached = max(walker.claimed, min(steps // STRIDE, MOST_TICKETS))
    chance = walker.random
    claims = []
    for place in range(walker.claimed + 1, reached + 1):
        own = walker.picks_numbers and place == 1
        numbers = tuple(sorted(chance.sample(range(1, 46), 6))) if own else None
        claims.append(Claim(place * STRIDE, numbers))
    if claims and chance.random() < IMPATIENT:
        claims.append(claims[-1])
    if reached < MOST_TICKETS and chance.random() < IMPATIENT:
        claims.append(Claim(MOST_TICKETS * STRIDE, refused="not_enough_steps"))
    walker.claimed = reached
    return claims
