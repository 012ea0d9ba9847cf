"""Quick picks: each of the 8,145,060 sets is equally likely.

A test of chance fails by chance: the significance is 1e-6, so a right picker fails each of the three tests
once in a million runs, while the biased pickers below fail with far fewer picks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import combinations

import pytest

from tests.harness import coverage
from tests.harness.databases import Database
from tests.luckywalk.chance import chi_square_tail, normal_tails

PICKS = 200_000
SIGNIFICANCE = 1e-6
NUMBERS = range(1, 46)
ALL_SETS = math.comb(45, 6)
IN_ALL = (1 << 46) - 2

# Six bits taken modulo 45: the low numbers come twice as often.
MODULO_BIAS = """
declare
    v_mask bigint := 0;
begin
    while bit_count(v_mask::bit(64)) < 6
    loop
        v_mask := v_mask | (1::bigint << ((get_byte(extensions.gen_random_bytes(1), 0) & 63) % 45 + 1));
    end loop;
    return v_mask;
end;
"""

# A run of six from a random start: every number is equally likely, but not every pair.
CONSECUTIVE = """
declare
    v_start integer := floor(random() * 45);
begin
    return (select bit_or(1::bigint << ((v_start + n) % 45 + 1)) from generate_series(0, 5) as n);
end;
"""

# One of 20,000 sets, taken by chance: numbers and pairs look right, the sets themselves do not.
FEW_SETS = """
begin
    perform setseed(floor(random() * 20000) / 20000);
    return (
        select bit_or(1::bigint << n)
        from (select n from generate_series(1, 45) as n order by random() limit 6) as s
    );
end;
"""


def picks(db: Database, count: int) -> list[int]:
    # Without the profiler: it counts statements of thousands of calls that one shows as well.
    if coverage.THERE:
        db.owner.execute("set plpgsql_check.profiler = off")
    return [
        r["mask"] for r in db.rows("select luckywalk.quick_pick() as mask from generate_series(1, %s)", count)
    ]


def numbers_of(mask: int) -> list[int]:
    return [n for n in NUMBERS if mask >> n & 1]


def tail_of_numbers(masks: list[int]) -> float:
    """How likely it is that 45 numbers are picked this unevenly.

    Numbers of one pick exclude each other, so the counts vary as chi-square with 44 degrees of freedom
    times N (p1 - p2): p1 that a number is picked, p2 that two given ones are.
    """
    counts = Counter(n for mask in masks for n in numbers_of(mask))
    p1, p2 = 6 / 45, 6 * 5 / (45 * 44)
    unevenness = sum((counts[n] - len(masks) * p1) ** 2 for n in NUMBERS)
    return chi_square_tail(unevenness / (len(masks) * (p1 - p2)), 44)


def tail_of_pairs(masks: list[int]) -> float:
    """How likely it is that the 990 pairs are picked this unevenly, beyond what their numbers explain.

    Taking out of each pair's count what its two numbers' counts bring leaves 945 degrees of freedom with one
    variance, N (p2 - 2 p3 + p4): p3 and p4 that three and four given numbers are picked.
    """
    counts = Counter(pair for mask in masks for pair in combinations(numbers_of(mask), 2))
    p2 = 6 * 5 / (45 * 44)
    p3 = p2 * 4 / 43
    p4 = p3 * 3 / 42
    excess = {pair: counts[pair] - len(masks) * p2 for pair in combinations(NUMBERS, 2)}
    of_number = {n: sum(value for pair, value in excess.items() if n in pair) / 43 for n in NUMBERS}
    unevenness = sum((value - of_number[a] - of_number[b]) ** 2 for (a, b), value in excess.items())
    return chi_square_tail(unevenness / (len(masks) * (p2 - 2 * p3 + p4)), 945)


def tail_of_sets(masks: list[int]) -> float:
    """How likely it is that this many of the picks are the same whole set as another one.

    Of n (n - 1) / 2 couples of picks each is equal with p = 1 / 8,145,060; couples are independent in pairs,
    so that the variance of their number is that of independent ones.
    """
    equal = sum(math.comb(count, 2) for count in Counter(masks).values())
    couples = math.comb(len(masks), 2)
    expected = couples / ALL_SETS
    return normal_tails((equal - expected) / math.sqrt(expected * (1 - 1 / ALL_SETS)))


@pytest.fixture(scope="module")
def masks(module_db: Database) -> list[int]:
    return picks(module_db, PICKS)


def test_every_pick_is_six_of_45(masks: list[int]) -> None:
    assert all(mask & ~IN_ALL == 0 and mask.bit_count() == 6 for mask in masks)


def test_every_number_is_equally_likely(masks: list[int]) -> None:
    assert tail_of_numbers(masks) > SIGNIFICANCE


def test_every_pair_is_equally_likely(masks: list[int]) -> None:
    assert tail_of_pairs(masks) > SIGNIFICANCE


def test_every_set_is_equally_likely(masks: list[int]) -> None:
    assert tail_of_sets(masks) > SIGNIFICANCE


@pytest.mark.parametrize(
    ("body", "tail", "count"),
    [
        pytest.param(MODULO_BIAS, tail_of_numbers, 5_000, id="modulo bias is seen in the numbers"),
        pytest.param(CONSECUTIVE, tail_of_pairs, 5_000, id="runs are seen in the pairs"),
        pytest.param(FEW_SETS, tail_of_sets, 10_000, id="few sets are seen in the sets"),
    ],
)
def test_a_biased_picker_would_fail(
    module_db: Database, body: str, tail: Callable[[list[int]], float], count: int
) -> None:
    with module_db.owner.transaction(force_rollback=True):
        module_db.owner.execute(
            "create or replace function luckywalk.quick_pick() returns bigint language plpgsql volatile "
            f"as $biased${body}$biased$".encode()
        )
        biased = picks(module_db, count)
    assert all(mask & ~IN_ALL == 0 and mask.bit_count() == 6 for mask in biased)
    assert tail(biased) < SIGNIFICANCE


def test_the_tail_of_chi_square_is_the_tables() -> None:
    # Critical values of the published tables, and the closed form for two degrees of freedom.
    assert chi_square_tail(60.481, 44) == pytest.approx(0.05, abs=1e-5)
    assert chi_square_tail(55.758, 80) == pytest.approx(0.982, abs=1e-3)
    assert chi_square_tail(10.828, 1) == pytest.approx(0.001, abs=1e-6)
    assert chi_square_tail(1, 2) == pytest.approx(math.exp(-0.5))
    assert chi_square_tail(0, 945) == 1
    assert normal_tails(1.959964) == pytest.approx(0.05, abs=1e-6)
