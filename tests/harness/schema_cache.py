"""What PostgREST knows of the exposed schema: its functions, tables and views, from the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

# Applied to the transaction before the call: PostgREST's db-hoisted-tx-settings, but for
# default_transaction_isolation, which is said as the transaction begins.
HOISTED = {"statement_timeout", "plan_filter.statement_cost_limit"}

# json_to_record would cut these to one character.
UNBOUNDED = {"bit": "bit varying", "character": "character varying"}

ROUTINES = """
select
    p.proname as name,
    p.provolatile as volatility,
    p.proretset as returns_set,
    p.prorettype = 'void'::regtype as returns_void,
    t.typtype = 'c' or coalesce(p.proargmodes::text[] && '{t,b,o}', false) as returns_composite,
    coalesce(p.proconfig, '{}') as settings,
    (
        select coalesce(array_agg(coalesce(a.name, '') order by a.place), '{}')
        from unnest(p.proargnames, p.proargmodes::text[]) with ordinality as a (name, mode, place)
        where coalesce(a.mode, 'i') in ('i', 'b', 'v')
    ) as names,
    (
        select coalesce(array_agg(format_type(a.type, null) order by a.place), '{}')
        from unnest(p.proargtypes) with ordinality as a (type, place)
    ) as types,
    p.pronargs - p.pronargdefaults as required,
    p.provariadic <> 0 as variadic
from pg_proc as p
inner join pg_type as r on r.oid = p.prorettype
inner join pg_type as t on t.oid = case r.typtype when 'd' then r.typbasetype else r.oid end
where p.pronamespace = %s::regnamespace
    and p.prokind = 'f'
    and p.prorettype <> 'trigger'::regtype
order by p.proname, p.pronargs
"""

RELATIONS = """
select c.relname as relation, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = %s::regnamespace and c.relkind in ('r', 'v', 'm', 'f', 'p')
order by c.relname, a.attnum
"""

# Settings for the whole cluster of the roles that it may switch to, where it may set them; in lower case.
ROLE_SETTINGS = """
select
    r.rolname as role,
    array_agg(
        split_part(c.setting, '=', 1) || '=' || lower(substr(c.setting, strpos(c.setting, '=') + 1))
    ) as settings
from pg_auth_members as m
inner join pg_roles as r on r.oid = m.roleid
cross join lateral unnest(r.rolconfig) as c (setting)
inner join pg_settings as s on s.name = split_part(c.setting, '=', 1)
where m.member = current_user::regrole
    and (s.context = 'user' or has_parameter_privilege(current_user::regrole, s.name, 'set'))
group by r.rolname
"""


@dataclass(frozen=True)
class Parameter:
    """An input parameter of a routine."""

    name: str
    type: str
    required: bool
    variadic: bool


@dataclass(frozen=True)
class Routine:
    """A function that can be called under /rpc/."""

    name: str
    parameters: Sequence[Parameter]
    volatility: str
    returns_set: bool
    returns_void: bool
    returns_composite: bool
    settings: Mapping[str, str]

    @property
    def returns_scalar(self) -> bool:
        """One value or a set of values, not rows."""
        return not self.returns_composite

    def accepts(self, keys: set[str]) -> bool:
        """All required parameters named, and none that it does not have."""
        required = {p.name for p in self.parameters if p.required}
        return required <= keys <= {p.name for p in self.parameters}

    @property
    def takes_whole_body(self) -> bool:
        """A single unnamed json or jsonb parameter gets the whole body."""
        return len(self.parameters) == 1 and not self.parameters[0].name and "json" in self.parameters[0].type

    @property
    def callable(self) -> bool:
        """PostgREST cannot pass arguments to unnamed parameters."""
        return self.takes_whole_body or all(p.name for p in self.parameters)


@dataclass(frozen=True)
class SchemaCache:
    """The exposed schema's routines by name, relations with their columns' types, roles' settings."""

    schema: str
    routines: Mapping[str, Sequence[Routine]]
    relations: Mapping[str, Mapping[str, str]]
    role_settings: Mapping[str, Mapping[str, str]]


def load(connection: psycopg.Connection[Any], schema: str = "api") -> SchemaCache:
    """Read the catalog, as PostgREST does at its start and on `notify pgrst`."""
    routines: dict[str, list[Routine]] = {}
    relations: dict[str, dict[str, str]] = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(ROUTINES, [schema]):
            routine = _routine(row)
            if routine.callable:
                routines.setdefault(routine.name, []).append(routine)
        for row in cursor.execute(RELATIONS, [schema]):
            relations.setdefault(row["relation"], {})[row["name"]] = row["type"]
        roles = {row["role"]: _settings(row["settings"]) for row in cursor.execute(ROLE_SETTINGS)}
    return SchemaCache(schema, routines, relations, roles)


def _routine(row: dict[str, Any]) -> Routine:
    names = row["names"] or [""] * len(row["types"])
    last = len(names) - 1
    parameters = [
        Parameter(name, _unbounded(type_), place < row["required"], row["variadic"] and place == last)
        for place, (name, type_) in enumerate(zip(names, row["types"], strict=True))
    ]
    return Routine(
        row["name"],
        parameters,
        row["volatility"],
        row["returns_set"],
        row["returns_void"],
        row["returns_composite"],
        _settings(row["settings"]),
    )


def _unbounded(type_: str) -> str:
    suffix = "[]" if type_.endswith("[]") else ""
    base = type_.removesuffix("[]")
    return UNBOUNDED.get(base, base) + suffix


def _settings(pairs: Sequence[str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs)
