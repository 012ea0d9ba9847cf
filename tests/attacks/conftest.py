"""Two walkers with something worth stealing, and the count of attacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.attacks.thief import ME, STRANGER, VICTIM
from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.people import admin
from tests.luckywalk.weeks import LOSING, WEEK, WINNING, buy, draw_week, open_week, settle_week

SETTLED, CORRECTED, OPEN = WEEK, WEEK.next, WEEK.next.next


def pytest_make_parametrize_id(val: object) -> str | None:
    """His name has the process in it: a test's own name is the same for every worker."""
    return "stranger" if val == STRANGER else None


@pytest.fixture(autouse=True)
def attack(request: pytest.FixtureRequest) -> Iterator[None]:
    """Counted when it was repelled: an attack that works fails its test and the run."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed == failed:
        count("attacks by hand, all repelled")


@dataclass(frozen=True)
class Town:
    """A settled week, one that waits to be drawn again after a correction, and an open one."""

    db: Database
    ticket: str  # the victim's, in the settled week

    def loot(self) -> dict[str, Any]:
        """All that is worth taking, as the owner sees it."""
        tables: tuple[str, ...] = (
            "luckywalk.tickets",
            "luckywalk.claims",
            "luckywalk.daily_progress",
            "luckywalk.user_profiles",
        )
        tables += (
            "luckywalk.rounds",
            "luckywalk.results_user",
            "luckywalk.draw_results",
            "luckywalk.round_tiers",
        )
        tables += ("ledger.transfers", "ledger.balances", "core.settings", "core.setting_changes")
        query = " union all ".join(
            f"select '{t}' as t, md5(string_agg(x::text, '' order by x::text)) as h from {t} as x"
            for t in tables
        )
        return {row["t"]: row["h"] for row in self.db.rows(query)}


@pytest.fixture(scope="module")
def town(module_db: Database) -> Town:
    """Everybody's tests of a file look at one town; what they do is refused or rolled back."""
    db = module_db
    for person in (ME, VICTIM):
        assert db.call(person, "save_walker_profile", nickname=f"walker {person.name[-1]}").ok
    open_week(db)
    buy(db, ME, LOSING)
    [ticket] = buy(db, VICTIM, WINNING)
    draw_week(db)
    settle_week(db)
    open_week(db, CORRECTED)
    for person in (ME, VICTIM):
        buy(db, person, WINNING)
    draw_week(db, CORRECTED)
    assert db.call(
        admin, "correct_draw_result", round_no=CORRECTED.round_no, numbers=LOSING, reason="Read wrongly."
    ).ok
    open_week(db, OPEN)
    buy(db, VICTIM, WINNING)
    assert db.call(ME, "report_steps", steps=3500).ok
    return Town(db, str(ticket["ticket_id"]))
