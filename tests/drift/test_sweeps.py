"""Not one object of a kind but every one: what is changed on all of them is found on all of them."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.drift.conftest import IGNORED, Find
from tests.harness.figures import count
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("test_supabase.py compares there")

IN = """in (
    select oid from pg_namespace
    where nspname !~ '^pg_' and nspname <> 'information_schema' and nspname <> all (%s)
)"""
ROUTINES = f"""from pg_proc where pronamespace {IN} and prokind = 'f'
and oid not in (select objid from pg_depend where deptype = 'e')"""
TABLES = f"from pg_class where relkind in ('r', 'p') and relnamespace {IN}"
COLUMNS = f"""from pg_class as c inner join pg_attribute on attrelid = c.oid
where relkind in ('r', 'p') and attnum > 0 and not attisdropped and relnamespace {IN}"""
POLICIES = f"from pg_policy inner join pg_class as c on c.oid = polrelid where relnamespace {IN}"
TRIGGERS = f"""from pg_trigger inner join pg_class as c on c.oid = tgrelid
where not tgisinternal and tgparentid = 0 and relnamespace {IN}"""
CONSTRAINTS = f"""from pg_constraint
where contype in ('c', 'f', 'p', 'u') and conparentid = 0 and conrelid <> 0 and connamespace {IN}"""
TYPES = f"""from pg_type as t inner join pg_class as c on c.oid = typrelid and c.relkind = 'c'
where typnamespace {IN}"""

# What is changed: the statement with its places, what stands in them, and the objects.
SWEEPS = {
    "cost of functions": ("alter function %%s cost 7", "oid::regprocedure", ROUTINES),
    "owner of functions": ("alter function %%s owner to authenticator", "oid::regprocedure", ROUTINES),
    "grants on functions": ("grant execute on function %%s to public", "oid::regprocedure", ROUTINES),
    "row-level security": ("alter table %%s disable row level security", "oid::regclass", TABLES),
    "grants on tables": ("grant truncate on %%s to service_role", "oid::regclass", TABLES),
    "comments on columns": ("comment on column %%s.%%I is ''x''", "attrelid::regclass, attname", COLUMNS),
    "grants on columns": ("grant update (%%I) on %%s to anon", "attname, attrelid::regclass", COLUMNS),
    "policies": ("drop policy %%I on %%s", "polname, polrelid::regclass", POLICIES),
    "triggers": ("alter table %%s disable trigger %%I", "tgrelid::regclass, tgname", TRIGGERS),
    "constraints": (
        "alter table %%s rename constraint %%I to %%I",
        "conrelid::regclass, conname, 'x_' || right(conname, 50)",
        CONSTRAINTS,
    ),
    "schemas": (
        "grant create on schema %%s to anon",
        "oid::regnamespace",
        f"from pg_namespace where oid {IN}",
    ),
    "types": ("grant usage on type %%s to anon", "t.oid::regtype", TYPES),
}


@pytest.mark.parametrize("sweep", SWEEPS)
def test_every_one_is_found_and_fixed(sweep: str, by_hand: psycopg.Connection[Any], find: Find) -> None:
    statement, places, objects = SWEEPS[sweep]
    query = f"select format('{statement}', {places}) {objects}"
    statements = [row[0] for row in by_hand.execute(query.encode(), [list(IGNORED)]).fetchall()]
    assert statements
    by_hand.execute("; ".join(statements).encode())
    found = find(by_hand)
    assert len({one.object for one in found}) == len(found) == len(statements)
    by_hand.execute("; ".join(fix for one in found for fix in one.fix).encode())
    assert [one.sentence for one in find(by_hand)] == []
    count("objects changed by hand and found", len(found))
