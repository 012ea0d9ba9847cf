"""Switching a job off: that one and no other, also where there is no pg_cron to take it off."""

from __future__ import annotations

import pytest

from tests.harness.databases import Database
from tests.harness.refusals import refused

OFF = "select job_name from jobs.jobs where switched_off"


def test_one_job_is_switched_off_and_on_again(db: Database) -> None:
    assert db.rows(OFF) == []
    db.value("select jobs.set_enabled('draw_round', false)")
    assert db.rows(OFF) == [{"job_name": "draw_round"}]
    db.value("select jobs.set_enabled('draw_round', true)")
    assert db.rows(OFF) == []


@pytest.mark.parametrize("enabled", [True, False])
def test_a_job_that_nobody_declared_cannot_be_switched(module_db: Database, enabled: bool) -> None:
    with refused("job_not_found"):
        module_db.owner.execute("select jobs.set_enabled('no_such_job', %s)", [enabled])
    assert module_db.rows(OFF) == []
