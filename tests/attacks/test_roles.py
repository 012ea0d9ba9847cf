"""Roles: who may become whom, and what nobody may give himself."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.attacks.attacker import CLIENTS, STRANGER, attacker
from tests.attacks.conftest import Attacked
from tests.harness.refusals import refused
from tests.harness.supabase import passing_role
from tests.harness.target import CRON_ALONE, OWNER, SUPABASE, SUPERUSER

ROLES = [*CLIENTS, "authenticator", *CRON_ALONE, OWNER, STRANGER]
# All that schema/core/bootstrap.sql declares; a role may always become itself.
MAY_BECOME = {
    "authenticator": set(CLIENTS),
    "dotbase_owner": {"dotbase_cron", "pg_signal_backend"},
}
OTHERS = {"pg_read_all_data", "pg_write_all_data", "pg_read_server_files", "pg_execute_server_program"}
OTHERS |= {"pg_monitor", "pg_signal_backend", "postgres"}
GIFTS = (
    f"grant {OWNER} to current_user",
    "grant service_role to current_user",
    "grant pg_read_all_data to current_user",
    "alter role current_user superuser",
    "alter role current_user bypassrls",
    "alter role current_user createrole createdb",
    "alter role current_user replication",
    "create role accomplice login superuser",
    "create role accomplice",
    f"alter role {OWNER} login password 'mine'",
    "alter role service_role login password 'mine'",
    f"alter role {OWNER} set search_path = public",
    f"reassign owned by {OWNER} to current_user",
    f"drop owned by {OWNER}",
    f"alter default privileges for role {OWNER} grant all on tables to public",
    "grant all on all tables in schema luckywalk to public",
    "grant execute on all functions in schema core to public",
    "alter schema api owner to current_user",
    "alter table luckywalk.tickets owner to current_user",
    "alter function core.require_user() owner to current_user",
    "alter function luckywalk.claim_steps(integer, integer[]) security invoker",
    "alter table luckywalk.tickets disable row level security",
    "alter table luckywalk.rounds disable trigger all",
    "create policy mine on luckywalk.rounds using (true)",
    "alter view api.rounds set (security_invoker = false)",
    "set session_replication_role = replica",
    "alter database {database} set session_replication_role = replica",
    "create event trigger mine on ddl_command_end execute function luckywalk.guard_round()",
    "create extension dblink",
    "create publication everything for all tables",
    "create subscription mine connection 'dbname=x' publication y with (connect = false)",
    "create language mine handler plpgsql_call_handler",
    "create server elsewhere foreign data wrapper wrapper",
    "create trigger mine before insert on luckywalk.tickets execute function luckywalk.guard_round()",
    "create rule mine as on select to luckywalk.tickets do instead select 1",
    "create table public.mine (round_no integer references luckywalk.rounds)",
    "create cast (text as uuid) without function as implicit",
    "comment on function luckywalk.claim_steps(integer, integer[]) is 'mine'",
    "drop function api.claim_steps(integer, integer[])",
)
# What is refused for what it is, before anybody asks for a right.
OTHERWISE: dict[str, str] = {}


@pytest.mark.parametrize("role", [r for r in ROLES if not (SUPABASE and r == OWNER)])
def test_a_role_wants_to_become_every_other(role: str, attacked: Attacked) -> None:
    with attacker(
        attacked.db, role, slips=() if role == STRANGER else (f"create role {STRANGER} login",)
    ) as t:
        for other in {*ROLES, *OTHERS}:
            expected = other == role or other in MAY_BECOME.get(role, ())
            answer = t.tries(f"set role {other}")
            assert answer == ([] if expected else "42501"), f"{role} to {other}: {answer}"
            claimed = t.tries("select set_config('role', %s, true)", other)
            assert (claimed == "42501") is not expected, f"{role} to {other}: {claimed}"


@pytest.mark.parametrize("role", CLIENTS)
def test_a_switched_client_wants_a_role_that_its_login_may_not_have(role: str, attacked: Attacked) -> None:
    with attacker(attacked.db, "authenticator", role) as t:
        t.is_refused(*(f"set role {other}" for other in {OWNER, *CRON_ALONE, *OTHERS}))


@pytest.mark.parametrize("target", ["postgres", OWNER, "service_role"])
def test_a_login_wants_to_become_another_session(target: str, attacked: Attacked) -> None:
    """A real login: who had authenticated as a superuser might."""
    with attacked.db.server.connect(attacked.db.name, user="authenticator") as connection, refused("42501"):
        connection.execute(f"set session authorization {target}".encode())


@pytest.mark.parametrize("role", [*CLIENTS, "authenticator", *CRON_ALONE, STRANGER])
def test_a_role_wants_to_give_itself_more(role: str, attacked: Attacked) -> None:
    login = "authenticator" if role in CLIENTS else role
    slips = ("create foreign data wrapper wrapper",)
    with attacker(attacked.db, login, role if role in CLIENTS else None, slips=slips) as t:
        for gift in GIFTS:
            answer = t.tries(gift.format(database=attacked.db.name))
            assert answer == OTHERWISE.get(gift, "42501"), f"{gift}: {answer}"


@pytest.mark.parametrize("role", CLIENTS)
def test_a_client_wants_his_login_to_begin_as_another_next_time(role: str, attacked: Attacked) -> None:
    """A login may change its own settings; `role` among them is checked when it logs in anew."""
    name, password = passing_role("beginner"), secrets.token_hex(12)
    login = make_conninfo(
        attacked.db.server.conninfo(attacked.db.name), host="127.0.0.1", user=name, password=password
    )
    with attacked.db.server.connect(attacked.db.name, user=SUPERUSER) as careless:
        careless.execute(f"create role {name} login noinherit password '{password}' in role {role}".encode())
        try:
            with psycopg.connect(login, autocommit=True) as connection:
                # The server asks for the right to become it at the next login, not now.
                connection.execute(f"alter role {name} set role = '{OWNER}'".encode())
            with psycopg.connect(login, autocommit=True) as connection:
                assert connection.execute("select current_user, session_user").fetchone() == (name, name)
                with refused("42501"):
                    connection.execute(f"set role {OWNER}".encode())
        finally:
            careless.execute(f"drop role {name}".encode())
