"""Reading: what an attacker would like to know of others, and the ways around a policy."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.apps.luckywalk import CORRECTED, OPEN, SETTLED
from tests.attacks.attacker import CLIENTS, ME, STRANGER, VICTIM, attacker
from tests.attacks.conftest import Attacked, first_column
from tests.harness.declared import APPS, PRIVATE, READABLE, TABLES
from tests.harness.people import Person, anon, service
from tests.harness.target import CRON_ALONE, SUPERUSER

COLUMNS = """
select distinct on (c.oid) c.oid::regclass::text as name, quote_ident(a.attname) as column
from unnest(%s::regclass[]) as t (oid)
cross join lateral (select t.oid as relid union select p.relid from pg_partition_tree(t.oid) as p) as p
inner join pg_class as c on c.oid = p.relid
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
order by c.oid, a.attname <> 'user_id', a.attnum
"""
LEAK = (
    "create function pg_temp.leak(v anyelement) returns boolean language plpgsql cost 0.0000000001 as "
    "$$ begin raise notice 'saw %', v; return true; end $$"
)
TEMPORARY = "grant temporary on database {database} to public"
EVERYBODY = [*CLIENTS, "authenticator", *CRON_ALONE, STRANGER]


@pytest.fixture(scope="module")
def private(attacked: Attacked) -> dict[str, str]:
    """Tables that no line lets anybody read, their partitions, and a column of each: whose the row is."""
    rows = attacked.db.rows(COLUMNS, list(PRIVATE))
    assert {row["name"] for row in rows} > set(PRIVATE)
    return {row["name"]: row["column"] for row in rows}


def login_of(role: str) -> tuple[str, str | None]:
    return ("authenticator", role) if role in CLIENTS else (role, None)


@pytest.mark.parametrize("role", EVERYBODY)
def test_a_reader_wants_a_private_table_by_every_way_of_reading(
    role: str, attacked: Attacked, private: dict[str, str]
) -> None:
    login, switched = login_of(role)
    with attacker(attacked.db, login, switched, VICTIM.claims) as t:
        for table, column in private.items():
            t.is_refused(
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
                f"update {table} set {column} = default returning *",
                f"delete from {table} returning *",
                f"with gone as (delete from {table} returning *) select * from gone",
                f"select query_to_xml('select * from {table}', true, true, '')",
                f"select table_to_xml('{table}', true, true, '')",
                f"do $$ begin perform from {table}; end $$",
            )


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_reader_wants_a_column_of_a_round_that_no_line_gives(role: str, attacked: Attacked) -> None:
    with attacker(attacked.db, "authenticator", role, ME.claims) as t:
        t.is_refused(
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
    role: str, table: str, attacked: Attacked
) -> None:
    """The corrected round's tiers are hidden until it is drawn again; a filter of his own runs after that."""
    with attacker(attacked.db, "authenticator", role, ME.claims, (TEMPORARY,)) as t:
        t.runs(LEAK)
        rows = t.runs(
            f"select distinct round_no from {table} as x "
            "where pg_temp.leak(round_no) and pg_temp.leak(x::text)"
        )
        assert rows == [(SETTLED.round_no,)]
        assert t.notices
        assert not [said for said in t.notices if str(CORRECTED.round_no) in said]
        # An error in a filter tells of a row as well as a notice.
        assert t.tries(f"select 1 / (round_no - {CORRECTED.round_no}) from {table}") != "22012"
        t.runs(f"select * from {table} where 1 / (round_no - {CORRECTED.round_no}) is not null")


def test_a_gambler_wants_hidden_tiers_by_a_join_or_an_aggregate(attacked: Attacked) -> None:
    hidden = f"round_no = {CORRECTED.round_no}"
    with attacker(attacked.db, "authenticator", "anon", "") as t:
        for query in (
            f"select from api.round_tiers where {hidden}",
            f"select from api.rounds join luckywalk.round_tiers using (round_no) where {hidden}",
            f"select from luckywalk.round_tiers where {hidden} or true and {hidden}",
            f"select drawn_at, winners_count from api.rounds where {hidden} and drawn_at is not null",
        ):
            assert t.runs(query) == []
        with t.connection.cursor().copy("copy luckywalk.round_tiers to stdout") as copy:
            assert {row[0] for row in copy.rows()} == {str(SETTLED.round_no)}
        # With row_security off a filtered read is an error, not an open one.
        t.runs("set local row_security = off")
        t.is_refused("select * from luckywalk.round_tiers")


@pytest.mark.parametrize("role", EVERYBODY)
def test_a_reader_wants_the_planners_samples_of_others_values(role: str, attacked: Attacked) -> None:
    login, switched = login_of(role)
    slips = [f"analyze {table}" for table in TABLES]
    with attacker(attacked.db, login, switched, VICTIM.claims, slips) as t:
        seen = t.runs(
            "select distinct schemaname || '.' || tablename from pg_stats where schemaname = any (%s)",
            list(APPS),
        )
        assert {table for (table,) in seen} <= set(READABLE)
        t.is_refused("select * from pg_statistic", "select * from pg_statistic_ext_data")


@pytest.mark.parametrize("role", EVERYBODY)
def test_a_reader_wants_the_queries_of_other_sessions(role: str, attacked: Attacked) -> None:
    login, switched = login_of(role)
    with attacked.db.server.connect(attacked.db.name, user=SUPERUSER) as other:
        other.execute("select 'sesame'")
        with attacker(attacked.db, login, switched) as t:
            seen = t.runs("select query from pg_stat_activity where pid = %s", other.info.backend_pid)
            assert seen == [("<insufficient privilege>",)]
            t.is_refused(
                f"select pg_cancel_backend({other.info.backend_pid})",
                f"select pg_terminate_backend({other.info.backend_pid})",
            )


@pytest.fixture
def ticket(attacked: Attacked) -> str:
    """One of the victim's in the settled round."""
    [ticket] = attacked.db.call(VICTIM, "my_tickets", round_no=SETTLED.round_no).body
    return str(ticket["ticket_id"])


def test_a_walker_wants_to_know_whether_a_ticket_is_somebodys(attacked: Attacked, ticket: str) -> None:
    """Another's ticket and one that never was are the same answer, to the letter."""
    taken = attacked.db.call(ME, "my_ticket_proof", ticket_id=ticket)
    unknown = attacked.db.call(ME, "my_ticket_proof", ticket_id=str(uuid4()))
    assert attacked.db.call(VICTIM, "my_ticket_proof", ticket_id=ticket).ok
    assert (taken.status, taken.body) == (unknown.status, unknown.body)
    assert ticket not in str(taken.body)


def test_a_walker_wants_to_know_who_has_his_nickname_or_numbers(attacked: Attacked) -> None:
    """Nothing of a person's is unique across people, so nothing is refused for being another's."""
    with attacker(attacked.db, "authenticator", "authenticated", ME.claims) as t:
        [nickname] = t.runs("select nickname from api.save_walker_profile('walker 2')")
        assert nickname == ("walker 2",)
        [numbers] = t.runs("select numbers from api.claim_steps(1000, array[3, 11, 19, 27, 35, 43])")
        assert numbers == ([3, 11, 19, 27, 35, 43],)


def test_a_walker_wants_anothers_rows_in_the_answers_of_his_own_rpcs(attacked: Attacked, ticket: str) -> None:
    answers = [
        attacked.db.call(ME, "my_tickets", round_no=SETTLED.round_no),
        attacked.db.call(ME, "my_tickets", round_no=OPEN.round_no),
        attacked.db.call(ME, "my_today"),
        attacked.db.call(ME, "my_walker_profile"),
        attacked.db.call(ME, "my_balances"),
    ]
    [theirs] = attacked.db.call(VICTIM, "my_tickets", round_no=OPEN.round_no).body
    text = str([answer.body for answer in answers])
    assert all(answer.ok for answer in answers)
    for secret in (str(VICTIM.user_id), ticket, theirs["ticket_id"]):
        assert secret not in text
    assert answers[1].body == []
    assert {row["balance"] for row in answers[4].body} == {0}


@pytest.mark.parametrize("person", [anon, ME, service], ids=lambda person: person.name)
def test_a_client_wants_rows_back_from_a_write_that_is_refused(person: Person, attacked: Attacked) -> None:
    before = attacked.contents()
    with attacker(attacked.db, "authenticator", person.role, VICTIM.claims) as t:
        for view in READABLE:
            column, rest = first_column(attacked, view), "on conflict do nothing returning *"
            t.is_refused(
                f"insert into {view} ({column}) values (null) {rest}",
                f"insert into {view} ({column}) select {column} from {view} returning *",
                f"update {view} set {column} = {column} returning *",
                f"delete from {view} returning *",
                f"merge into {view} as r using (values (1)) as v (n) on true when matched then delete",
                f"truncate {view}",
                code=("42501", "42P10", "42809", "0A000"),
            )
    assert attacked.contents() == before


@pytest.mark.parametrize("role", EVERYBODY)
def test_a_reader_wants_files_of_the_server(role: str, attacked: Attacked) -> None:
    login, switched = login_of(role)
    with attacker(attacked.db, login, switched) as t:
        t.is_refused(
            "select pg_read_file('/etc/passwd')",
            "select pg_read_binary_file('/etc/passwd')",
            "select pg_ls_dir('.')",
            "select pg_stat_file('postgresql.conf')",
            "select lo_import('/etc/passwd')",
            "copy (select 1) to '/tmp/attacker'",
            "copy (select 1) to program 'true'",
            "do $$ begin create temporary table f (l text); copy f from '/etc/passwd'; end $$",
            "select * from pg_hba_file_rules",
            "select * from pg_authid",
            "select * from pg_file_settings",
            "load 'auto_explain'",
        )
