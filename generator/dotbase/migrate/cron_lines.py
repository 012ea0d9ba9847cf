"""pg_cron's lines, where a superuser runs what changes them.

`jobs.sync_pg_cron` becomes pg_cron's role, which nobody may within the function that confines a superuser
(`confinement`), and leaves the lines to `catch_up`. That is a line itself: nobody would make the first ones,
nor those that the main switch took away. So the same is called once more, confined to pg_cron's role.
"""

from __future__ import annotations

from typing import Any

import psycopg

from dotbase.migrate import confinement
from dotbase.render.templates import Variables

Connection = psycopg.Connection[Any]

# On Supabase the owner is that role, and changes them.
ROLE = Variables(target="postgres").cron_role
THERE = """
select pg_catalog.to_regprocedure('jobs.sync_pg_cron()') is not null
    and pg_catalog.to_regclass('cron.job') is not null
    and pg_catalog.to_regrole(%s) is not null
"""


def bring_in_step(connection: Connection) -> None:
    """Make them the declared ones, where that was left undone; needs a transaction."""
    if confinement.is_needed(connection) and connection.execute(THERE, [ROLE]).fetchone() == (True,):
        confinement.run_as(connection, ROLE, "select jobs.sync_pg_cron()")
