"""The SQL of policies/<app>.yaml: policies, grants of tables, routines and views, wrappers of RPCs."""

from __future__ import annotations

from dotbase.render.declarations import call
from dotbase.render.declarations.grants import Grant
from dotbase.render.declarations.policies import (
    Policies,
    Right,
    all_grants,
    function_grants,
    real_role,
    row_policies,
    table_grants,
    view_grants,
    view_sections,
)
from dotbase.render.identifiers import literal, qualified, quoted
from dotbase.render.templates import Variables


def table_sql(app: str, table: str, rights: list[Right], variables: Variables, own_rows: str) -> str:
    """Row-level security, policies and grants of one table."""
    name = qualified(app, table)
    lines = [
        # Whatever anybody had before goes first; the owner's own rights stay.
        f"select core.drop_policies({literal(name)});",
        f"select core.revoke_relation({literal(name)});",
    ]
    if rights:
        lines += [f"alter table {name} {word} row level security;" for word in ("enable", "force")]
    else:
        lines.append(f"select core.deny_direct_access({literal(name)});")
    grants = table_grants(app, table, rights, variables)
    of_right: dict[tuple[str, str], list[Grant]] = {}
    for right, given in zip(rights, grants, strict=True):
        of_right[right.role, right.command] = given
    for policy in row_policies(rights):
        rows = policy.condition(own_rows)
        condition = {
            "insert": f"with check ({rows})",
            "update": f"using ({rows}) with check ({rows})",
        }.get(policy.command, f"using ({rows})")
        lines += [
            f"create policy {quoted(policy.name)} on {name}\n"
            f"for {policy.command} to {quoted(real_role(policy.role, variables))}\n"
            f"{condition};",
            *(grant.sql for grant in of_right[policy.role, policy.command]),
        ]
    return "\n\n".join(lines) + "\n"


def grants_sql(app: str, policies: Policies, variables: Variables) -> str:
    """Usage of the schema, execute on routines that are no RPCs, select on the app's views."""
    lines = [f"select core.revoke_app('{app}');"]
    every = [grant for _, grant in all_grants(app, policies, variables)]
    lines += [grant.sql for grant in every if grant.kind == "schema" and grant.schema == app]
    for name, roles in policies.functions.items():
        lines += [grant.sql for grant in function_grants(app, name, roles, variables)]
    for _, schema, views in view_sections(app, policies):
        for name, roles in views.items():
            lines.append(f"select core.revoke_relation({literal(qualified(schema, name))});")
            lines += [grant.sql for grant in view_grants(schema, name, roles, variables)]
    return "\n\n".join(dict.fromkeys(lines)) + "\n"


def rpcs_sql(app: str, policies: Policies, variables: Variables) -> str:
    """The call that builds the wrappers of the app's RPCs."""
    rpcs: dict[str, object] = {}
    for name, rpc in policies.rpcs.items():
        roles = [real_role(role, variables) for role in rpc.roles]
        rpcs[name] = {"roles": roles, **rpc.limits} if rpc.limits else roles
    return call("core.build_wrappers", app, rpcs)
