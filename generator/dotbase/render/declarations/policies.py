"""policies/<app>.yaml: who may do what, the one place for grants, row-level security and RPCs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator, model_validator

from dotbase.errors import DotbaseError
from dotbase.render.declarations import call
from dotbase.render.declarations.grants import Grant, usage
from dotbase.render.documents import Document, Place, load, validate
from dotbase.render.project import Project
from dotbase.render.templates import Variables

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
ADMINISTRATOR = "administrator"
NO_ROLE = "administrator is a claim and no role of Postgres: only an RPC, which checks it, can be for it"


class Right(BaseModel):
    """One line: a role may do one command with rows of the table, in these columns or in all."""

    model_config = ConfigDict(extra="forbid")
    role: Identifier
    command: Literal["select", "insert", "update", "delete"]
    rows: Annotated[str, StringConstraints(min_length=1)]
    columns: list[Identifier] | None = None

    @field_validator("columns")
    @classmethod
    def _not_none_of_them(cls, columns: list[str] | None) -> list[str] | None:
        if columns == []:
            raise ValueError("no column is named: left out, they are all meant; without the line, none")
        return columns

    @model_validator(mode="after")
    def _holds(self) -> Right:
        """A line says what will be: nothing that the role would not be held to."""
        if self.role == ADMINISTRATOR:
            raise ValueError(NO_ROLE)
        if self.role == "service_role" and self.rows != "all":
            raise ValueError("service_role bypasses row-level security: its rows are `all`")
        if self.columns is not None and self.command == "delete":
            raise ValueError("a row is deleted whole: `delete` has no columns")
        return self


class Policies(BaseModel):
    """Everything an app allows."""

    model_config = ConfigDict(extra="forbid")
    tables: dict[Identifier, list[Right]] = {}
    views: dict[Identifier, list[Identifier]] = {}
    functions: dict[Identifier, list[Identifier]] = {}
    rpcs: dict[Identifier, list[Identifier]] = {}

    @field_validator("views", "functions")
    @classmethod
    def _for_roles(cls, lines: dict[str, list[str]]) -> dict[str, list[str]]:
        if any(ADMINISTRATOR in roles for roles in lines.values()):
            raise ValueError(NO_ROLE)
        return lines

    @field_validator("rpcs")
    @classmethod
    def _one_kind_of_person(cls, rpcs: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, roles in rpcs.items():
            if {ADMINISTRATOR, "authenticated"} <= set(roles):
                raise ValueError(f"RPC {name} is for administrators, or for everybody who is signed in")
        return rpcs


@dataclass(frozen=True)
class AppPolicies:
    """The policies of an app, with their lines."""

    app: str
    policies: Policies
    document: Document


def of(project: Project) -> list[AppPolicies]:
    """The policies of all apps, in the order of the apps."""
    return [of_app(project, app) for app in project.apps]


def of_app(project: Project, app: str) -> AppPolicies:
    """The policies of an app, which it must have."""
    path = project.root / "policies" / f"{app}.yaml"
    if not path.is_file():
        raise DotbaseError(
            f"app {app} has no policies",
            "write the file; what it does not say is denied",
            project.relative(path),
        )
    document = load(path, project.root)
    return AppPolicies(app, read(document), document)


def read(document: Document) -> Policies:
    """An app's policies, checked as far as YAML can be."""
    return validate(Policies, document)


def real_role(role: str, variables: Variables) -> str:
    """The role's name on the target: `cron` is whatever pg_cron's lines run as.

    An administrator's role is `authenticated`; the claim that makes him one is checked by the RPC.
    """
    return {"cron": variables.cron_role, ADMINISTRATOR: "authenticated"}.get(role, role)


def table_grants(app: str, table: str, rights: list[Right], variables: Variables) -> list[list[Grant]]:
    """What each line of a table gives."""
    found = []
    for right in rights:
        role = real_role(right.role, variables)
        columns = None if right.columns is None else tuple(right.columns)
        found.append([Grant(right.command, "relation", f"{app}.{table}", role, columns), usage(app, role)])
    return found


def function_grants(app: str, name: str, roles: list[str], variables: Variables) -> list[Grant]:
    """What a line under `functions:` gives."""
    real = [real_role(role, variables) for role in roles]
    return [
        g for role in real for g in (Grant("execute", "routine", f"{app}.{name}", role), usage(app, role))
    ]


def view_grants(name: str, roles: list[str], variables: Variables) -> list[Grant]:
    """What a line under `views:` gives."""
    real = [real_role(role, variables) for role in roles]
    return [
        g for role in real for g in (Grant("select", "relation", f"api.{name}", role), usage("api", role))
    ]


def rpc_grants(app: str, name: str, roles: list[str], variables: Variables) -> list[Grant]:
    """What a line under `rpcs:` gives: core.build_wrapper does, for the RPC and for what is behind it."""
    return [grant for schema in (app, "api") for grant in function_grants(schema, name, roles, variables)]


def all_grants(app: str, policies: Policies, variables: Variables) -> Iterator[tuple[Place, Grant]]:
    """Everything that an app's lines give, with the line."""
    for table, rights in policies.tables.items():
        for number, grants in enumerate(table_grants(app, table, rights, variables)):
            yield from ((("tables", table, number), grant) for grant in grants)
    for name, roles in policies.functions.items():
        yield from ((("functions", name), g) for g in function_grants(app, name, roles, variables))
    for name, roles in policies.views.items():
        yield from ((("views", name), g) for g in view_grants(name, roles, variables))
    for name, roles in policies.rpcs.items():
        yield from ((("rpcs", name), g) for g in rpc_grants(app, name, roles, variables))


def table_sql(app: str, table: str, rights: list[Right], variables: Variables, own_rows: str) -> str:
    """Row-level security, policies and grants of one table."""
    name = f"{app}.{table}"
    lines = [
        f"alter table {name} enable row level security;",
        f"alter table {name} force row level security;",
        f"select core.drop_policies('{name}');",
        # Whatever anybody had before goes first; the owner's own rights stay.
        f"select core.revoke_relation('{name}');",
    ]
    if not rights:
        # Restrictive, so that a policy and a grant made by hand open nothing.
        lines.append(
            f"create policy nobody on {name}\nas restrictive for all to anon, authenticated\nusing (false);"
        )
    for right, grants in zip(rights, table_grants(app, table, rights, variables), strict=True):
        role = real_role(right.role, variables)
        rows = {"own": own_rows, "all": "true"}.get(right.rows, right.rows)
        condition = {
            "insert": f"with check ({rows})",
            "update": f"using ({rows}) with check ({rows})",
        }.get(right.command, f"using ({rows})")
        lines += [
            f"create policy {right.role}_{right.command} on {name}\n"
            f"for {right.command} to {role}\n"
            f"{condition};",
            *(grant.sql for grant in grants),
        ]
    return "\n\n".join(lines) + "\n"


def grants_sql(app: str, policies: Policies, variables: Variables) -> str:
    """Usage of the schema, execute on routines that are no RPCs, select on the app's views in api."""
    lines = [f"select core.revoke_app('{app}');"]
    every = [grant for _, grant in all_grants(app, policies, variables)]
    lines += [grant.sql for grant in every if grant.kind == "schema" and grant.target == app]
    for name, roles in policies.functions.items():
        lines += [grant.sql for grant in function_grants(app, name, roles, variables)]
    for name, roles in policies.views.items():
        lines.append(f"select core.revoke_relation('api.{name}');")
        lines += [grant.sql for grant in view_grants(name, roles, variables)]
    return "\n\n".join(dict.fromkeys(lines)) + "\n"


def rpcs_sql(app: str, policies: Policies, variables: Variables) -> str:
    """The call that builds the app's RPCs."""
    rpcs = {name: [real_role(role, variables) for role in roles] for name, roles in policies.rpcs.items()}
    return call("core.build_wrappers", app, rpcs)
