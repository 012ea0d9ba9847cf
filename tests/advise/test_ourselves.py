"""The rules on our own database: nothing is found, but what advise.yaml leaves with its reason."""

from __future__ import annotations

import pytest

from dotbase.advise import declared
from dotbase.advise.run import Advice, advise, check, looked_at, prepare
from dotbase.render.project import Project
from tests.harness import coverage
from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.refusals import rolled_back
from tests.harness.server import ROOT
from tests.harness.target import variables

HOUSE = declared.read(Project(ROOT))


@pytest.fixture(scope="module")
def lived(module_db: Database) -> Database:
    """With the partitions that jobs make, and this week's round: on Saturday evening none opens."""
    module_db.clock(module_db.value("select date_trunc('week', now(), 'Asia/Seoul') + interval '60 hours'"))
    assert module_db.run_job("make_partitions")
    assert module_db.run_job("create_new_round")
    assert module_db.value("select count(*) from luckywalk.rounds") == 1
    return module_db


def said(db: Database) -> Advice:
    return advise(db.owner, HOUSE, variables(db.server.master_key_file), ours=True)


def test_nothing_is_found_on_ourselves(lived: Database) -> None:
    advice = said(lived)
    # Neither is what a project on Supabase has in public ours, nor where the tests count coverage.
    ours = [f for f in advice.findings if f.schema not in (coverage.SCHEMA, "public")]
    assert [f"{finding.key} {finding.detail}" for finding in ours] == []
    assert (advice.skipped == []) == coverage.THERE
    assert advice.stale == []
    # All that are listed: no one database has a movable clock and a real one.
    count("advice: findings on ourselves (suppressed count as findings)", len(HOUSE.declared.suppress))


HOLES = {
    "create view api.peep_hole as select name from core.settings": [
        "DB014 api.peep_hole",
        "DB214 api.peep_hole",
    ],
    "grant execute on function luckywalk.my_tickets to public": ["DB012 luckywalk.my_tickets"],
    "alter function luckywalk.claim_steps reset search_path": ["DB102 luckywalk.claim_steps"],
    "alter function luckywalk.numbers_to_mask immutable": ["DB105 luckywalk.numbers_to_mask"],
    "drop index core.error_constraints_error_name_idx": [
        "DB302 core.error_constraints.error_constraints_error_name_fkey"
    ],
    "alter table ledger.balances no force row level security": ["DB006 ledger.balances"],
    "create policy hole on luckywalk.rounds for select to anon using (auth.uid() is null)": [
        "DB001 luckywalk.rounds.hole",
        "DB003 luckywalk.rounds.anon select",
        "DB011 luckywalk.rounds.hole",
    ],
    "create function ledger.grab() returns void language sql set search_path = pg_catalog, pg_temp "
    "as 'delete from luckywalk.claims'; comment on function ledger.grab() is 'Takes.'; "
    "revoke execute on function ledger.grab() from public": ["DB106 ledger.grab"],
    "create trigger slow after insert on ledger.transfers for each row "
    "execute function ledger.refuse_change()": ["DB203 ledger.transfers.slow"],
    "alter table core.secrets add unique (ciphertext, name), add check (name <> '')": [
        "DB206 core.secrets.secrets_name_check"
    ],
    "do $$ begin execute (select string_agg(format('drop table %s', inhrelid::regclass), '; ') "
    "from pg_inherits where inhparent = 'luckywalk.tickets'::regclass); end $$": ["DB404 luckywalk.tickets"],
}


def keys(db: Database) -> set[str]:
    prepare(db.owner)
    where = looked_at(db.owner, variables(db.server.master_key_file))
    return {finding.key for finding in check(db.owner, HOUSE.declared, where, ours=True)[0]}


def test_what_somebody_opens_by_hand_is_found_and_nothing_else(lived: Database) -> None:
    with rolled_back(lived.owner):
        before = keys(lived)
        lived.owner.execute("reset search_path")
        for hole in HOLES:
            lived.owner.execute(hole.encode())
        assert keys(lived) - before == {key for found in HOLES.values() for key in found}
