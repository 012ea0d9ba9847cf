"""Walkers: the same for the same seed, weekdays kept, nothing claimed that was not walked."""

from __future__ import annotations

from datetime import date, timedelta

from demo import walkers

SUNDAY = date(2026, 8, 16)


def week(seed: int) -> list[tuple[int, int, list[walkers.Claim]]]:
    people = walkers.make(40, seed)
    return [
        (visit.walker.number, visit.steps, visit.claims)
        for days in range(7)
        for _, found in walkers.visits(people, SUNDAY + timedelta(days=days))
        for visit in found
    ]


def test_the_same_seed_gives_the_same_week() -> None:
    assert week(1) == week(1)
    assert week(1) != week(2)


def test_nobody_claims_what_was_not_walked_unless_it_must_be_refused() -> None:
    for _, steps, claims in week(3):
        for claim in claims:
            assert (claim.threshold > steps) == (claim.refused is not None)


def test_own_numbers_are_six_different_ones() -> None:
    picked = [claim.numbers for _, _, claims in week(4) for claim in claims if claim.numbers]
    assert picked
    assert all(len(set(numbers)) == 6 and 1 <= min(numbers) <= max(numbers) <= 45 for numbers in picked)


def test_a_persons_weekday_stays_that_weekday() -> None:
    walker = walkers.make(1, 5)[0]
    for days in range(84):
        day = SUNDAY + timedelta(days=days)
        offset = ((day - walker.first).days + 7 * walker.shift) % walkers.WINDOW
        assert (walker.first + timedelta(days=offset)).weekday() == day.weekday()
