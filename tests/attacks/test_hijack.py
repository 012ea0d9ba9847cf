"""Hijack: the attacker puts a thing of his own where a routine of the owner's would look for another.

Nobody of ours may make temporary objects on plain PostgreSQL, nor write into `public`. Here a careless
superuser has allowed both, as on Supabase, where everybody may make temporary objects.
"""

from __future__ import annotations

import pytest

from tests.apps.luckywalk import OPEN
from tests.attacks.attacker import ME, Attacker, attacker
from tests.attacks.conftest import Attacked
from tests.harness.apps import said_by
from tests.harness.declared import APPS, FUNCTIONS, RPCS, TABLES, jobs
from tests.harness.people import Person, admin
from tests.harness.rpcs import Rpc, rpcs
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
# What bodies name beside the apps' tables: transition tables, and the catalog.
OTHER_TABLES = ("results", "posted", "added", "pg_class", "pg_proc", "pg_namespace", "pg_roles")
# A run for a moment that no schedule has, so that every job works, whatever its schedule.
QUEUED = (
    "select jobs.trigger_job('{job}', "
    "to_char((core.now() - interval '1 second') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))"
)
# What a run of a job calls, in this order; the others of pg_cron's functions are called by themselves.
OF_A_RUN = ("lock_job", "lease_due", "work", "unlock_job")


def plant_types(t: Attacker) -> None:
    t.runs(STEAL.format(schema="pg_temp"))
    for name in TYPES:
        t.runs(f"create domain pg_temp.{name} as pg_catalog.{name} check (pg_temp.steal(value))")


def plant_tables(t: Attacker) -> None:
    """Tables with rules of his own; who reads them instead of ours fails, or says so."""
    t.runs(STEAL.format(schema="pg_temp"))
    for name in {*OTHER_TABLES, *(table.partition(".")[2] for table in TABLES)}:
        t.runs(f"create temporary table {name} (round_no integer, user_id pg_catalog.uuid)")
        t.runs(f"insert into pg_temp.{name} values (1, null)")


def plant_functions(t: Attacker) -> None:
    """Better matches than pg_catalog's own, in the two schemas that he may write in, first on his path."""
    for schema in ("pg_temp", "public"):
        t.runs(STEAL.format(schema=schema))
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
            t.runs(
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
            t.runs(
                f"create function {schema}.op(a {left}, b {right}) returns {result} language sql as "
                f"$$ select {schema}.steal(1)::{result} $$"
            )
            t.runs(
                f"create operator {schema}.{operator} "
                f"(leftarg = {left}, rightarg = {right}, function = {schema}.op)"
            )
            t.runs(f"alter function {schema}.op({left}, {right}) rename to op_{left}_{right}")
    t.runs(f"set local search_path = pg_temp, public, api, {', '.join(APPS)}, pg_catalog")


PLANTS = {"types": plant_types, "tables": plant_tables, "functions": plant_functions}
by_plant = pytest.mark.parametrize("plant", PLANTS)


def functions_for(role: str) -> dict[str, str]:
    """What a line of policies lets this role call directly, and with which arguments."""
    return {
        f"{app}.{name}": said_by(app).functions.get(name, "")
        for app, functions in FUNCTIONS.items()
        for name, roles in functions.items()
        if role in roles
    }


def _is_its_end(rpc: Rpc, person: Person, answer: object) -> bool:
    """Whether an RPC did its work, or said what it says to this person without an attacker."""
    if "authenticated" not in rpc.roles and "administrator" not in rpc.roles:
        return answer == "42501"
    if "administrator" in rpc.roles and person is not admin:
        return answer == "not_administrator"
    says = rpc.call.to_administrator if person is admin else None
    says = says or rpc.call.says
    return isinstance(answer, list) if says is None else answer == says


@by_plant
@pytest.mark.parametrize("person", [ME, admin], ids=lambda person: person.name)
def test_a_client_wants_his_own_code_run_by_the_owner_in_an_rpc(
    plant: str, person: Person, attacked: Attacked
) -> None:
    calls = rpcs(attacked.db)
    assert {rpc.name for rpc in calls} == set(RPCS)
    with attacker(attacked.db, "authenticator", "authenticated", person.claims, (TEMPORARY, PUBLIC)) as t:
        PLANTS[plant](t)
        for schema in ("api", *APPS):
            for rpc in calls:
                answer = t.tries(rpc.statement(schema))
                if schema == "api":
                    assert _is_its_end(rpc, person, answer), (
                        f"{rpc.name}: {answer}; how it is called, and what it says then, stands in "
                        f"`calls` of tests/apps/{rpc.app}.py"
                    )
                else:
                    assert answer not in ("internal_error", "0A000", "42703", "42804"), (
                        f"{schema}.{rpc.name}: {answer}"
                    )
        for function, arguments in functions_for("authenticated").items():
            t.tries(f"select {function}({arguments})")
        assert not [said for said in t.notices if "stolen" in said]


@by_plant
def test_a_walker_wants_a_trap_in_the_way_of_his_own_claim_to_change_it(
    plant: str, attacked: Attacked
) -> None:
    with attacker(attacked.db, "authenticator", "authenticated", ME.claims, (TEMPORARY, PUBLIC)) as t:
        PLANTS[plant](t)
        [ticket] = t.runs(
            "select step, round_no, numbers from api.claim_steps(3000, array[1, 2, 3, 4, 5, 6])"
        )
        assert ticket == (3000, OPEN.round_no, [1, 2, 3, 4, 5, 6])
        assert t.tries("select * from api.claim_steps(4000)") == "not_enough_steps"


@pytest.fixture(scope="module")
def by_pg_cron(attacked: Attacked) -> dict[str, str]:
    """The functions that pg_cron's role calls by themselves, and how; its procedures commit."""
    procedures = {
        row["name"]
        for row in attacked.db.rows("select oid::regproc::text as name from pg_proc where prokind = 'p'")
    }
    apart = {*(f"jobs.{name}" for name in OF_A_RUN), *procedures}
    return {name: how for name, how in functions_for("cron").items() if name not in apart}


@only_on_postgres("there pg_cron runs as the owner, `postgres`")
@by_plant
def test_pg_crons_role_wants_his_own_code_run_by_the_owner_in_a_job(
    plant: str, attacked: Attacked, by_pg_cron: dict[str, str]
) -> None:
    queued = [QUEUED.format(job=job) for job in jobs()]
    with attacker(attacked.db, CRON, None, None, (TEMPORARY, PUBLIC, *queued)) as t:
        PLANTS[plant](t)
        for job in jobs():
            [(job_no,)] = t.runs("select jobs.lock_job(%s)", job)
            [(run_id,)] = t.runs("select jobs.lease_due(%s)", job)
            if run_id is not None:
                t.runs("select jobs.work(%s)", run_id)
            t.runs("select jobs.unlock_job(%s)", job_no)
        while waiting := t.runs("select run_id, job_no from jobs.lease_waiting()"):
            [(run_id, job_no)] = waiting
            if run_id is not None:
                t.runs("select jobs.requeue_run(%s, jobs.work(%s))", run_id, run_id)
            t.runs("select jobs.unlock_job(%s)", job_no)
        for routine, arguments in by_pg_cron.items():
            t.runs(f"select {routine}({arguments})")
        assert not [said for said in t.notices if "stolen" in said]
        t.runs("reset session authorization")
        t.runs("set local search_path = pg_catalog, pg_temp")
        failed = t.runs("select message from jobs.attempts where status <> 'succeeded'")
        done = t.runs("select job_name from jobs.runs where trigger = 'owner' and status = 'succeeded'")
    assert failed == []
    assert sorted(job for (job,) in done) == sorted(jobs())


def test_a_stranger_wants_money_by_a_trigger_of_the_ledger_on_a_table_of_his_own(attacked: Attacked) -> None:
    """Its balances move by whatever rows the trigger is handed."""
    triggers = [
        row["name"]
        for row in attacked.db.rows(
            "select oid::regproc::text as name from pg_proc "
            "where prorettype = 'trigger'::regtype and pronamespace = any (%s::regnamespace[])",
            list(APPS),
        )
    ]
    assert len(triggers) >= 5
    with attacker(attacked.db, slips=(TEMPORARY, f"grant usage on schema {', '.join(APPS)} to public")) as t:
        t.runs(
            "create temporary table posted (user_id uuid, transfer_key text, debit_account text, "
            "credit_account text, amount bigint, created_at timestamptz)"
        )
        for routine in triggers:
            t.is_refused(
                "create trigger mine after insert on pg_temp.posted referencing new table as posted "
                f"for each statement execute function {routine}()"
            )


def test_a_stranger_wants_his_namesake_to_be_called_instead_of_the_rpc(attacked: Attacked) -> None:
    """PostgREST finds functions in `api` alone, though `public` is on its path."""
    signatures = ("threshold integer", "threshold integer, numbers integer[], steps integer default 1")
    with attacked.db.server.connect(attacked.db.name, user=SUPERUSER) as careless:
        for arguments in signatures:
            careless.execute(
                f"create function public.claim_steps({arguments}) returns text "
                "language sql return 'mine'".encode()
            )
        try:
            with attacked.db.sessions(1) as [session]:
                session.reload()
                assert session.call(ME, "claim_steps", threshold=9000).code == "not_enough_steps"
                assert session.call(ME, "claim_steps", threshold=9000, steps=1).code == "PGRST202"
        finally:
            careless.execute("drop function public.claim_steps(integer)")
            careless.execute("drop function public.claim_steps(integer, integer[], integer)")


def test_a_stranger_wants_an_overload_in_the_exposed_schema(attacked: Attacked) -> None:
    with attacker(attacked.db, slips=(PUBLIC, "grant usage on schema api to public")) as t:
        t.is_refused(
            "create function api.claim_steps(threshold text) returns text language sql return 'mine'",
            "create function api.claim_steps(variadic threshold integer[]) "
            "returns text language sql return 'mine'",
            "create view api.my_tickets as select 1 as one",
            "create domain api.claims as text",
            "create table api.tickets ()",
        )


def test_a_walker_wants_another_function_by_other_arguments(attacked: Attacked) -> None:
    with attacker(attacked.db, "authenticator", "authenticated", ME.claims) as t:
        t.is_refused(
            "select * from api.claim_steps(variadic array[1000, 2000])",
            "select * from api.claim_steps(threshold => 1000, user_id => gen_random_uuid())",
            "select * from api.claim_steps(threshold => 1000, threshold => 9000)",
            "select * from api.claim_steps(1000, array[1, 2, 3, 4, 5, 6], 10000)",
            "select * from api.claim_steps('{1000}'::integer[])",
            "select * from api.my_tickets(user_id => gen_random_uuid(), round_no => 1153)",
            code=("42883", "42601", "42809", "42725"),
        )


def test_a_walker_wants_a_plan_prepared_by_the_owner(attacked: Attacked) -> None:
    """A pooled session keeps prepared statements; rights are asked for when they run."""
    slips = (
        "prepare all_tickets as select * from luckywalk.tickets",
        "prepare a_secret as select * from core.secrets",
    )
    with attacker(attacked.db, "authenticator", "authenticated", ME.claims, slips) as t:
        t.is_refused("execute all_tickets", "execute a_secret")


def test_the_owner_is_who_the_definer_functions_run_as(attacked: Attacked) -> None:
    """Else the tests above would listen for the wrong name: planted in a body of the owner's, it is heard."""
    slip = (
        f"set local role {OWNER}; create function api.naive() returns text language plpgsql security definer "
        "set search_path = '' as 'declare v_one text; begin v_one := 1; return v_one; end'; "
        "grant execute on function api.naive() to authenticated; reset role"
    )
    with attacker(attacked.db, "authenticator", "authenticated", ME.claims, (TEMPORARY, slip)) as t:
        plant_types(t)
        t.runs("select api.naive()")
        assert f"stolen as {OWNER}" in t.notices
