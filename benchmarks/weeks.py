"""Sealing, drawing and settling a round, each beside its floor."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.house import House
from benchmarks.rounds import FIRST_ROUND, FLOOR_TABLES, Round
from benchmarks.samples import Comparison, Run

MOST = 3.5  # times the floor


def measure(
    house: House, tickets: int, walkers: int, runs: int, say: Callable[[str], None]
) -> tuple[Comparison, Comparison]:
    """Sealing, and drawing and settling, this many times."""
    seals: list[Run] = []
    draws: list[Run] = []
    for number in range(runs):
        say(f"round {number + 1} of {runs}: {tickets:,} tickets")
        week = Round(house, FIRST_ROUND + number, tickets, walkers)
        week.fill()
        seals.append(_seal(house, week))
        week.enter()
        draws.append(_draw(house, week))
        week.check()
    what = f"of {tickets:,} tickets"
    return (
        Comparison(f"seal a round {what}", "scan that hashes each ticket", "s", seals, at_most=MOST),
        Comparison(
            f"draw and settle a round {what} of {walkers:,} walkers",
            "scan with the mask filter, winners and a row a winning walker into bare heaps",
            "s",
            draws,
            at_most=MOST,
        ),
    )


def _seal(house: House, week: Round) -> Run:
    """The floor before and after, the quicker of both: a cold cache must not flatter us."""
    before = house.seconds(week.hash_each)
    measured = house.seconds(week.close)
    return Run(measured, min(before, house.seconds(week.hash_each)))


def _draw(house: House, week: Round) -> Run:
    """As above; bare heaps made anew, and nothing of making them counted."""
    floors = []
    measured = 0.0
    for place in range(2):
        for statement in FLOOR_TABLES:
            house.owner.execute(statement.encode())
        floors.append(house.seconds(*week.bare_draw))
        if place == 0:
            measured = house.seconds(week.draw, week.settle)
    return Run(measured, min(floors))
