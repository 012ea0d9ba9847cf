"""One view as two major versions write it is one view; another condition is another view."""

from __future__ import annotations

import pytest

from dotbase.drift.versions import same_query, write_views_alike

QUALIFIED = """ SELECT t.round_no,
    t.prize_each,
    luckywalk.mask_to_numbers(t.mask) AS numbers
   FROM luckywalk.round_tiers t
  WHERE (t.tier > 1);"""
BARE = """ SELECT round_no,
    prize_each,
    luckywalk.mask_to_numbers(mask) AS numbers
   FROM luckywalk.round_tiers t
  WHERE (tier > 1);"""


def test_only_the_names_in_front_of_columns_may_differ() -> None:
    assert same_query(QUALIFIED, BARE)
    assert same_query(
        " SELECT rounds.round_no\n   FROM luckywalk.rounds;", " SELECT round_no\n   FROM luckywalk.rounds;"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tier > 1", "tier > 2"),
        ("luckywalk.mask", "core.mask"),
        ("prize_each,", "prize_each * 2 AS prize_each,"),
    ],
)
def test_another_query_is_another(old: str, new: str) -> None:
    assert old in BARE
    assert not same_query(QUALIFIED, BARE.replace(old, new))


def test_versions_between_which_nothing_changed_are_compared_as_they_write() -> None:
    assert write_views_alike(150000, 150020)
    assert write_views_alike(170002, 180000)
    assert not write_views_alike(150020, 170002)
