"""The roles of a cluster for scratch databases: as they are declared, whatever templates did to them before.

Roles, what is set for them and who is a member of whom belong to the whole cluster, and stay when a database
is dropped.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import errors, sql

from dotbase.catalog import roles
from dotbase.render.bootstrap import ATTRIBUTES, DeclaredRoles, has

Connection = psycopg.Connection[Any]
UNLIMITED = "connection limit -1 valid until 'infinity'"


def reset(
    connection: Connection,
    declared: DeclaredRoles,
    limits: Collection[tuple[str, str, str]],
    prefix: str,
    *,
    alone: bool,
) -> None:
    """Bring roles back to what is declared; what is missing of it, the bootstrap makes.

    limits: settings of roles that are declared: role, setting, value.
    prefix: of the scratch databases, whose own settings go with them.
    alone:  no other scratch database is being built; else roles that are not declared may be that one's.
    """
    for statement in roles.reset_settings(connection, prefix, limits):
        connection.execute(statement.encode())
    known = {(of, member) for of, member in declared.memberships}
    for of, member, admin, revoke in roles.every_membership(connection):
        ours = of in declared.attributes and member in declared.attributes
        if (alone or ours) and ((of, member) not in known or admin):
            connection.execute(revoke.encode())
    for name, quoted, attributes in roles.every_role(connection):
        words = declared.attributes.get(name)
        if words is not None and set(attributes) != has(words):
            all_words = " ".join(word if word in has(words) else f"no{word}" for word in ATTRIBUTES)
            connection.execute(f"alter role {quoted} {all_words} {UNLIMITED}".encode())
    if not alone:
        return
    for statement in roles.revoke_parameters(connection):
        connection.execute(statement.encode())
    for name, _, _ in roles.every_role(connection):
        if name not in declared.attributes:
            # Somebody's database in this cluster has something of it.
            with suppress(errors.DependentObjectsStillExist):
                connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
