"""Reading: what a thief would like to know of others, and the ways around a policy."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.attacks.conftest import CORRECTED, OPEN, SETTLED, Town
from tests.attacks.thief import CLIENTS, ME, STRANGER, VICTIM, thief
from tests.harness.people import Person, anon, service
from tests.harness.target import CRON_ALONE, SUPERUSER

PRIVATE = (
    "luckywalk.tickets",
    f"luckywalk.tickets_{OPEN.round_no}",
    "luckywalk.claims",
    "luckywalk.daily_progress",
    "luckywalk.user_profiles",
    "luckywalk.results_user",
    f"luckywalk.results_user_{SETTLED.round_no}",
    "luckywalk.seal_chunks",
    "luckywalk.draw_results",
    "ledger.transfers",
    "ledger.balances",
    "core.secrets",
    "core.setting_changes",
    "jobs.attempts",
)
# A column of those that have no user_id.
COLUMN = {
    f"luckywalk.results_user_{SETTLED.round_no}": "round_no",
    "luckywalk.seal_chunks": "round_no",
    "luckywalk.draw_results": "round_no",
    "core.secrets": "name",
    "core.setting_changes": "name",
    "jobs.attempts": "run_id",
}
LEAK = (
    "create function pg_temp.leak(v anyelement) returns boolean language plpgsql cost 0.0000000001 as "
    "$$ begin raise notice 'saw %', v; return true; end $$"
)
TEMPORARY = "grant temporary on database {database} to public"
EVERYBODY = [*CLIENTS, "authenticator", *CRON_ALONE, STRANGER]


def login_of(role: str) -> tuple[str, str | None]:
    return ("authenticator", role) if role in CLIENTS else (role, None)


@pytest.mark.parametrize("role", EVERYBODY)
def test_a_reader_wants_a_private_table_by_every_way_of_reading(role: str, town: Town) -> None:
    login, switched = login_of(role)
    with thief(town.db, login, switched, VICTIM.claims) as t:
        for table in PRIVATE:
            t.gets_nothing(
                f"select * from {table}",
                f"select count(*) from {table}",
                f"select exists (select from {table})",
                f"select max(x::text) from {table} as x",
                f"table {table}",
                f"copy {table} to stdout",
                f"copy (select * from {table}) to stdout",
                f"declare c cursor for select * from {table}",
                f"create temporary table mine as select * from {table}",
                f"select * from {table} tablesample system (100)",
                f"explain analyze select * from {table}",
                f"insert into {table} default values returning *",
                f"update {table} set {COLUMN.get(table, 'user_id')} = default returning *",
                f"delete from {table} returning *",
                f"with gone as (delete from {table} returning *) select * from gone",
                f"select query_to_xml('select * from {table}', true, true, '')",
                f"select table_to_xml('{table}', true, true, '')",
                f"do $$ begin perform from {table}; end $$",
            )


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_reader_wants_a_column_of_a_round_that_no_line_gives(role: str, town: Town) -> None:
    with thief(town.db, "authenticator", role, ME.claims) as t:
        t.gets_nothing(
            "select paid from luckywalk.rounds",
            "select r from luckywalk.rounds as r",
            "select to_jsonb(r) from luckywalk.rounds as r",
            "select count(*) from luckywalk.rounds where paid > 0",
            "select round_no from luckywalk.rounds order by remainder",
            "select round_no from luckywalk.rounds group by round_no, paid",
            "select (r).paid from luckywalk.rounds as r",
            "select round_no from luckywalk.rounds where (select paid) > 0",
            "select s.round_no from luckywalk.rounds as s join luckywalk.rounds as r using (remainder)",
            "copy luckywalk.rounds (round_no, paid) to stdout",
        )


@pytest.mark.parametrize("table", ["api.round_tiers", "luckywalk.round_tiers"])
@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_gambler_wants_hidden_tiers_shown_to_a_cheap_function_before_the_policy(
    role: str, table: str, town: Town
) -> None:
    """The corrected round's tiers are hidden until it is drawn again; a filter of his own runs after that."""
    with thief(town.db, "authenticator", role, ME.claims, (TEMPORARY,)) as t:
        t.does(LEAK)
        rows = t.does(
            f"select distinct round_no from {table} as x "
            "where pg_temp.leak(round_no) and pg_temp.leak(x::text)"
        )
        assert rows == [(SETTLED.round_no,)]
        assert t.heard
        assert not [said for said in t.heard if str(CORRECTED.round_no) in said]
        # An error in a filter tells of a row as well as a notice.
        assert t.tries(f"select 1 / (round_no - {CORRECTED.round_no}) from {table}") != "22012"
        t.does(f"select * from {table} where 1 / (round_no - {CORRECTED.round_no}) is not null")


def test_a_gambler_wants_hidden_tiers_by_a_join_or_an_aggregate(town: Town) -> None:
    hidden = f"round_no = {CORRECTED.round_no}"
    with thief(town.db, "authenticator", "anon", "") as t:
        for query in (
            f"select from api.round_tiers where {hidden}",
            f"select from api.rounds join luckywalk.round_tiers using (round_no) where {hidden}",
            f"select from luckywalk.round_tiers where {hidden} or true and {hidden}",
            f"select drawn_at, winners_count from api.rounds where {hidden} and drawn_at is not null",
        ):
            assert t.does(query) == []
        with t.connection.cursor().copy("copy luckywalk.round_tiers to stdout") as copy:
            assert {row[0] for row in copy.rows()} == {str(SETTLED.round_no)}
        # With row_security off a filtered read is an error, not an open one.
        t.does("set local row_security = off")
        t.gets_nothing("select * from luckywalk.round_tiers")


@pytest.mark.parametrize("role", EVERYBODY)
def test_a_reader_wants_the_planners_samples_of_others_values(role: str, town: Town) -> None:
    login, switched = login_of(role)
    with thief(
        town.db, login, switched, VICTIM.claims, ("analyze luckywalk.claims", "analyze ledger.balances")
    ) as t:
        seen = t.does(
            "select distinct schemaname || '.' || tablename from pg_stats "
            "where schemaname in ('core', 'jobs', 'ledger', 'luckywalk')"
        )
        assert set(seen) <= {("luckywalk.rounds",)}
        t.gets_nothing("select * from pg_statistic", "select * from pg_statistic_ext_data")


@pytest.mark.parametrize("role", EVERYBODY)
def test_a_reader_wants_the_queries_of_other_sessions(role: str, town: Town) -> None:
    login, switched = login_of(role)
    with town.db.server.connect(town.db.name, user=SUPERUSER) as other:
        other.execute("select 'sesame'")
        with thief(town.db, login, switched) as t:
            seen = t.does("select query from pg_stat_activity where pid = %s", other.info.backend_pid)
            assert seen == [("<insufficient privilege>",)]
            t.gets_nothing(
                f"select pg_cancel_backend({other.info.backend_pid})",
                f"select pg_terminate_backend({other.info.backend_pid})",
            )


def test_a_walker_wants_to_know_whether_a_ticket_is_somebodys(town: Town) -> None:
    """Another's ticket and one that never was are the same answer, to the letter."""
    taken = town.db.call(ME, "my_ticket_proof", ticket_id=town.ticket)
    unknown = town.db.call(ME, "my_ticket_proof", ticket_id=str(uuid4()))
    assert town.db.call(VICTIM, "my_ticket_proof", ticket_id=town.ticket).ok
    assert (taken.status, taken.body) == (unknown.status, unknown.body)
    assert town.ticket not in str(taken.body)


def test_a_walker_wants_to_know_who_has_his_nickname_or_numbers(town: Town) -> None:
    """Nothing of a person's is unique across people, so nothing is refused for being another's."""
    with thief(town.db, "authenticator", "authenticated", ME.claims) as t:
        [nickname] = t.does("select nickname from api.save_walker_profile('walker 2')")
        assert nickname == ("walker 2",)
        [numbers] = t.does("select numbers from api.claim_steps(1000, array[3, 11, 19, 27, 35, 43])")
        assert numbers == ([3, 11, 19, 27, 35, 43],)


def test_a_walker_wants_anothers_rows_in_the_answers_of_his_own_rpcs(town: Town) -> None:
    answers = [
        town.db.call(ME, "my_tickets", round_no=SETTLED.round_no),
        town.db.call(ME, "my_tickets", round_no=OPEN.round_no),
        town.db.call(ME, "my_today"),
        town.db.call(ME, "my_walker_profile"),
        town.db.call(ME, "my_balances"),
    ]
    [theirs] = town.db.call(VICTIM, "my_tickets", round_no=OPEN.round_no).body
    text = str([answer.body for answer in answers])
    assert all(answer.ok for answer in answers)
    for secret in (str(VICTIM.user_id), town.ticket, theirs["ticket_id"]):
        assert secret not in text
    assert answers[1].body == []
    assert {row["balance"] for row in answers[4].body} == {0}


@pytest.mark.parametrize("person", [anon, ME, service], ids=lambda person: person.name)
def test_a_client_wants_rows_back_from_a_write_that_is_refused(person: Person, town: Town) -> None:
    before = town.loot()
    with thief(town.db, "authenticator", person.role, VICTIM.claims) as t:
        for view in ("api.rounds", "api.round_tiers", "luckywalk.rounds", "luckywalk.round_tiers"):
            column, rest = "round_no", "on conflict do nothing returning *"
            t.gets_nothing(
                f"insert into {view} ({column}) values ({SETTLED.round_no}) {rest}",
                f"insert into {view} ({column}) select round_no from {view} returning *",
                f"update {view} set {column} = {column} returning *",
                f"delete from {view} returning *",
                f"merge into {view} as r using (values (1)) as v (n) on true when matched then delete",
                f"truncate {view}",
                code=("42501", "42P10", "42809", "0A000"),
            )
    assert town.loot() == before


@pytest.mark.parametrize("role", EVERYBODY)
def test_a_reader_wants_files_of_the_server(role: str, town: Town) -> None:
    login, switched = login_of(role)
    with thief(town.db, login, switched) as t:
        t.gets_nothing(
            "select pg_read_file('/etc/passwd')",
            "select pg_read_binary_file('/etc/passwd')",
            "select pg_ls_dir('.')",
            "select pg_stat_file('postgresql.conf')",
            "select lo_import('/etc/passwd')",
            "copy (select 1) to '/tmp/thief'",
            "copy (select 1) to program 'true'",
            "do $$ begin create temporary table f (l text); copy f from '/etc/passwd'; end $$",
            "select * from pg_hba_file_rules",
            "select * from pg_authid",
            "select * from pg_file_settings",
            "load 'auto_explain'",
        )
