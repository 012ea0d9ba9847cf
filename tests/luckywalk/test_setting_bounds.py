"""Settings of the lottery: each has the bounds of the rules, to the won and to the minute."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.databases import Database
from tests.harness.people import admin
from tests.harness.refusals import assert_says

POT = 10_000_000_000
PRIZE = 10_000_000
# Setting, lowest and highest value, and the nearest that are refused.
BOUNDS: list[tuple[str, Any, Any, list[Any]]] = [
    ("tier1_pot", 0, POT, [-1, POT + 1]),
    ("tier2_pot", 0, POT, [-1, POT + 1]),
    ("tier3_prize", 0, PRIZE, [-1, PRIZE + 1]),
    ("tier4_prize", 0, PRIZE, [-1, PRIZE + 1]),
    ("tier5_prize", 0, PRIZE, [-1, PRIZE + 1]),
    ("opening_time", "00:00", "23:59", []),
    ("closing_time", "00:00", "20:30", ["20:31"]),  # the numbers are known from 20:35 on (fault 47)
    ("closing_wait_seconds", 1, 60, [0, 61]),
    ("draw_time", "20:50", "23:59", ["20:49"]),
    ("settlement_time", "00:00", "12:29", ["12:30"]),
]


@pytest.mark.parametrize(("name", "lowest", "highest", "beyond"), BOUNDS, ids=[bound[0] for bound in BOUNDS])
def test_a_setting_goes_to_its_bounds_and_no_further(
    module_db: Database, name: str, lowest: object, highest: object, beyond: list[object]
) -> None:
    for value in (lowest, highest):
        answer = module_db.call(admin, "set_setting", name=f"luckywalk.{name}", value=value)
        assert answer.row["value"] == value
    for value in beyond:
        answer = module_db.call(admin, "set_setting", name=f"luckywalk.{name}", value=value)
        assert_says(answer, "setting_invalid")
