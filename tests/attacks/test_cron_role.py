"""pg_cron's role as the attacker: fault 42, code of a lower role that a higher one runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.attacker import attacker
from tests.attacks.conftest import Attacked
from tests.harness.clones import Clones
from tests.harness.databases import Database
from tests.harness.server import Server
from tests.harness.target import CRON, OWNER, only_on_postgres
from tests.jobs.live import live_database

pytestmark = only_on_postgres("there pg_cron's lines are the owner's, `postgres`")
ROUTINES = """
select p.oid::regprocedure::text, case p.prokind when 'p' then 'procedure' else 'function' end
from pg_proc as p
where p.pronamespace = 'jobs'::regnamespace and has_function_privilege(current_user, p.oid, 'execute')
"""


@pytest.fixture
def live(server: Server, clones: Clones, pg_cron: None) -> Iterator[Database]:
    """pg_cron's database; here, all is rolled back."""
    with live_database(server, clones) as database:
        yield database


def test_it_wants_to_change_what_the_owner_and_superusers_run(live: Database) -> None:
    with attacker(live, CRON) as t:
        routines = t.runs(ROUTINES)
        assert ("jobs.sync_pg_cron()", "function") in routines
        for name, kind in routines:
            t.is_refused(
                f"alter {kind} {name} security invoker",
                f"alter {kind} {name} set search_path = public",
                f"alter {kind} {name} set role = 'dotbase_owner'",
                f"alter {kind} {name} owner to dotbase_cron",
                f"alter {kind} {name} rename to mine",
                f"drop {kind} {name}",
            )
        t.is_refused(
            "create or replace function jobs.sync_pg_cron() returns boolean language sql return true",
            "create function jobs.to_regclass(text) returns regclass language sql return null",
            "create function public.mine() returns integer language sql return 1",
            "create trigger mine before insert on cron.job execute function jobs.refuse_transition()",
            "create event trigger mine on ddl_command_end execute function jobs.refuse_transition()",
            "create temporary table job ()",
        )


def test_it_owns_nothing_anywhere(live: Database) -> None:
    """In this database or shared by all of them."""
    owned = "select * from pg_shdepend where refobjid = %s::regrole and deptype = 'o'"
    assert live.rows(owned, CRON) == []


@pytest.mark.parametrize("role", [None, OWNER])
def test_what_it_sets_for_itself_does_not_reach_who_writes_its_lines(
    role: str | None, live: Database
) -> None:
    """A superuser, or the owner, reschedules: every line stays its own, and he stays who he is."""
    with attacker(live, CRON) as t:
        t.runs("alter role dotbase_cron set search_path = public")
        t.runs("select cron.unschedule('draw_apply_results')")
        command = "call jobs.run(''draw_apply_results'') -- mine"
        t.runs(f"select cron.schedule('draw_apply_results', '* * * * *', '{command}')")
        t.runs("reset session authorization")
        if role is not None:
            t.runs(f"set local role {role}")
        before = t.runs("select current_user, session_user, current_setting('role')")
        assert t.runs("select jobs.sync_pg_cron()") == [(True,)]
        assert t.runs("select current_user, session_user, current_setting('role')") == before
        t.runs("reset role")
        ours = "select distinct username::text from cron.job where starts_with(command, 'call jobs.')"
        assert t.runs(ours) == [(CRON,)]
        line = "select command from cron.job where jobname = 'draw_apply_results'"
        assert t.runs(line) == [("call jobs.run('draw_apply_results')",)]


def test_it_wants_to_run_what_no_job_of_its_own_is(attacked: Attacked) -> None:
    """It runs only runs that its session has leased, and leases only what is due."""
    before = attacked.contents()
    with attacker(attacked.db, CRON) as t:
        t.is_refused("select jobs.work(1)", code=["55000", "42501"])
        t.is_refused(
            "select jobs.set_live(false)",
            "select jobs.switch_all(false)",
            "select jobs.switch_job('draw_apply_results', false)",
            "select jobs.purge_history(1)",
            "select jobs.purge_pg_cron_history(0)",
            "select jobs.drifted_lines()",
            "select jobs.start_run(1, 'owner')",
            "select jobs.advance_cursor(null, now())",
        )
    assert attacked.contents() == before
