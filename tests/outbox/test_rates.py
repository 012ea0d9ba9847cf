"""Rates: no more leaves than a lane declares, whoever asks, and a quiet lane begins slowly."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.databases import Database
from tests.outbox.post import Relay, declare, enqueue_many, lane, later

Relays = Callable[[], Relay]


def seconds(shop: Database, relay: Relay, count: int) -> list[int]:
    """How many leave in each of these seconds."""
    found = []
    for _ in range(count):
        found.append(len(relay.claim("measured", 500)))
        later(shop, seconds=1)
    return found


def test_a_rate_is_kept_second_by_second(shop: Database, relay: Relay) -> None:
    declare(shop, lane("measured", keys="none", per_minute=120, burst=10))
    enqueue_many(shop, "measured", 300)
    assert seconds(shop, relay, 6) == [10, 2, 2, 2, 2, 2]
    later(shop, hours=1)
    assert seconds(shop, relay, 3) == [10, 2, 2]


def test_a_rate_below_one_a_second_is_kept(shop: Database, relay: Relay) -> None:
    declare(shop, lane("measured", keys="none", per_minute=3))
    enqueue_many(shop, "measured", 20)
    assert sum(seconds(shop, relay, 60)) == 3


def test_twenty_relays_that_race_get_no_more_than_the_burst(shop: Database, relays: Relays) -> None:
    declare(shop, lane("measured", keys="none", per_minute=60, burst=37))
    enqueue_many(shop, "measured", 500)
    twenty = [relays() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        assert sum(len(got) for got in pool.map(lambda relay: relay.claim("measured", 5), twenty)) == 37


def test_what_was_not_there_is_not_taken_off_the_rate(shop: Database, relay: Relay) -> None:
    declare(shop, lane("measured", keys="none", per_minute=60, burst=10))
    enqueue_many(shop, "measured", 3)
    assert len(relay.claim("measured")) == 3
    enqueue_many(shop, "measured", 20)
    assert len(relay.claim("measured")) == 7


def test_a_lane_that_ramps_begins_with_one_and_rises_to_its_rate(shop: Database, relay: Relay) -> None:
    declare(shop, lane("measured", keys="none", per_minute=6000, burst=100, ramp="60s"))
    enqueue_many(shop, "measured", 8000)
    leaves = seconds(shop, relay, 90)
    assert leaves[0] == 1
    tens = [sum(leaves[start : start + 10]) for start in range(0, 60, 10)]
    assert tens == sorted(tens)
    assert 3000 <= sum(leaves[:61]) <= 3002, "half of a minute's rate"
    assert set(leaves[62:]) == {100}
    # After a quiet minute it begins slowly again.
    later(shop, seconds=61)
    assert sum(seconds(shop, relay, 10)) < 90


def test_a_lane_that_resumes_ramps_anew(shop: Database, relay: Relay) -> None:
    declare(shop, lane("measured", keys="none", per_minute=6000, burst=100, ramp="60s"))
    enqueue_many(shop, "measured", 5000)
    seconds(shop, relay, 70)
    relay.report(relay.claim("measured", 40), 503)
    later(shop, seconds=30)
    relay.report(relay.claim("measured"), 200)
    assert sum(seconds(shop, relay, 10)) < 90


MOMENTS = st.lists(st.integers(0, 90_000), min_size=1, max_size=40).map(sorted)


@settings(max_examples=25, deadline=None)
@given(moments=MOMENTS, rate=st.integers(1, 600), burst=st.integers(1, 50), ramp=st.sampled_from([0, 20]))
def test_between_any_two_moments_no_more_leaves_than_burst_and_rate_allow(
    module_db: Database, moments: list[int], rate: int, burst: int, ramp: int
) -> None:
    db = module_db
    with db.owner.transaction(force_rollback=True):
        db.clock("2025-01-06 09:30")
        declare(
            db, lane("measured", keys="none", per_minute=rate, burst=burst, ramp=f"{ramp}s" if ramp else "0s")
        )
        enqueue_many(db, "measured", 2500)
        left = []
        at = 0
        for moment in moments:
            later(db, milliseconds=moment - at)
            at = moment
            count = db.value("select count(*) from outbox.claim_messages('measured', 500)")
            left.append((moment, count))
        for start in range(len(left)):
            total = 0
            for moment, count in left[start:]:
                total += count
                assert total <= burst + rate * (moment - left[start][0]) / 60_000 + 1e-6
