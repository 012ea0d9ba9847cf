"""Rounds are numbered as the official draws of the lottery 6/45, all 1,238 real ones."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import pytest

from tests.harness.databases import Database
from tests.harness.server import ROOT
from tests.luckywalk.weeks import Week, open_week


def real_draws() -> list[dict[str, str]]:
    with (ROOT / "demo/data/lotto645_draws.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_real_draw_has_its_official_number(module_db: Database) -> None:
    draws = real_draws()
    assert len(draws) == 1238
    numbers = module_db.rows(
        "select luckywalk.round_no_of_day(d) as round_no from unnest(%s::date[]) with ordinality as o (d, n) "
        "order by n",
        [draw["draw_date"] for draw in draws],
    )
    assert [row["round_no"] for row in numbers] == [int(draw["draw_no"]) for draw in draws]


def test_every_day_from_sunday_to_saturday_belongs_to_the_saturdays_draw(module_db: Database) -> None:
    draws = real_draws()
    days = [
        (date.fromisoformat(d["draw_date"]) - timedelta(days=n), d["draw_no"])
        for d in draws
        for n in range(7)
    ]
    wrong = module_db.rows(
        "select d, n from unnest(%s::date[], %s::integer[]) as o (d, n) "
        "where luckywalk.round_no_of_day(d) <> n",
        [day for day, _ in days],
        [int(number) for _, number in days],
    )
    assert wrong == []


def test_the_planned_times_of_every_real_draw_are_its_week_in_seoul(module_db: Database) -> None:
    draws = real_draws()
    rows = module_db.rows(
        "select p.* from generate_series(1, %s) as n, lateral luckywalk.planned_round(n) as p", len(draws)
    )
    for row, draw in zip(rows, draws, strict=True):
        week = Week(int(draw["draw_no"]))
        assert str(week.saturday) == draw["draw_date"]
        assert row["opens_at"] == week.opens_at
        assert row["closes_at"] == week.closes_at
        assert row["draws_at"] == week.draws_at
        assert row["settles_at"] == week.settles_at


@pytest.mark.parametrize("round_no", [1, 1100, 1238])
def test_the_job_makes_the_round_of_the_real_week(db: Database, round_no: int) -> None:
    week = open_week(db, Week(round_no))
    (row,) = db.rows("select * from luckywalk.rounds")
    assert (row["round_no"], row["opens_at"], row["closes_at"]) == (round_no, week.opens_at, week.closes_at)


def test_real_winning_numbers_are_numbers_that_can_be_entered(module_db: Database) -> None:
    for draw in real_draws():
        numbers = [int(draw[f"n{n}"]) for n in range(1, 7)]
        mask = module_db.value("select luckywalk.numbers_to_mask(%s)", numbers)
        assert module_db.value("select luckywalk.mask_to_numbers(%s)", mask) == sorted(numbers)
