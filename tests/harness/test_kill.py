"""The kill harness kills: a client's transaction is gone, a server process's kill is survived."""

from __future__ import annotations

import sys

from tests.harness.kill import Torture

CLIENT = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection, connection.transaction():
    connection.execute("create table public.half as select 1 as half")
    connection.execute("select pg_sleep(0.3)")
    connection.execute("create table public.whole as select 1 as whole")
"""
HALVES = "select count(*) from pg_class where relname in ('half', 'whole')"


def test_a_killed_client_leaves_no_half(torture: Torture) -> None:
    url = torture.server.conninfo(torture.database.name)
    kill = torture.kill_client([sys.executable, "-c", CLIENT, url], within=0.3)
    assert not kill.finished
    assert torture.database.value(HALVES) == 0


def test_a_killed_server_process_leaves_no_half(torture: Torture) -> None:
    torture.database.owner.execute("create table public.kept as select 1 as kept")
    statement = (
        "create table public.half as select 1 as half; select pg_sleep(30); create table public.whole ()"
    )
    kill = torture.kill_backend("postgres", statement, within=0.2)
    assert not kill.finished
    assert torture.database.value(HALVES) == 0
    assert torture.database.value("select kept from public.kept") == 1
