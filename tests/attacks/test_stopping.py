"""Stopping: to hold the draw up, to move the clock, to play after the numbers are known."""

from __future__ import annotations

import pytest

from tests.apps.luckywalk import OPEN, SETTLED
from tests.attacks.attacker import CLIENTS, ME, STRANGER, Attacker, attacker
from tests.attacks.conftest import Attacked, first_column
from tests.harness.declared import APPS, PRIVATE, READABLE, RPCS, TABLES, VIEWS
from tests.harness.people import Person, admin, anon, service
from tests.harness.refusals import assert_says
from tests.harness.target import CRON_ALONE

EVERYBODY = [*CLIENTS, "authenticator", *CRON_ALONE, STRANGER]
# Settings that every session may change, and that say what literals, dates and names mean.
ODD_SESSIONS = {
    "far east": "set local timezone = 'Pacific/Kiritimati'",
    "far west": "set local timezone = 'Etc/GMT+12'",
    "dates": "set local datestyle = 'SQL, DMY'; set local intervalstyle = 'sql_standard'",
    "literals": "set local standard_conforming_strings = off; set local backslash_quote = on",
    "nulls": "set local transform_null_equals = on; set local array_nulls = off",
    "bytes": "set local bytea_output = 'escape'; set local extra_float_digits = -15",
    "policies": "set local row_security = off",
    "plans": "set local enable_indexscan = off; set local plan_cache_mode = 'force_generic_plan'",
}
TO_CLIENT = ("sqlstate", "schema_name", "table_name", "constraint_name", "message", "detail", "context")
# What PostgREST's caller might try to reach: SQL, sleep, locks, settings, other apps' functions.
BEHIND_THE_RPCS = (
    ("pg_advisory_lock", {"key": 1}),
    ("pg_sleep", {"": 600}),
    ("set_config", {"setting_name": "role", "new_value": "service_role", "is_local": True}),
    ("query_to_xml", {"query": "select * from luckywalk.tickets"}),
    ("pg_terminate_backend", {"pid": 1}),
    ("execute", {"sql": "select 1"}),
    ("lock_round", {"round_no": OPEN.round_no, "exclusively": True}),
    ("draw_due_round", {"round_no": OPEN.round_no}),
    ("tickets_of", {"user_id": str(ME.user_id), "round_no": OPEN.round_no}),
    ("raise_to_client", dict.fromkeys(TO_CLIENT, "")),
    ("run", {"job_name": "draw_apply_results"}),
    ("schedule", {"job_name": "mine", "schedule": "* * * * *", "command": "select 1"}),
    ("post", {"transfer_key": "x"}),
    ("secret", {"name": "x"}),
)


@pytest.mark.parametrize("role", EVERYBODY)
def test_an_attacker_wants_to_stop_the_draw_by_locking_its_rows_or_tables(
    role: str, attacked: Attacked
) -> None:
    login, switched = ("authenticator", role) if role in CLIENTS else (role, None)
    with attacker(attacked.db, login, switched, ME.claims) as t:
        for table in READABLE:
            column = first_column(attacked, table)
            for strength in ("update", "no key update", "share", "key share"):
                t.is_refused(f"select {column} from {table} for {strength}")
            for mode in ("row share", "row exclusive", "share", "exclusive", "access exclusive"):
                # A view that one may read may be locked as its readers lock it, which stops nobody.
                answer = t.tries(f"lock table {table} in {mode} mode nowait")
                assert answer == "42501" or (answer == [] and mode == "row share"), (
                    f"{table} {mode}: {answer}"
                )
        for table in PRIVATE:
            t.is_refused(f"lock table {table} in access share mode nowait")


@pytest.mark.parametrize("person", [anon, ME, admin, service], ids=lambda person: person.name)
def test_a_client_wants_what_is_not_an_rpc(person: Person, attacked: Attacked) -> None:
    before = attacked.contents()
    for function, arguments in BEHIND_THE_RPCS:
        answer = attacked.db.call(person, function, **arguments)
        assert answer.code == "PGRST202", answer.body
    behind = attacked.db.rows(
        "select distinct proname as name from pg_proc where pronamespace = any (%s::regnamespace[]) "
        "and not proname = any (%s)",
        list(APPS),
        list(RPCS),
    )
    for row in behind:
        assert attacked.db.call(person, row["name"]).code == "PGRST202", row
    tables = {table.partition(".")[2] for table in TABLES} - set(VIEWS)
    for view in (*tables, "pg_stat_activity", "job", "job_run_details", "moved_clock"):
        assert attacked.db.select(person, view).code == "PGRST205"
    assert attacked.contents() == before


@pytest.mark.parametrize("role", EVERYBODY)
def test_an_attacker_wants_to_move_the_clock(role: str, attacked: Attacked) -> None:
    login, switched = ("authenticator", role) if role in CLIENTS else (role, None)
    with attacker(attacked.db, login, switched, admin.claims) as t:
        t.is_refused(
            "update test_clock.moved_clock set moved_to = '2020-01-01'",
            "insert into test_clock.moved_clock values (true, '2020-01-01')",
            "select * from test_clock.moved_clock",
            "create or replace function core.now() returns timestamptz language sql return now()",
            "alter function core.now() rename to later",
            "alter function core.business_day(timestamptz) volatile",
            "drop schema test_clock cascade",
        )


@pytest.mark.parametrize("session", ODD_SESSIONS)
def test_a_walker_wants_another_day_or_round_by_the_settings_of_his_session(
    session: str, attacked: Attacked
) -> None:
    today = attacked.db.call(ME, "my_today").row
    with attacker(attacked.db, "authenticator", "authenticated", ME.claims) as t:
        t.runs(ODD_SESSIONS[session])
        [(steps,)] = t.runs("select steps from api.report_steps(3600)")
        [claimed] = t.runs(
            "select to_char(day, 'YYYY-MM-DD'), round_no, numbers "
            "from api.claim_steps(2000, array[1, 2, 3, 4, 5, 6])"
        )
        assert (steps, claimed) == (3600, (today["day"], OPEN.round_no, [1, 2, 3, 4, 5, 6]))
        assert t.tries("select * from api.claim_steps(4000)") == "not_enough_steps"
        t.is_refused("select * from luckywalk.tickets")


def test_a_walker_wants_the_winning_numbers_in_a_round_that_is_drawn(attacked: Attacked) -> None:
    """Even if the clock were back before its closing."""
    db = attacked.db
    [drawn] = db.select(anon, "rounds", filters={"round_no": SETTLED.round_no}).body
    with attacker(db, "authenticator", "authenticated", ME.claims) as t:
        t.runs("reset role")
        t.runs("reset session authorization")
        t.runs("update test_clock.moved_clock set moved_to = %s", SETTLED.at(0, "19:59:59"))
        t.runs("set local role authenticated")
        t.runs("select * from api.report_steps(9000)")
        [(round_no,)] = t.runs("select round_no from api.claim_steps(9000, %s)", drawn["winning_numbers"])
        assert round_no > SETTLED.round_no


def test_a_walker_wants_to_claim_on_an_old_snapshot_that_still_shows_the_round_open(
    attacked: Attacked,
) -> None:
    with attacked.db.server.connect(attacked.db.name, user="authenticator") as connection:
        for level in ("repeatable read", "serializable"):
            with connection.transaction(force_rollback=True):
                connection.execute(f"set transaction isolation level {level}".encode())
                connection.execute("set local role authenticated")
                t = Attacker(connection)
                t.claims(ME.claims)
                t.is_refused("select * from api.claim_steps(1000)", code="isolation_unsupported")


def test_a_walker_wants_to_fill_the_disk_with_days_and_rounds(attacked: Attacked) -> None:
    """A partition is made for the business day alone, whatever he sends."""
    relations = "select count(*) from pg_class where relnamespace = 'luckywalk'::regnamespace"
    before = attacked.db.value(relations)
    for round_no in (1, 9999, 2_147_483_647, -1):
        assert attacked.db.call(ME, "my_tickets", round_no=round_no).body == []
        assert_says(attacked.db.call(admin, "close_round", round_no=round_no), "round_not_found")
        assert_says(attacked.db.call(admin, "draw_round", round_no=round_no), "round_not_found")
    assert attacked.db.value(relations) == before
