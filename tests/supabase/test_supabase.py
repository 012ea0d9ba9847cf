"""On a database prepared as Supabase's: everything applies, works, and leaves others' things alone."""

from __future__ import annotations

import os

import pytest

from dotbase.render.assembly import render_steps, render_text
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from tests.harness.declared import PRIVATE
from tests.harness.people import admin, anon, walker
from tests.harness.refusals import refused, rolled_back
from tests.harness.server import ROOT, Server, one_process
from tests.harness.supabase import ADMIN, OURS, Others
from tests.supabase.platform import SupabaseDatabase, copy, dotbase, drop, pg_crons, psql

NUMBERS = [2, 13, 18, 32, 38, 42]
MIGRATE = ("migrate", "--target", "supabase")


def rendered_text() -> str:
    """What `dotbase render --target supabase` prints."""
    project = Project(ROOT)
    variables = Variables(target="supabase", clock="real", master_key_file=None)
    return render_text(project, variables, render_steps(project, variables))


def test_the_platform_is_as_supabase_has_it(empty: SupabaseDatabase) -> None:
    [role] = empty.rows("select * from pg_roles where rolname = current_user")
    assert role["rolname"] == "postgres"
    assert not role["rolsuper"]
    assert role["rolcreaterole"]
    assert role["rolbypassrls"]
    for statement in (
        "create function vault.mine() returns int return 1",
        "alter table auth.users add x int",
    ):
        with refused("42501"), rolled_back(empty.owner):
            empty.owner.execute(statement.encode())


def test_the_rendered_sql_alone_gives_the_database(empty: SupabaseDatabase) -> None:
    before = empty.snapshot(ours=False)
    psql(empty, rendered_text())
    assert empty.snapshot(ours=False) == before
    assert any("luckywalk.claim_steps" in line for line in empty.snapshot(ours=True))


def test_migrate_gives_it_too_changes_nothing_of_others_and_has_nothing_to_do_again(
    empty: SupabaseDatabase,
) -> None:
    before = empty.snapshot(ours=False)
    assert "Migrated in" in dotbase(empty, *MIGRATE)
    after = empty.snapshot(ours=True)
    assert empty.snapshot(ours=False) == before
    assert "Nothing to do" in dotbase(empty, *MIGRATE)
    assert empty.snapshot(ours=False) == before
    assert empty.snapshot(ours=True) == after


def test_rolled_back_it_is_gone_and_migrated_again_it_is_the_same(empty: SupabaseDatabase) -> None:
    others = empty.snapshot(ours=False)
    dotbase(empty, *MIGRATE)
    ours = empty.snapshot(ours=True)
    versions = empty.value("select count(*) from dotbase.versions")
    dotbase(empty, "rollback", "--yes", "--steps", str(versions))
    assert {schema for schema in OURS if empty.value("select to_regnamespace(%s) is not null", schema)} == {
        "dotbase"
    }
    assert empty.snapshot(ours=False) == others
    dotbase(empty, *MIGRATE)
    assert empty.snapshot(ours=True) == ours
    assert empty.snapshot(ours=False) == others


def test_limits_that_the_platform_has_stay_and_those_that_it_lacks_are_set(
    migrated: SupabaseDatabase,
) -> None:
    """Fault 17. service_role has statement_timeout from PostgREST's login, shorter than ours."""
    ours = ["lock_timeout=2s", "idle_in_transaction_session_timeout=10s"]
    found = {
        row["rolname"]: sorted(row["rolconfig"])
        for row in migrated.rows(
            "select rolname, rolconfig from pg_roles where rolname = any (%s)",
            ["anon", "authenticated", "service_role", "authenticator"],
        )
    }
    assert found == {
        "anon": sorted([*ours, "statement_timeout=3s"]),
        "authenticated": sorted([*ours, "statement_timeout=8s"]),
        "service_role": sorted(ours),
        "authenticator": ["lock_timeout=8s", "statement_timeout=8s"],
    }


CHOSEN = """
alter role authenticated set statement_timeout = '60s';
alter role anon set lock_timeout = '20s';
alter role authenticator reset statement_timeout;
alter role authenticator set lock_timeout = '20s';
alter role service_role reset lock_timeout;
alter role service_role reset statement_timeout;
"""


def test_a_limit_that_somebody_chose_is_not_overwritten_and_one_that_nobody_has_is_set(
    migrated: SupabaseDatabase,
) -> None:
    """Fault 17. Within a transaction, since settings of roles are the whole cluster's."""
    variables = Variables(target="supabase", clock="real", master_key_file=None)
    [bootstrap] = [s for s in render_steps(Project(ROOT), variables) if s.kind == "bootstrap"]
    with (
        migrated.server.connect(migrated.name, user=ADMIN) as session,
        session.transaction(force_rollback=True),
    ):
        session.execute(CHOSEN.encode())
        session.execute("set local role postgres")
        session.execute(bootstrap.sql.encode())
        found = {
            (role, setting.partition("=")[0]): setting.partition("=")[2]
            for role, settings in session.execute("select rolname, rolconfig from pg_roles").fetchall()
            for setting in settings or ()
        }
    assert found["authenticated", "statement_timeout"] == "60s"
    assert found["anon", "lock_timeout"] == "20s"
    # Of PostgREST's login there is none, or a longer one.
    assert found["service_role", "statement_timeout"] == "10s"
    assert found["service_role", "lock_timeout"] == "2s"


def test_all_that_is_ours_belongs_to_postgres(migrated: SupabaseDatabase) -> None:
    owners = migrated.rows(
        "select distinct o.owner::regrole::text from ("
        "select nspowner as owner from pg_namespace where nspname = any (%s) "
        "union all select relowner from pg_class where relnamespace = any (%s::regnamespace[]) "
        "union all select proowner from pg_proc where pronamespace = any (%s::regnamespace[])) as o",
        *[OURS] * 3,
    )
    assert [row["owner"] for row in owners] == ["postgres"]


def test_a_lottery_week_goes_from_steps_to_paid_prizes(migrated: SupabaseDatabase) -> None:
    migrated.clock("2024-12-29 12:30")
    assert migrated.run_job("make_partitions")
    opened = migrated.run_job("create_new_round")
    assert opened is not None
    assert opened["status"] == "succeeded", opened
    round_no = migrated.value("select max(round_no) from luckywalk.rounds")
    migrated.clock("2025-01-02 18:00")
    for number in (1, 2):
        assert migrated.call(walker(number), "report_steps", steps=3000).ok
    assert migrated.call(walker(1), "claim_steps", threshold=1000, numbers=NUMBERS).ok
    assert migrated.call(walker(1), "claim_steps", threshold=2000).ok
    assert migrated.call(walker(2), "claim_steps", threshold=1000, numbers=[2, 13, 18, 32, 38, 41]).ok
    migrated.clock("2025-01-04 20:00")
    assert migrated.run_job("close_round")
    migrated.clock("2025-01-04 20:50")
    assert migrated.call(admin, "enter_draw_result", round_no=round_no, numbers=NUMBERS).ok
    drawn = migrated.run_job("draw_apply_results")
    assert drawn is not None
    assert drawn["status"] == "succeeded", drawn
    migrated.clock("2025-01-05 11:00")
    settled = migrated.run_job("settle_round")
    assert settled is not None
    assert settled["status"] == "succeeded", settled
    held = {row["account"]: row["balance"] for row in migrated.call(walker(1), "my_balances").rows}
    assert held["luckywalk.held"] == 1_000_000
    shown = migrated.select(anon, "rounds", ["status", "winners_count"], {"round_no": round_no}).row
    assert shown["status"] == "settled"
    assert shown["winners_count"] >= 2
    assert all(row["ok"] for row in migrated.rows("select * from ledger.check()"))


def test_row_level_security_holds_there_too(migrated: SupabaseDatabase) -> None:
    for table in PRIVATE:
        for role in ("anon", "authenticated", "service_role"):
            with refused("42501"), rolled_back(migrated.owner, role):
                migrated.owner.execute(f"select * from {table}".encode())


def test_secrets_are_the_vaults(migrated: SupabaseDatabase) -> None:
    for value in ("first", "second"):
        migrated.owner.execute("select core.set_secret('push', %s)", [value])
        assert migrated.value("select core.secret('push')") == value
    assert migrated.value("select count(*) from vault.secrets where name = 'push'") == 1
    assert migrated.value("select count(*) from core.secrets") == 0
    with refused("secret_not_found"):
        migrated.owner.execute("select core.secret('none')")
    with refused("42501"), rolled_back(migrated.owner, "authenticated"):
        migrated.owner.execute("select core.secret('push')")


def test_schedules_are_lines_of_postgres_where_pg_cron_lives(supabase: Server, pg_cron: None) -> None:
    with one_process("supabase-pg-cron"), pg_crons(supabase) as database:
        before = database.snapshot(ours=False)
        dotbase(database, *MIGRATE, "--clock", "movable")
        assert database.value("select count(*) from cron.job") == 0
        database.owner.execute("select jobs.set_live(true)")
        lines = {row["jobname"]: row for row in database.rows("select * from cron.job")}
        declared = {row["job_name"] for row in database.rows("select job_name from jobs.jobs")}
        assert lines.keys() == declared | {"watch", "catch_up"}
        assert {line["username"] for line in lines.values()} == {"postgres"}
        assert database.rows("select * from jobs.pg_cron_findings()") == []
        database.owner.execute("select jobs.set_live(false)")
        assert database.value("select count(*) from cron.job") == 0
        assert database.snapshot(ours=False) == before


def test_public_may_execute_nothing_of_ours(migrated: SupabaseDatabase) -> None:
    open_to_all = migrated.rows(
        "select p.oid::regprocedure::text from pg_proc as p "
        "cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a "
        "where a.grantee = 0 and p.pronamespace = any (%s::regnamespace[])",
        OURS,
    )
    assert open_to_all == []


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", "authenticator"])
def test_no_client_role_gained_a_right_outside_of_the_policies(role: str, migrated: SupabaseDatabase) -> None:
    allowed = {
        row["name"] for row in migrated.rows("select name from core.rpcs where %s = any (roles)", role)
    }
    able = migrated.rows(
        "select proname from pg_proc where pronamespace = 'api'::regnamespace "
        "and has_function_privilege(%s, oid, 'execute')",
        role,
    )
    assert {row["proname"] for row in able} == allowed


CHANGES = [
    "grant select on vault.decrypted_secrets to anon",
    "alter table auth.users owner to postgres",
    "create or replace function auth.uid() returns uuid language sql stable as 'select null::uuid'",
    "alter default privileges for role postgres in schema public revoke all on tables from anon",
    "alter role postgres in database {} reset search_path",
    'drop policy "own todos" on public.todos',
    "comment on extension pgcrypto is 'ours'",
    "create view extensions.mine as select 1 as x",
]


def test_every_change_of_what_belongs_to_others_is_seen(migrated: SupabaseDatabase) -> None:
    """As it is compared after each test of `make test-supabase`."""
    server = migrated.server
    with server.connect("postgres", user=ADMIN) as maintenance:
        others = Others(server, maintenance)
    changed = copy(migrated, f"changed_{os.getpid()}")
    try:
        seen = others.changed(changed.name)
        assert seen == []
        for change in CHANGES:
            with server.connect(changed.name, user=ADMIN) as by_hand:
                by_hand.execute(change.format(changed.name).encode())
            before, seen = seen, others.changed(changed.name)
            assert len(seen) > len(before), change
    finally:
        drop(changed)
