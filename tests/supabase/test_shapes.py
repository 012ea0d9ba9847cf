"""The small shape of Supabase, which rendering tries files on, has nothing that the tests' shape has not."""

from __future__ import annotations

import os
from importlib import resources

from psycopg import sql

from tests.harness.server import Server
from tests.harness.supabase import ADMIN
from tests.supabase.platform import SupabaseDatabase

COLUMNS = """
select format('%s.%s %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod))
from pg_attribute as a
inner join pg_class as c on c.oid = a.attrelid
where c.relnamespace in ('auth'::regnamespace, 'vault'::regnamespace)
    and c.relkind in ('r', 'v')
    and a.attnum > 0
"""
ROUTINES = """
select format(
    '%s(%s) %s %s', p.oid::regproc, pg_get_function_arguments(p.oid), p.prorettype::regtype, p.provolatile
)
from pg_proc as p
where p.pronamespace in ('auth'::regnamespace, 'vault'::regnamespace, 'net'::regnamespace)
"""


def test_tables_and_functions_of_the_small_shape_are_among_those_of_the_other(
    supabase: Server, empty: SupabaseDatabase
) -> None:
    name = f"small_shape_{os.getpid()}"
    identifier = sql.Identifier(name)
    shape = resources.files("dotbase.cluster").joinpath("supabase.sql").read_text()
    with supabase.connect("postgres", user=ADMIN) as admin:
        admin.execute(sql.SQL("create database {} template template0").format(identifier))
        try:
            with (
                supabase.connect(name, user=ADMIN) as small,
                supabase.connect(empty.name, user=ADMIN) as whole,
            ):
                small.execute(shape.encode())
                for query in (COLUMNS, ROUTINES):
                    [few, all_] = [set(one.execute(query.encode()).fetchall()) for one in (small, whole)]
                    assert few
                    assert few <= all_, few - all_
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(identifier))
