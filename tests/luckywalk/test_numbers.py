"""Numbers: six different ones of 1 to 45, and nothing else, whichever way they are sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.databases import Database
from tests.harness.people import admin, walker
from tests.luckywalk.weeks import claim, mask_of, walk

VALID = st.lists(st.integers(1, 45), min_size=6, max_size=6, unique=True)
NEAR = st.one_of(st.none(), st.integers(-1, 47))
FAR = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1))


def is_valid(numbers: list[int | None]) -> bool:
    return len(numbers) == 6 and len(set(numbers)) == 6 and all(n and 1 <= n <= 45 for n in numbers)


def with_one_else(numbers: list[int], place: int, other: int | None) -> list[int | None]:
    return [*numbers[:place], other, *numbers[place + 1 :]]


ONE_WRONG = st.builds(
    with_one_else, VALID, st.integers(0, 5), st.sampled_from([None, -1, 0, 46, 47, 63, 64, 65])
)
INVALID: st.SearchStrategy[list[int | None]] = st.one_of(
    ONE_WRONG, st.lists(NEAR, max_size=8), st.lists(FAR, min_size=5, max_size=7)
).filter(lambda numbers: not is_valid(numbers))


@pytest.fixture(autouse=True, scope="module")
def _walked(week_db: Database) -> None:
    walk(week_db, walker(1))


@settings(max_examples=200, deadline=None, database=None)
@given(numbers=INVALID)
def test_anything_but_six_different_numbers_is_refused(week_db: Database, numbers: list[int | None]) -> None:
    refused = week_db.call(walker(1), "claim_steps", threshold=1000, numbers=numbers)
    assert (refused.status, refused.code) == (400, "lottery_numbers_invalid")
    assert week_db.call(walker(1), "my_today").row["claimed"] == []


@settings(max_examples=50, deadline=None, database=None)
@given(numbers=VALID)
def test_six_different_numbers_become_their_mask_and_come_back_in_order(
    week_db: Database, numbers: list[int]
) -> None:
    mask = week_db.value("select luckywalk.numbers_to_mask(%s)", numbers)
    assert mask == mask_of(numbers)
    assert week_db.value("select luckywalk.mask_to_numbers(%s)", mask) == sorted(numbers)


@pytest.mark.parametrize(
    "body",
    [
        '{"threshold": 2000, "numbers": [[1, 2, 3], [4, 5, 6]]}',
        '{"threshold": 2000, "numbers": [[1, 2, 3, 4, 5, 6]]}',
        '{"threshold": 2000, "numbers": []}',
        '{"threshold": 2000, "numbers": [1, 2, 3, 4, 5, 6, 6]}',
        '{"threshold": 2000, "numbers": [1, 2, 3, 4, 5, null]}',
        '{"threshold": 2000, "numbers": "{1,2,3,4,5}"}',
    ],
)
def test_other_shapes_of_json_are_refused_too(week_db: Database, body: str) -> None:
    assert week_db.raw_call(walker(1), "claim_steps", body).code == "lottery_numbers_invalid"


@pytest.mark.parametrize(
    ("numbers", "sqlstate"),
    [
        (["one", 2, 3, 4, 5, 6], "22P02"),
        ([1.5, 2, 3, 4, 5, 6], "22P02"),
        ([2**31, 2, 3, 4, 5, 6], "22003"),
        ({"a": 1}, "22P02"),
    ],
)
def test_what_is_no_list_of_integers_is_refused_by_postgres_itself(
    week_db: Database, numbers: Any, sqlstate: str
) -> None:
    body = json.dumps({"threshold": 2000, "numbers": numbers})
    refused = week_db.raw_call(walker(1), "claim_steps", body)
    assert (refused.status, refused.code) == (400, sqlstate)


@pytest.mark.parametrize("numbers", [[], [0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 46], [1, 2, 3, 4, 5, 5]])
def test_an_administrators_numbers_are_held_to_the_same_rule(week_db: Database, numbers: list[int]) -> None:
    for rpc, more in (("enter_draw_result", {}), ("correct_draw_result", {"reason": "typing error"})):
        refused = week_db.call(admin, rpc, round_no=1153, numbers=numbers, **more)
        assert (refused.status, refused.code) == (400, "lottery_numbers_invalid")


def test_numbers_refused_leave_the_threshold_to_be_claimed(week_db: Database) -> None:
    walk(week_db, walker(2))
    assert (
        week_db.call(walker(2), "claim_steps", threshold=3000, numbers=[1]).code == "lottery_numbers_invalid"
    )
    assert claim(week_db, walker(2), 3000, [1, 2, 3, 4, 5, 6])["numbers"] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("mask", [0, 1 | mask_of([1, 2, 3, 4, 5]), mask_of(range(1, 8)), 1 << 46, -1])
@pytest.mark.parametrize("table", ["tickets", "claims", "rounds"])
def test_no_table_takes_a_mask_that_is_not_six_of_45(week_db: Database, table: str, mask: int) -> None:
    names = week_db.rows(
        "select c.conname from pg_constraint as c "
        "where c.conrelid = %s::regclass and c.conname like '%%_six_of_45'",
        f"luckywalk.{table}",
    )
    assert len(names) == 1
    column = {"tickets": "mask", "claims": "banked_mask", "rounds": "winning_mask"}[table]
    condition = week_db.value(
        "select pg_get_expr(conbin, conrelid) from pg_constraint where conname = %s limit 1",
        names[0]["conname"],
    )
    assert week_db.value(f"select {condition} from (select %s::bigint as {column}) as t", mask) is False
