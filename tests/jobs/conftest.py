"""Fixtures of the jobs' tests; the one that waits for pg_cron's launcher comes last of all."""

from __future__ import annotations

import pytest

from tests.harness.databases import Database
from tests.jobs.shop import open_shop, stock

FIRST = "test_a_declared_job_is_armed_on_pg_cron"
LAST = "test_the_launcher_has_fired_the_armed_job"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Arm pg_cron before all other tests and look at what it did after them: nobody waits for it."""
    items.sort(key=lambda item: {FIRST: -1, LAST: 1}.get(item.name, 0))


@pytest.fixture
def shop(db: Database) -> Database:
    """A database with jobs of the tests' own, at Monday, 6 January 2025, 09:30 in Seoul."""
    open_shop(db)
    db.clock("2025-01-06 09:30")
    return db


@pytest.fixture
def quiet(db: Database) -> Database:
    """The tests' business functions without any job, live, at the same moment."""
    stock(db)
    db.clock("2025-01-06 09:30")
    db.owner.execute("select jobs.set_live(true)")
    return db
