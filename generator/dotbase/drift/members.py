"""Members of extensions, and what initdb made: compared where both servers brought the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg

from dotbase.drift.items import BUILT_IN, MEMBER, NEWEST, SUPERUSER, Catalog, Item, Key
from dotbase.drift.queries import Scope, grants, query

Connection = psycopg.Connection[Any]
OWN_LINES = "(username = CURRENT_USER)"

# What `create extension` itself granted, by the kind and name that the reader gives the object.
GRANTED = query(
    """
select 'schema', n.name, $of_schema
from pg_catalog.pg_namespace as x
inner join spaces as n on n.oid = x.oid
left join pg_catalog.pg_init_privs as i
    on i.classoid = 'pg_catalog.pg_namespace'::regclass and i.objoid = x.oid and i.objsubid = 0
where x.nspname = 'cron'
union all
select
    case x.relkind when 'S' then 'sequence' when 'v' then 'view' else 'table' end,
    n.name || '.' || quote_ident(x.relname),
    case x.relkind when 'S' then $of_sequence else $of_table end
from pg_catalog.pg_class as x
inner join spaces as n on n.oid = x.relnamespace
left join pg_catalog.pg_init_privs as i
    on i.classoid = 'pg_catalog.pg_class'::regclass and i.objoid = x.oid and i.objsubid = 0
where n.name = 'cron' and x.relkind in ('r', 'v', 'S')
union all
select 'function', x.oid::regprocedure::text, $of_function
from pg_catalog.pg_proc as x
inner join spaces as n on n.oid = x.pronamespace
left join pg_catalog.pg_init_privs as i
    on i.classoid = 'pg_catalog.pg_proc'::regclass and i.objoid = x.oid and i.objsubid = 0
where n.name = 'cron'
""",
    of_schema=grants("i.initprivs", "n", "x.nspowner"),
    of_sequence=grants("i.initprivs", "s", "x.relowner"),
    of_table=grants("i.initprivs", "r", "x.relowner"),
    of_function=grants("i.initprivs", "f", "x.proowner"),
)


def reconcile(declared: Catalog, live: Catalog, *, built_in: bool) -> None:
    """Take out of both what different versions of a server or of an extension make different.

    What is no older than initdb, or lies outside of its extension's own schema, stays in.
    """
    if not built_in or declared.version // 10000 != live.version // 10000:
        for catalog in (declared, live):
            _remove(catalog, [key for key, item in catalog.items.items() if item.schema in BUILT_IN])
    for key, item in list(declared.items.items()):
        found = live.items.get(key)
        if item.kind != "extension" or found is None:
            continue
        # An extension that moved is told, and its members have moved with it.
        if any(item.facts.get(fact) != found.facts.get(fact) for fact in ("_version", "schema")):
            for catalog, extension in ((declared, item), (live, found)):
                _remove(catalog, [one.key for one in _members(catalog, extension)])


def _members(catalog: Catalog, extension: Item) -> Iterator[Item]:
    for item in catalog.items.values():
        if item.facts.get(MEMBER) == extension.name and goes_with(item, extension):
            yield item


def goes_with(item: Item, extension: Item) -> bool:
    """Whether a member lies where its extension says: elsewhere it may hide what is not the extension's."""
    return item.schema in ("", extension.facts.get("schema"))


def _remove(catalog: Catalog, keys: list[Key]) -> None:
    """Items, and what lies on them."""
    while keys:
        for key in keys:
            catalog.items.pop(key, None)
        gone = set(keys)
        keys = [key for key, item in catalog.items.items() if item.parent in gone]


def hold_pg_cron(connection: Connection, scope: Scope, role: str, declared: Catalog, live: Catalog) -> None:
    """pg_cron is declared in the one database that it lives in, which no scratch database is.

    Its members are held to what `create extension` granted and to what every version of it has: routines in C
    from its own file, and tables that show everybody his own lines.
    """
    here = connection.execute(
        "select pg_catalog.current_setting('cron.database_name', true) = pg_catalog.current_database()"
        " where pg_catalog.pg_has_role(session_user, 'pg_read_all_settings', 'usage')"
    ).fetchone()
    found = live.items.get(("extension", "pg_cron"))
    if found is None and here != (True,):
        return
    item = Item("extension", "pg_cron", "pg_cron", "", None, {}, "create extension pg_cron")
    if found is None:
        declared.add(item)
        return
    declared.add(replace(found, facts={**found.facts, "version": NEWEST, "owner": SUPERUSER}))
    granted = {
        (kind, name): facts
        for kind, name, facts in connection.execute(GRANTED.encode(), scope.parameters).fetchall()
    }
    for key, one in list(live.items.items()):
        if one.schema != "cron" or one.facts.get(MEMBER) != "pg_cron":
            continue
        declared.add(replace(one, facts=_brought(one, granted.get(key, {}), role), create=None))
        for other in [other for other in live.items.values() if other.parent == key]:
            # The policy is the one thing on its tables that has to be there; what else lies on them is told.
            if other.kind in ("column", "constraint", "index", "trigger") and other.absent is None:
                facts = {name: told for name, told in other.facts.items() if not name.startswith("grant ")}
                declared.add(replace(other, facts=facts))
            elif other.kind == "policy" and other.facts.get("using") == OWN_LINES:
                declared.add(replace(other, facts={"command": "all", "roles": "public", "using": OWN_LINES}))


def _brought(item: Item, granted: dict[str, str], role: str) -> dict[str, str]:
    """The facts of a member of pg_cron as it came."""
    facts = {name: value for name, value in item.facts.items() if not name.startswith("grant to ")} | granted
    if "owner" in facts:
        facts["owner"] = SUPERUSER
    if item.kind == "schema":
        facts[f"grant to {role}"] = "usage"
    elif item.kind == "table":
        facts["row-level security"] = "enabled"
    elif item.kind == "function":
        facts |= {"language": "c", "file": "$libdir/pg_cron"}
    facts.pop("setting role", None)
    return facts
