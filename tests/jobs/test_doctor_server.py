"""The doctor on a server of its own: what only a restart brings about, and a restart fixes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dotbase import cluster
from dotbase.migrate.migration import migrate
from dotbase.migrate.run import Run
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from tests.harness.server import ROOT, one_process

NAME = "doctor"
LAUNCHER = "select pid from pg_stat_activity where application_name = 'pg_cron scheduler'"


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of a migrated database on a server that is gone afterwards."""
    with one_process(NAME):
        cluster.destroy(NAME, ROOT)
        cluster.start(NAME, ROOT)
        try:
            url = cluster.local_url(NAME, root=ROOT)
            variables = Variables(clock="movable")
            with psycopg.connect(url, autocommit=True) as connection:
                # Nobody restarts this server to see what it had on disk.
                connection.execute("alter system set fsync = off")
                steps = render_steps(Project(ROOT), variables)
                migrate(Run(connection, steps, "postgres", variables.clock, variables.owner))
                connection.execute("select jobs.set_live(true)")
            yield url
        finally:
            cluster.destroy(NAME, ROOT)


def restart(**settings: str) -> None:
    """Start the server anew with these settings of cron and shared_preload_libraries."""
    cluster.stop(NAME, ROOT)
    lines = [f"{name.replace('__', '.')} = '{value}'\n" for name, value in settings.items()]
    (cluster.status(NAME, ROOT).directory / "local.conf").write_text("".join(lines))
    cluster.start(NAME, ROOT)


def found(url: str, role: str = "none") -> dict[str, str]:
    """What the doctor finds about pg_cron as this role: finding and remedy."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"set role {role}".encode())
        rows: list[Any] = connection.execute("select finding, remedy from jobs.pg_cron_findings()").fetchall()
        return dict(rows)


def wait_for_launcher(url: str, *, present: bool) -> None:
    """A server that has started has its launcher a moment later."""
    with psycopg.connect(url, autocommit=True) as connection:
        deadline = time.monotonic() + 30
        while (connection.execute(LAUNCHER).fetchone() is not None) != present:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_pg_cron_not_preloaded_elsewhere_and_in_background_workers(database: str) -> None:
    wait_for_launcher(database, present=True)
    assert found(database) == found(database, "dotbase_owner") == {}

    restart(shared_preload_libraries="plpgsql_check")
    assert found(database) == {
        "pg_cron is not preloaded": "add pg_cron to shared_preload_libraries and restart the server"
    }
    # Who may not read the server's settings sees that nobody fires.
    assert found(database, "dotbase_owner") == {
        "pg_cron's launcher does not run": "restart the server, with pg_cron in shared_preload_libraries"
    }

    restart(cron__database_name="postgres")
    wait_for_launcher(database, present=True)
    elsewhere = {
        "pg_cron lives in another database": "alter system set cron.database_name = 'dotbase'; "
        "and restart the server"
    }
    assert found(database) == found(database, "dotbase_owner") == elsewhere

    restart(cron__use_background_workers="on")
    wait_for_launcher(database, present=True)
    assert found(database) == {
        "pg_cron uses background workers": "alter system set cron.use_background_workers = off; "
        "and restart the server"
    }

    restart(statement_timeout="1min")
    wait_for_launcher(database, present=True)
    assert found(database).keys() == {"dotbase_cron has a limit of its own"}

    restart()
    wait_for_launcher(database, present=True)
    assert found(database) == {}

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"select pg_terminate_backend(({LAUNCHER}))".encode())
    wait_for_launcher(database, present=False)
    assert found(database).keys() == {"pg_cron's launcher does not run"}


PREPARED = (
    "begin",
    "select pg_advisory_xact_lock_shared(core.round_locks(), 1200)",
    "prepare transaction 'undecided'",
)


def test_prepared_transactions_are_found_with_their_owner_and_no_round_is_closed_past_one(
    database: str,
) -> None:
    """Fault 47. No session has its locks, so that nothing ends it but its owner or a superuser."""
    query = "select finding, detail, remedy from jobs.doctor() where finding ~ 'prepared'"
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute(query.encode()).fetchall() == []
    restart(max_prepared_transactions="5")
    with psycopg.connect(database, autocommit=True) as connection:
        allowed = (
            "transactions may be prepared",
            "max_prepared_transactions is 5: what was prepared before a deadline can be committed long"
            " after it",
            "alter system set max_prepared_transactions = 0; and restart the server",
        )
        assert connection.execute(query.encode()).fetchall() == [allowed]
        for statement in PREPARED:
            connection.execute(statement.encode())
        left, *rest = connection.execute(query.encode()).fetchall()
        assert rest == [allowed]
        assert left[0] == "a prepared transaction is left"
        assert left[1].startswith("undecided of postgres, since 2")
        assert left[2] == "as postgres or a superuser: rollback prepared 'undecided'"

        connection.execute("select core.set_setting('luckywalk.closing_wait_seconds', '1')")
        with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
            connection.execute("select luckywalk.lock_round_to_close(1200)")
        assert caught.value.diag.message_primary == (
            "round 1200 cannot be closed: the prepared transaction undecided has its lock"
        )
        assert caught.value.diag.message_hint == "rollback prepared 'undecided'"
        connection.execute("rollback prepared 'undecided'")
        connection.execute("select luckywalk.lock_round_to_close(1200)")
    restart()
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute(query.encode()).fetchall() == []
