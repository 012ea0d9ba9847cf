"""The rules on our own database: nothing is found, but what advise.yaml leaves with its reason."""

from __future__ import annotations

import pytest

from dotbase.advise import declared
from dotbase.advise.rules import rules
from dotbase.advise.run import Advice, advise
from dotbase.project import Project
from tests.harness import coverage
from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.server import ROOT
from tests.harness.target import variables

HOUSE = declared.read(Project(ROOT))


@pytest.fixture(scope="module")
def lived(module_db: Database) -> Database:
    """With the partitions that jobs make, and a round."""
    assert module_db.run_job("make_partitions")
    assert module_db.run_job("open_round")
    assert module_db.value("select count(*) from luckywalk.rounds") == 1
    return module_db


def said(db: Database) -> Advice:
    return advise(db.owner, HOUSE, variables(db.server.master_key_file))


def test_nothing_is_found_on_ourselves(lived: Database) -> None:
    advice = said(lived)
    # Neither is what a project on Supabase has in public ours, nor where the tests count coverage.
    ours = [f for f in advice.findings if f.schema not in (coverage.SCHEMA, "public")]
    assert [f"{finding.key} {finding.detail}" for finding in ours] == []
    assert (advice.skipped == []) == coverage.THERE
    assert advice.stale == []
    # All that are listed: no one database has a movable clock and a real one.
    count("advice: findings on ourselves (suppressed count as findings)", len(HOUSE.declared.suppress))


def test_it_only_reads(lived: Database) -> None:
    advice = said(lived)
    assert advice.rules == len(rules())
