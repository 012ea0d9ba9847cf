"""Hijack: the thief puts a thing of his own where a routine of the owner's would look for another.

Nobody of ours may make temporary objects on plain PostgreSQL, nor write into `public`. Here a careless
superuser has allowed both, as on Supabase, where everybody may make temporary objects.
"""

from __future__ import annotations

from uuid import uuid4

import pytest

from dotbase.render.declarations import policies
from tests.access.world import PROJECT, SHIPPED
from tests.attacks.conftest import OPEN, SETTLED, Town
from tests.attacks.thief import ME, Thief, thief
from tests.harness.people import Person, admin
from tests.harness.target import CRON, OWNER, SUPERUSER, only_on_postgres

TEMPORARY = "grant temporary on database {database} to public"
PUBLIC = "grant usage, create on schema public to public"
# It says so when it runs as somebody else than who planted it.
STEAL = """
create function {schema}.steal(v anyelement) returns boolean language plpgsql as $$
begin
    if current_user not in ('authenticated', 'dotbase_cron') then
        raise notice 'stolen as %', current_user;
    end if;
    return true;
end $$
"""
# Every type that bodies name without a schema and that is no keyword of the grammar.
TYPES: tuple[str, ...] = (
    "uuid",
    "text",
    "jsonb",
    "json",
    "bytea",
    "date",
    "timestamptz",
    "name",
    "regclass",
    "regproc",
)
TYPES += ("regprocedure", "regnamespace", "int4", "int8", "int2", "bool")
TABLES: tuple[str, ...] = (
    "rounds",
    "tickets",
    "claims",
    "daily_progress",
    "errors",
    "settings",
    "balances",
    "transfers",
    "accounts",
)
TABLES += (
    "results",
    "posted",
    "added",
    "jobs",
    "runs",
    "attempts",
    "switch",
    "heartbeats",
    "missed_slots",
    "used_signatures",
    "pg_class",
    "pg_proc",
    "pg_namespace",
    "pg_roles",
)
RPCS = {
    "list_settings": "",
    "set_setting": "'luckywalk.tier3_prize', '51'",
    "my_balances": "",
    "my_walker_profile": "",
    "save_walker_profile": "'thief'",
    "report_steps": "9000",
    "claim_steps": "2000, array[1, 2, 3, 4, 5, 6]",
    "my_today": "",
    "my_tickets": str(SETTLED.round_no),
    "my_ticket_proof": f"'{uuid4()}'",
    "enter_result": f"{SETTLED.round_no}, array[3, 11, 19, 27, 35, 43]",
    "correct_result": f"{SETTLED.round_no}, array[1, 2, 3, 4, 5, 6], 'mine'",
    "close_round": str(SETTLED.round_no),
    "draw_round": str(SETTLED.round_no),
    "settle_round": str(SETTLED.round_no),
    "trigger_job": "'create_new_round'",
}
JOBS = (
    "create_new_round",
    "close_round",
    "draw_apply_results",
    "settle_round",
    "make_partitions",
    "purge_job_history",
)
# What the watcher, catch_up and pg_cron's upkeep call beside runs.
AROUND_RUNS = (
    "record_heartbeat('watch')",
    "reconcile_overdue()",
    "cancel_overdue()",
    "mark_crashed()",
    "lease_waiting()",
    "requeue_run(1, '0')",
    "declared_lines()",
    "drifted_lines()",
    "sync_pg_cron()",
    "purge_pg_cron_history(1)",
)
# What an RPC says at its end to whom it lets in; the others return.
SAYS = {
    "my_ticket_proof": "ticket_not_found",
    "correct_result": "round_already_settled",
}
# The administrator walks no steps and has no profile.
TO_ADMIN = {**SAYS, "my_walker_profile": "walker_profile_not_found", "claim_steps": "not_enough_steps"}


def plant_types(t: Thief) -> None:
    t.does(STEAL.format(schema="pg_temp"))
    for name in TYPES:
        t.does(f"create domain pg_temp.{name} as pg_catalog.{name} check (pg_temp.steal(value))")


def plant_tables(t: Thief) -> None:
    """Tables with rules of his own; who reads them instead of ours fails, or says so."""
    t.does(STEAL.format(schema="pg_temp"))
    for name in TABLES:
        t.does(f"create temporary table {name} (round_no integer, user_id pg_catalog.uuid)")
        t.does(f"insert into pg_temp.{name} values (1, null)")


def plant_functions(t: Thief) -> None:
    """Better matches than pg_catalog's own, in the two schemas that he may write in, first on his path."""
    for schema in ("pg_temp", "public"):
        t.does(STEAL.format(schema=schema))
        for signature, result in (
            ("format(text, text)", "text"),
            ("now()", "timestamptz"),
            ("sum(integer)", "bigint"),
            ("floor(numeric)", "numeric"),
            ("sha256(bytea)", "bytea"),
            ("encode(bytea, text)", "text"),
            ("uid()", "uuid"),
            ("require_user()", "uuid"),
            ("business_day(timestamptz)", "date"),
        ):
            t.does(
                f"create function {schema}.{signature} returns {result} language sql as "
                f"$$ select case when {schema}.steal(1) then null::{result} end $$"
            )
        for left, operator, right in (
            ("uuid", "=", "uuid"),
            ("integer", "=", "integer"),
            ("text", "=", "text"),
            ("jsonb", "->>", "text"),
            ("bigint", "&", "bigint"),
            ("date", "-", "date"),
        ):
            result = "boolean" if operator == "=" else "text"
            t.does(
                f"create function {schema}.op(a {left}, b {right}) returns {result} language sql as "
                f"$$ select {schema}.steal(1)::{result} $$"
            )
            t.does(
                f"create operator {schema}.{operator} "
                f"(leftarg = {left}, rightarg = {right}, function = {schema}.op)"
            )
            t.does(f"alter function {schema}.op({left}, {right}) rename to op_{left}_{right}")
    t.does("set local search_path = pg_temp, public, api, luckywalk, pg_catalog")


PLANTS = {"types": plant_types, "tables": plant_tables, "functions": plant_functions}
by_plant = pytest.mark.parametrize("plant", PLANTS)


@pytest.fixture
def rpcs(town: Town) -> dict[str, str]:
    """Every RPC of ours, and a call of it that gets to its end."""
    assert set(RPCS) == {
        rpc for one in policies.of(PROJECT) if one.app in SHIPPED for rpc in one.policies.rpcs
    }
    assert {row["name"] for row in town.db.rows("select name from core.rpcs")} >= set(RPCS)
    return RPCS


def _is_its_end(rpc: str, person: Person, answer: object, role: str) -> bool:
    """Whether an RPC did its work, or said what it says to this person without a thief."""
    if role == "administrator" and person is not admin:
        return answer == "not_administrator"
    says = TO_ADMIN if person is admin else SAYS
    return answer == says[rpc] if rpc in says else isinstance(answer, list)


@by_plant
@pytest.mark.parametrize("person", [ME, admin], ids=lambda person: person.name)
def test_a_client_wants_his_own_code_run_by_the_owner_in_an_rpc(
    plant: str, person: Person, rpcs: dict[str, str], town: Town
) -> None:
    roles = {rpc: role for one in policies.of(PROJECT) for rpc, [role, *_] in one.policies.rpcs.items()}
    with thief(town.db, "authenticator", "authenticated", person.claims, (TEMPORARY, PUBLIC)) as t:
        PLANTS[plant](t)
        for schema in ("api", "luckywalk", "core", "ledger", "jobs"):
            for rpc, arguments in rpcs.items():
                answer = t.tries(f"select * from {schema}.{rpc}({arguments})")
                if schema == "api":
                    assert _is_its_end(rpc, person, answer, roles[rpc]), f"{rpc}: {answer}"
                else:
                    assert answer not in ("internal_error", "0A000", "42703", "42804"), (
                        f"{schema}.{rpc}: {answer}"
                    )
        assert not [said for said in t.heard if "stolen" in said]


@by_plant
def test_a_walker_wants_a_trap_in_the_way_of_his_own_claim_to_change_it(plant: str, town: Town) -> None:
    with thief(town.db, "authenticator", "authenticated", ME.claims, (TEMPORARY, PUBLIC)) as t:
        PLANTS[plant](t)
        [ticket] = t.does(
            "select step, round_no, numbers from api.claim_steps(3000, array[1, 2, 3, 4, 5, 6])"
        )
        assert ticket == (3000, OPEN.round_no, [1, 2, 3, 4, 5, 6])
        assert t.tries("select * from api.claim_steps(4000)") == "not_enough_steps"


@only_on_postgres("there pg_cron runs as the owner, `postgres`")
@by_plant
def test_pg_crons_role_wants_his_own_code_run_by_the_owner_in_a_job(plant: str, town: Town) -> None:
    with thief(town.db, CRON, None, None, (TEMPORARY, PUBLIC)) as t:
        PLANTS[plant](t)
        for job in JOBS:
            [(job_no,)] = t.does("select jobs.lock_job(%s)", job)
            [(run_id,)] = t.does("select jobs.lease_due(%s)", job)
            if run_id is not None:
                t.does("select jobs.work(%s)", run_id)
            t.does("select jobs.unlock_job(%s)", job_no)
        for routine in AROUND_RUNS:
            t.does(f"select jobs.{routine}")
        assert not [said for said in t.heard if "stolen" in said]
        t.does("reset session authorization")
        failed = t.does("select message from jobs.attempts where status <> 'succeeded'")
    assert failed == []


def test_a_stranger_wants_money_by_a_trigger_of_the_ledger_on_a_table_of_his_own(town: Town) -> None:
    """Its balances move by whatever rows the trigger is handed."""
    with thief(town.db, slips=(TEMPORARY, "grant usage on schema ledger, luckywalk, core to public")) as t:
        t.does(
            "create temporary table posted (user_id uuid, transfer_key text, debit_account text, "
            "credit_account text, amount bigint, created_at timestamptz)"
        )
        for routine in (
            "ledger.move_balances",
            "ledger.prove_transfers",
            "ledger.refuse_change",
            "luckywalk.guard_new_tickets",
            "luckywalk.guard_round",
        ):
            t.gets_nothing(
                "create trigger mine after insert on pg_temp.posted referencing new table as posted "
                f"for each statement execute function {routine}()"
            )


def test_a_stranger_wants_his_namesake_to_be_called_instead_of_the_rpc(town: Town) -> None:
    """PostgREST finds functions in `api` alone, though `public` is on its path."""
    signatures = ("threshold integer", "threshold integer, numbers integer[], steps integer default 1")
    with town.db.server.connect(town.db.name, user=SUPERUSER) as careless:
        for arguments in signatures:
            careless.execute(
                f"create function public.claim_steps({arguments}) returns text "
                "language sql return 'mine'".encode()
            )
        try:
            with town.db.sessions(1) as [session]:
                session.reload()
                assert session.call(ME, "claim_steps", threshold=9000).code == "not_enough_steps"
                assert session.call(ME, "claim_steps", threshold=9000, steps=1).code == "PGRST202"
        finally:
            careless.execute("drop function public.claim_steps(integer)")
            careless.execute("drop function public.claim_steps(integer, integer[], integer)")


def test_a_stranger_wants_an_overload_in_the_exposed_schema(town: Town) -> None:
    with thief(town.db, slips=(PUBLIC, "grant usage on schema api to public")) as t:
        t.gets_nothing(
            "create function api.claim_steps(threshold text) returns text language sql return 'mine'",
            "create function api.claim_steps(variadic threshold integer[]) "
            "returns text language sql return 'mine'",
            "create view api.my_tickets as select 1 as one",
            "create domain api.claims as text",
            "create table api.tickets ()",
        )


def test_a_walker_wants_another_function_by_other_arguments(town: Town) -> None:
    with thief(town.db, "authenticator", "authenticated", ME.claims) as t:
        t.gets_nothing(
            "select * from api.claim_steps(variadic array[1000, 2000])",
            "select * from api.claim_steps(threshold => 1000, user_id => gen_random_uuid())",
            "select * from api.claim_steps(threshold => 1000, threshold => 9000)",
            "select * from api.claim_steps(1000, array[1, 2, 3, 4, 5, 6], 10000)",
            "select * from api.claim_steps('{1000}'::integer[])",
            "select * from api.my_tickets(user_id => gen_random_uuid(), round_no => 1153)",
            code=("42883", "42601", "42809", "42725"),
        )


def test_a_walker_wants_a_plan_prepared_by_the_owner(town: Town) -> None:
    """A pooled session keeps prepared statements; rights are asked for when they run."""
    slips = (
        "prepare all_tickets as select * from luckywalk.tickets",
        "prepare a_secret as select * from core.secrets",
    )
    with thief(town.db, "authenticator", "authenticated", ME.claims, slips) as t:
        t.gets_nothing("execute all_tickets", "execute a_secret")


def test_the_owner_is_who_the_definer_functions_run_as(town: Town) -> None:
    """Else the tests above would listen for the wrong name: planted in a body of the owner's, it is heard."""
    slip = (
        f"set local role {OWNER}; create function api.naive() returns text language plpgsql security definer "
        "set search_path = '' as 'declare v_one text; begin v_one := 1; return v_one; end'; "
        "grant execute on function api.naive() to authenticated; reset role"
    )
    with thief(town.db, "authenticator", "authenticated", ME.claims, (TEMPORARY, slip)) as t:
        plant_types(t)
        t.does("select api.naive()")
        assert f"stolen as {OWNER}" in t.heard
