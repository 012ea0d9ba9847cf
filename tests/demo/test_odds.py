"""Expectations: known chances of 6 of 45, and ranges that hold what they say."""

from __future__ import annotations

import pytest

from demo import odds


def test_chances_are_those_of_six_of_45() -> None:
    assert odds.chance(1) == 1 / 8_145_060
    assert odds.chance(2) == pytest.approx(234 / 8_145_060)
    none_or_one = (3_262_623 + 6 * 575_757) / 8_145_060
    assert sum(map(odds.chance, odds.TIERS)) == pytest.approx(1 - none_or_one)


@pytest.mark.parametrize("tickets", [0, 1, 40, 18_000, 1_000_000])
def test_the_range_holds_the_mean(tickets: int) -> None:
    for tier in odds.TIERS:
        expected = odds.expected(tickets, tier)
        assert expected.low <= round(expected.mean) <= expected.high <= tickets


def test_the_range_is_the_binomials() -> None:
    # 18,000 tickets: mean 404.0, deviation 19.87 in tier 4; exact quantiles.
    expected = odds.expected(18_000, 4)
    assert expected.mean == pytest.approx(403.93, abs=0.01)
    assert (expected.low, expected.high) == (365, 443)
