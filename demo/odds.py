"""What chance alone gives: winners of each tier among so many tickets."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, exp, lgamma, log, sqrt

TIERS = (1, 2, 3, 4, 5)
PICKED, POOL = 6, 45


@dataclass(frozen=True)
class Expectation:
    """Mean number of winners, and the range that 95 of 100 such weeks stay in."""

    mean: float
    low: int
    high: int

    def holds(self, found: int) -> bool:
        """Whether a number lies inside the range."""
        return self.low <= found <= self.high


def chance(tier: int) -> float:
    """The share of all tickets that has 6, 5, 4, 3 or 2 of the winning numbers: hypergeometric."""
    matches = 7 - tier
    return comb(PICKED, matches) * comb(POOL - PICKED, PICKED - matches) / comb(POOL, PICKED)


def expected(tickets: int, tier: int) -> Expectation:
    """Winners of a tier among this many tickets, each an independent try."""
    probability = chance(tier)
    mean = tickets * probability
    return Expectation(mean, _quantile(tickets, probability, 0.025), _quantile(tickets, probability, 0.975))


def _quantile(trials: int, probability: float, share: float) -> int:
    """The smallest number that a binomial variable stays at or below with this probability."""
    mean = trials * probability
    deviation = sqrt(mean * (1 - probability))
    first = max(0, int(mean - 8 * deviation) - 1)
    total = 0.0
    for number in range(first, trials + 1):
        total += exp(
            lgamma(trials + 1)
            - lgamma(number + 1)
            - lgamma(trials - number + 1)
            + number * log(probability)
            + (trials - number) * log(1 - probability)
        )
        if total >= share:
            return number
    return trials
