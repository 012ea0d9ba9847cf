"""What clients see in schema api: RPCs, views and their row types, with the roles that may use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

# One row an argument: of a routine without any, one row of nulls. Defaults belong to the last arguments.
RPCS = """
select
    p.proname::text, pg_catalog.pg_get_function_result(p.oid),
    case p.provolatile when 'v' then 'volatile' when 's' then 'stable' else 'immutable' end,
    pg_catalog.obj_description(p.oid, 'pg_proc'),
    array(
        select pg_catalog.pg_get_userbyid(a.grantee)::text
        from pg_catalog.aclexplode(p.proacl) as a
        where a.grantee <> p.proowner and a.grantee <> 0 and a.privilege_type = 'EXECUTE'
        order by 1
    ),
    array(
        select array[
            coalesce(p.proargnames[i], '$' || i), pg_catalog.format_type(p.proargtypes[i - 1], null),
            case when i > p.pronargs - p.pronargdefaults
                then coalesce(pg_catalog.pg_get_function_arg_default(p.oid, i), '') end
        ]
        from pg_catalog.generate_series(1, p.pronargs) as i
        order by i
    )
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname = 'api'
order by 1, pg_catalog.pg_get_function_identity_arguments(p.oid)
"""

RELATIONS = """
select
    c.relname::text, c.relkind = 'c', pg_catalog.obj_description(c.oid, 'pg_class'),
    pg_catalog.obj_description(c.reltype, 'pg_type'),
    array(
        select distinct pg_catalog.pg_get_userbyid(a.grantee)::text
        from pg_catalog.aclexplode(c.relacl) as a
        where a.grantee <> c.relowner and a.grantee <> 0 and a.privilege_type = 'SELECT'
        order by 1
    ),
    array(
        select array[t.attname::text, pg_catalog.format_type(t.atttypid, t.atttypmod)]
        from pg_catalog.pg_attribute as t
        where t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped
        order by t.attnum
    )
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = 'api' and c.relkind in ('v', 'm', 'c')
order by 1
"""


@dataclass(frozen=True)
class Argument:
    """An argument of an RPC by the name that clients send; default: None where it must be sent."""

    name: str
    type: str
    default: str | None


@dataclass(frozen=True)
class Column:
    """A column of a view or of a row type."""

    name: str
    type: str


@dataclass(frozen=True)
class Rpc:
    """A function of schema api."""

    name: str
    arguments: tuple[Argument, ...]
    result: str
    volatility: str
    roles: tuple[str, ...]
    comment: str | None


@dataclass(frozen=True)
class View:
    """A view of schema api."""

    name: str
    columns: tuple[Column, ...]
    roles: tuple[str, ...]
    comment: str | None


@dataclass(frozen=True)
class RowType:
    """A composite type of schema api: what an RPC returns rows of."""

    name: str
    columns: tuple[Column, ...]
    comment: str | None


@dataclass(frozen=True)
class Api:
    """Everything in schema api, each in the order of its names."""

    rpcs: tuple[Rpc, ...]
    views: tuple[View, ...]
    row_types: tuple[RowType, ...]


def read(connection: psycopg.Connection[Any]) -> Api:
    """The API of a database; empty where nothing was migrated yet."""
    rpcs = [
        Rpc(
            name, tuple(Argument(*argument) for argument in arguments), result, volatility, tuple(roles), said
        )
        for name, result, volatility, said, roles, arguments in connection.execute(RPCS.encode())
    ]
    views, row_types = [], []
    for name, is_type, said, said_of_type, roles, columns in connection.execute(RELATIONS.encode()):
        typed = tuple(Column(*column) for column in columns)
        if is_type:
            row_types.append(RowType(name, typed, said_of_type))
        else:
            views.append(View(name, typed, tuple(roles), said))
    return Api(tuple(rpcs), tuple(views), tuple(row_types))
