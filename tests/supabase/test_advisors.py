"""Supabase's advisors and the checker of bodies find nothing on us but what is listed with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness import coverage
from tests.harness.apps import registered
from tests.harness.declared import APPS
from tests.harness.figures import count
from tests.harness.refusals import rolled_back
from tests.harness.server import Server
from tests.harness.supabase import ADMIN, OURS
from tests.supabase import platform
from tests.supabase.advisors import OF_USE, PROGRAM, Finding, advised, configured, excepted, linted
from tests.supabase.platform import SupabaseDatabase

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="`make node-packages` brings Supabase's program")


@dataclass
class Advised:
    """A database with everything of ours, and what was found on it before that."""

    database: SupabaseDatabase
    folder: Path
    before: set[Finding]

    def findings(self) -> set[Finding]:
        """What is found on us."""
        return {f for f in advised(self.database, self.folder) - self.before if f.rule not in OF_USE}


@pytest.fixture(scope="module")
def us(supabase: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Advised]:
    """Migrated with the real clock, as people have it, with partitions and a round."""
    database = platform.create(supabase, f"advised_{os.getpid()}")
    folder = configured(tmp_path_factory.mktemp("advised"))
    before = advised(database, folder)
    platform.dotbase(database, "migrate", "--target", "supabase")
    # Their slots come later than this test.
    for said in registered().values():
        for statement in said.later:
            assert database.value(statement)
    if coverage.THERE:
        with supabase.connect(database.name, user=ADMIN) as admin:
            admin.execute("create extension plpgsql_check with schema extensions")
    yield Advised(database, folder, before)
    platform.drop(database)


def test_the_advisors_find_what_is_listed_and_nothing_else(us: Advised) -> None:
    listed = excepted()
    found = us.findings()
    others = {finding for finding in found if (finding.rule, finding.object) not in listed}
    count("findings of Supabase's advisors on us, beside the listed exceptions", len(others))
    count("listed exceptions of Supabase's advisors", len(listed))
    assert others == set()
    stale = listed.keys() - {(finding.rule, finding.object) for finding in found}
    assert stale == set(), "these exceptions match nothing any more"


def test_every_exception_is_one_of_the_two_kinds_that_the_design_allows(us: Advised) -> None:
    """Procedures that commit, and functions whose body is one bound expression: nothing else."""
    for rule, name in excepted():
        assert rule == "function_search_path_mutable"
        [routine] = us.database.rows(
            "select prokind = 'p' and not prosecdef and prosrc ~ 'commit;' as commits, "
            "prosqlbody is not null and not prosecdef and not proretset as one_line "
            "from pg_proc where pronamespace::regnamespace || '.' || proname = %s",
            name,
        )
        assert routine["commits"] or routine["one_line"], name


def test_the_checker_of_bodies_finds_nothing(us: Advised, plpgsql_check: None) -> None:
    schemas = [s for s in OURS if us.database.value("select to_regnamespace(%s) is not null", s)]
    assert set(APPS) <= set(schemas)
    assert linted(us.database, us.folder, schemas) == set()


HOLES = [
    ("create table api.hole (x int); grant select on api.hole to anon", "rls_disabled_in_public", "api.hole"),
    ("drop policy nobody on core.secrets", "rls_enabled_no_policy", "core.secrets"),
    (
        "create view api.peep_hole as select * from core.settings; grant select on api.peep_hole to anon",
        "security_definer_view",
        "api.peep_hole",
    ),
    (
        "create function core.hole() returns int language sql as 'select 1'",
        "function_search_path_mutable",
        "core.hole",
    ),
    (
        "create policy hole on luckywalk.rounds for select to anon using (auth.uid() is null)",
        "auth_rls_initplan",
        "luckywalk.rounds",
    ),
]


def test_every_hole_is_found(us: Advised) -> None:
    database = platform.copy(us.database, f"holes_{os.getpid()}")
    try:
        for hole, _, _ in HOLES:
            database.owner.execute(hole.encode())
        found = {(finding.rule, finding.object) for finding in advised(database, us.folder)}
        assert {(rule, name) for _, rule, name in HOLES} <= found - excepted().keys()
    finally:
        platform.drop(database)


def test_a_broken_body_is_found(us: Advised, plpgsql_check: None) -> None:
    us.database.owner.execute(
        "create function core.broken() returns int language plpgsql set search_path = '' as $$"
        "begin return (select x from core.settings); end; $$"
    )
    try:
        [finding] = linted(us.database, us.folder, ["core"])
        assert finding.object == "core.broken"
    finally:
        us.database.owner.execute("drop function core.broken()")


def test_a_table_that_is_closed_stays_closed_to_a_policy_and_a_grant_made_by_hand(us: Advised) -> None:
    owner = us.database.owner
    with rolled_back(owner):
        owner.execute("create policy hole on core.errors for select to anon using (true)")
        owner.execute("grant select on core.errors to anon")
        owner.execute("grant usage on schema core to anon")
        owner.execute("set local role anon")
        assert us.database.value("select count(*) from core.errors") == 0
