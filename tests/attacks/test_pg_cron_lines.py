"""pg_cron: a line is SQL that runs later as whom it names, so nobody gets one in whose name he is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.attacker import CLIENTS, ME, STRANGER, attacker
from tests.harness.clones import Clones
from tests.harness.databases import Database
from tests.harness.server import Server
from tests.harness.target import CRON, OWNER, only_on_postgres
from tests.jobs.live import live_database

pytestmark = only_on_postgres("there pg_cron's schema and lines are the platform's to guard")
LINE_OF_A_SUPERUSER = "select cron.schedule('sesame', '0 0 1 1 *', 'select ''sesame''')"
LINE = "(schedule, command, username) values ('* * * * *', 'select 1', '{}')"


@pytest.fixture
def live(server: Server, clones: Clones, pg_cron: None) -> Iterator[Database]:
    """pg_cron's database; here, all is rolled back."""
    with live_database(server, clones) as database:
        yield database


@pytest.mark.parametrize("role", [*CLIENTS, "authenticator", STRANGER])
def test_a_client_wants_his_sql_run_later(role: str, live: Database) -> None:
    login, switched = ("authenticator", role) if role in CLIENTS else (role, None)
    with attacker(live, login, switched, ME.claims) as t:
        t.is_refused(
            "select cron.schedule('* * * * *', 'select 1')",
            "select cron.schedule('mine', '* * * * *', 'select 1')",
            "select cron.unschedule('draw_apply_results')",
            f"insert into cron.job {LINE.format('postgres')}",
            "update cron.job set command = 'select 1'",
            "delete from cron.job",
            "select command from cron.job",
            "select return_message from cron.job_run_details",
        )


def test_pg_crons_role_wants_a_line_in_the_name_of_the_owner_or_a_superuser(live: Database) -> None:
    with attacker(live, CRON, slips=(LINE_OF_A_SUPERUSER,)) as t:
        for name in (OWNER, "postgres"):
            t.is_refused(
                f"select cron.schedule_in_database('mine', '* * * * *', 'select 1', 'dotbase', '{name}')",
                f"select cron.alter_job((select max(jobid) from cron.job), username := '{name}')",
                f"update cron.job set username = '{name}'",
                f"insert into cron.job {LINE.format(name)}",
            )
        t.is_refused("update cron.job set command = 'select 1'", "truncate cron.job", "drop table cron.job")


def test_pg_crons_role_wants_to_read_or_drop_the_lines_of_others(live: Database) -> None:
    with attacker(live, CRON, slips=(LINE_OF_A_SUPERUSER,)) as t:
        assert t.runs("select distinct username::text from cron.job") == [(CRON,)]
        assert t.tries("select cron.unschedule('sesame')") == "XX000"
        t.runs("reset session authorization")
        assert t.runs("select command from cron.job where jobname = 'sesame'") == [("select 'sesame'",)]


def test_a_reader_of_pg_crons_lines_wants_a_key_in_them(live: Database) -> None:
    """A line names a job, no more: no key, no address, no argument."""
    commands = [row["command"] for row in live.rows("select command from cron.job where username = %s", CRON)]
    assert commands
    runtime = {"call jobs.watch()", "call jobs.catch_up()"}
    assert runtime <= set(commands)
    for command in set(commands) - runtime:
        name = command.removeprefix("call jobs.run('").removesuffix("')")
        assert name.replace("_", "").isalnum(), command
