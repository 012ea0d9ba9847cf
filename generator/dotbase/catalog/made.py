"""What the running transaction made or dropped, found out by reading the catalog twice.

Dependency rows (`pg_depend`) are written anew whenever an object is made or replaced, and not by grants,
comments or changes of owner. Rows that this transaction wrote since the last reading are therefore exactly
what a file made. Rows of other sessions (a job that makes a partition meanwhile) are told apart by xmin.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psycopg

from dotbase.catalog.objects import CatalogObject, Present, present, present_of

Connection = psycopg.Connection[Any]

# Dependency rows written since this transaction began, whoever wrote them, by transactions (or savepoints
# of ours) that began so many after it, or more. Age counts from our own transaction.
WRITTEN = """
select
    d.classid::regclass::text, d.classid, d.objid, d.ctid::text, d.xmin::text::bigint,
    - pg_catalog.age(d.xmin)
from pg_catalog.pg_depend as d
where pg_catalog.age(d.xmin) <= - %s::int
"""

# Our own transaction, and the first id that had not ended when the snapshot was taken.
HORIZON = """(
    select
        pg_catalog.pg_current_xact_id()::text::bigint as top,
        pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint as horizon
)"""

# Whether a row's xmin is of our transaction or of a savepoint of it: visible and yet in progress. What comes
# behind the horizon is visible because it is ours; an old row, whose id has been frozen for two billion
# transactions, looks as if it came later still, and of such ids the server may not be asked.
IS_OURS = """
case
    when (t.top + (({xmin} - (t.top & 4294967295)) & 4294967295)) < t.horizon
    then pg_catalog.pg_xact_status(
        (t.top + (({xmin} - (t.top & 4294967295)) & 4294967295))::text::xid8
    ) = 'in progress'
    else (t.top + (({xmin} - (t.top & 4294967295)) & 4294967295)) < t.horizon + 1000000
end
"""

# Which of these transaction ids are ours.
OURS = f"""
select x
from unnest(%s::bigint[]) as x
cross join {HORIZON} as t
where {IS_OURS.format(xmin="x")}
"""

# Routines asked for by id, and those that this transaction made or replaced. A dependency on the schema is
# written anew then, and not by grants or comments; the ids of our own transaction are visible and yet in
# progress. C has nothing to parse.
ROUTINES = """
select
    pg_catalog.quote_ident(v.nspname) || '.' || pg_catalog.quote_ident(v.proname),
    (
        select pg_catalog.substr(s, 13)
        from unnest(p.proconfig) as s
        where s like 'search_path=%%'
    ),
    p.oid, p.oid::regprocedure::text, n.nspname || '.' || p.proname, p.prosrc
from pg_catalog.pg_depend as d
inner join pg_catalog.pg_namespace as n on n.oid = d.refobjid
inner join pg_catalog.pg_proc as p on p.oid = d.objid
inner join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname not in ('internal', 'c')
inner join (
    select f.oid, f.proname, s.nspname
    from pg_catalog.pg_proc as f inner join pg_catalog.pg_namespace as s on s.oid = f.pronamespace
) as v on v.oid = l.lanvalidator
cross join {horizon} as t
where d.classid = 'pg_proc'::regclass
    and d.refclassid = 'pg_namespace'::regclass
    and n.nspname not like 'pg\\_%%'
    and n.nspname not in ('information_schema', 'dotbase')
    and pg_catalog.pg_has_role(p.proowner, 'usage')
    and (p.oid = any (%(ids)s) or pg_catalog.age(d.xmin) <= 0 and {ours})
order by 1, 2 nulls first, 3
""".replace("{horizon}", HORIZON).replace("{ours}", IS_OURS.format(xmin="d.xmin::text::bigint"))


class Watch:
    """Tells what this transaction made between two readings; what happens between is in savepoints."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._newest = -1
        self._written = self._read_written()
        self._schemas = set(present(connection).schema_writers)

    def _read_written(self) -> set[tuple[str, int, int, str, int, int]]:
        return set(self._connection.execute(WRITTEN, [self._newest + 1]).fetchall())

    def made(self, *, alone: bool = False) -> tuple[frozenset[CatalogObject], Present]:
        """Objects made or replaced by us since the last reading, and all that exist now, unless alone."""
        written = self._read_written()
        new = written - self._written
        now = (
            present_of(self._connection, {(catalog, objid) for catalog, _, objid, *_ in new})
            if alone
            else present(self._connection)
        )
        rows = [(classid, objid, xmin) for _, classid, objid, _, xmin, _ in new]
        rows += [
            (*address, xmin) for address, xmin in now.schema_writers.items() if address not in self._schemas
        ]
        xids = sorted({xmin for _, _, xmin in rows})
        ours = {xid for (xid,) in self._connection.execute(OURS, [xids])} if xids else set()
        self._newest = max((later for *_, xmin, later in written if xmin in ours), default=self._newest)
        self._written = written
        self._schemas = set(now.schema_writers)
        made = {
            now.addresses[classid, objid]
            for classid, objid, xmin in rows
            if xmin in ours and (classid, objid) in now.addresses
        }
        return frozenset(made), now


@dataclass(frozen=True)
class MadeRoutine:
    """A routine with a body that its language can be asked about.

    validator: of its language, quoted; path: the search path that it sets itself, if it does.
    """

    validator: str
    path: str | None
    oid: int
    signature: str
    name: str
    body: str


def routines_made(connection: Connection, ids: Collection[int] = ()) -> list[MadeRoutine]:
    """The routines that this transaction made or replaced, and these; of one validator and path together."""
    return [MadeRoutine(*row) for row in connection.execute(ROUTINES.encode(), {"ids": list(ids)})]


def ids_of_routines(connection: Connection, objects: Collection[CatalogObject]) -> list[int]:
    """The ids of the routines among these objects; those that do not exist are left out."""
    row = connection.execute("select 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid").fetchone()
    assert row is not None
    addresses = present(connection).addresses_of(objects)
    return [objid for classid, objid in addresses if classid == row[0]]
