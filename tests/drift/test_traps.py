"""A schema that is called as pg_cron's is not pg_cron's: nothing of it is run."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.drift.conftest import Find
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("pg_cron is there on Supabase")


def test_a_cron_job_of_somebody_else_is_not_read(by_hand: psycopg.Connection[Any], find: Find) -> None:
    by_hand.execute(
        "create schema cron;"
        "create function cron.trap() returns bigint language plpgsql as $$begin raise 'was run'; end$$;"
        "create view cron.job as select cron.trap() as jobid, ''::text as jobname, ''::text as schedule,"
        " ''::text as command, ''::text as username, true as active, current_database()::text as database"
    )
    assert {one.kind for one in find(by_hand)} == {"schema"}
