"""policies/<app>.yaml: who may do what, the one place for grants, row-level security and RPCs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator, model_validator

from dotbase.errors import DotbaseError
from dotbase.render.declarations.grants import Grant, usage
from dotbase.render.documents import Document, Place, load, validate
from dotbase.render.identifiers import cut
from dotbase.render.project import ENDS_THE_WAIT, Limit, Project, is_shorter
from dotbase.render.templates import Variables

# Any name that Postgres takes: of any script and case, key words too.
Identifier = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,63}$")]
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


class Rpc(BaseModel):
    """One RPC: who may call it, and for how long. In YAML a list of roles, or a mapping with more keys.

    A new key is a field here. What it does to the database is the wrapper's: `rpcs_sql` hands it to
    core.build_wrappers (functions/core/wrappers.sql). docs/access.md tells people what it means.

    statement_timeout, lock_timeout: in place of those of `client_limits` in apps.yaml.
    """

    model_config = ConfigDict(extra="forbid")
    roles: list[Identifier]
    statement_timeout: Limit | None = None
    lock_timeout: Limit | None = None

    @model_validator(mode="before")
    @classmethod
    def _roles_alone(cls, line: Any) -> Any:
        return {"roles": line} if isinstance(line, list) else line

    @model_validator(mode="after")
    def _waiting_ends_first(self) -> Rpc:
        lock, statement = self.lock_timeout, self.statement_timeout
        if lock and statement and not is_shorter(lock, statement):
            raise ValueError(ENDS_THE_WAIT)
        return self

    @property
    def limits(self) -> dict[str, str]:
        """Its own limits, by setting."""
        own = {"lock_timeout": self.lock_timeout, "statement_timeout": self.statement_timeout}
        return {setting: value for setting, value in own.items() if value is not None}


class Policies(BaseModel):
    """Everything an app allows."""

    model_config = ConfigDict(extra="forbid")
    tables: dict[Identifier, list[Right]] = {}
    views: dict[Identifier, list[Identifier]] = {}
    private_views: dict[Identifier, list[Identifier]] = {}
    functions: dict[Identifier, list[Identifier]] = {}
    rpcs: dict[Identifier, Rpc] = {}

    @field_validator("tables")
    @classmethod
    def _columns_for_all_rows(cls, tables: dict[str, list[Right]]) -> dict[str, list[Right]]:
        """Postgres grants columns to a role, whichever the row: two lines cannot give them by rows."""
        for table, rights in tables.items():
            for (role, command), together in _by_role_and_command(rights):
                if len({tuple(sorted(right.columns or ())) for right in together}) > 1:
                    raise ValueError(
                        f"table {table} has lines for {command} by {role} with different columns, and"
                        " Postgres would give all of them on the rows of each: show the rows that are"
                        " public in part by an RPC, or keep those columns in a table of their own"
                    )
        return tables

    @field_validator("views", "private_views", "functions")
    @classmethod
    def _for_roles(cls, lines: dict[str, list[str]]) -> dict[str, list[str]]:
        if any(ADMINISTRATOR in roles for roles in lines.values()):
            raise ValueError(NO_ROLE)
        return lines

    @field_validator("rpcs")
    @classmethod
    def _one_kind_of_person(cls, rpcs: dict[str, Rpc]) -> dict[str, Rpc]:
        for name, rpc in rpcs.items():
            if {ADMINISTRATOR, "authenticated"} <= set(rpc.roles):
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


@dataclass(frozen=True)
class RowPolicy:
    """What one role may do with which rows of a table: one policy, also where several lines say it.

    rows: the conditions of the lines, any of which is enough.
    """

    role: str
    command: str
    rows: tuple[str, ...]
    columns: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """The policy's name in the database."""
        return cut(f"{self.role}_{self.command}")

    def condition(self, own_rows: str) -> str:
        """The rows as one SQL condition."""
        each = [{"own": own_rows, "all": "true"}.get(rows, rows) for rows in self.rows]
        return each[0] if len(each) == 1 else " or ".join(f"({one})" for one in each)


def row_policies(rights: list[Right]) -> list[RowPolicy]:
    """The policies of a table's lines: one a role and command, which Postgres checks faster than two."""
    return [
        RowPolicy(role, command, tuple(right.rows for right in together), _columns(together[0]))
        for (role, command), together in _by_role_and_command(rights)
    ]


def _by_role_and_command(rights: list[Right]) -> list[tuple[tuple[str, str], list[Right]]]:
    """The lines of each role and command, in the order in which they begin."""
    together: dict[tuple[str, str], list[Right]] = {}
    for right in rights:
        together.setdefault((right.role, right.command), []).append(right)
    return list(together.items())


def _columns(right: Right) -> tuple[str, ...] | None:
    return None if right.columns is None else tuple(right.columns)


def table_grants(app: str, table: str, rights: list[Right], variables: Variables) -> list[list[Grant]]:
    """What each line of a table gives."""
    found = []
    for right in rights:
        role = real_role(right.role, variables)
        grant = Grant(right.command, "relation", app, table, role, _columns(right))
        found.append([grant, usage(app, role)])
    return found


def function_grants(app: str, name: str, roles: list[str], variables: Variables) -> list[Grant]:
    """What a line under `functions:` gives."""
    real = [real_role(role, variables) for role in roles]
    return [g for role in real for g in (Grant("execute", "routine", app, name, role), usage(app, role))]


def view_grants(schema: str, name: str, roles: list[str], variables: Variables) -> list[Grant]:
    """What a line under `views:` (schema api) or `private_views:` (the app's) gives."""
    real = [real_role(role, variables) for role in roles]
    return [
        g for role in real for g in (Grant("select", "relation", schema, name, role), usage(schema, role))
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
    for section, schema, views in view_sections(app, policies):
        for name, roles in views.items():
            yield from (((section, name), g) for g in view_grants(schema, name, roles, variables))
    for name, rpc in policies.rpcs.items():
        yield from ((("rpcs", name), g) for g in rpc_grants(app, name, rpc.roles, variables))


def view_sections(app: str, policies: Policies) -> list[tuple[str, str, dict[str, list[str]]]]:
    """The two sections of views, each with its schema."""
    return [("views", "api", policies.views), ("private_views", app, policies.private_views)]
