"""The matrix: for every object of the catalog, what each role may do, as the declarations say it.

The catalog gives the rows alone. No right is read from it: what it really grants is for tests to find
out, which execute every cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import psycopg

from dotbase.access import objects
from dotbase.access.objects import EXPOSED, AccessObject, Kind
from dotbase.catalog.privileges import Privilege
from dotbase.render.declarations.policies import ADMINISTRATOR, AppPolicies, real_role, view_sections
from dotbase.render.documents import Place
from dotbase.render.templates import Variables

COMMANDS: dict[Kind, tuple[str, ...]] = {
    "schema": ("usage", "create"),
    "table": ("select", "insert", "update", "delete"),
    "view": ("select", "insert", "update", "delete"),
    "rpc": ("execute",),
    "function": ("execute",),
    "sequence": ("select", "usage", "update"),
}
OF_COLUMNS = ("select", "insert", "update")
SIGNED_IN = "authenticated"
# Any login that no line names.
STRANGER = "public"


@dataclass(frozen=True)
class Cell:
    """What one role may do with one object, or with one column of it.

    rows:    `all`, `own` or an SQL condition; None where there are no rows or no right.
    refused: what stands in the way: the right is missing, or the RPC asks for a claim.
    line:    the declaration that allows it.
    undeclared: the right is live, though no declaration gives it.
    """

    app: str
    kind: Kind
    object: str
    column: str | None
    role: str
    command: str
    rows: str | None = None
    refused: Literal["right", "claim"] | None = None
    line: str | None = None
    undeclared: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the role may."""
        return self.refused is None


@dataclass(frozen=True)
class Matrix:
    """All cells, object by object; apps and roles in the order in which they are shown."""

    apps: tuple[str, ...]
    roles: tuple[str, ...]
    objects: dict[str, list[AccessObject]]
    cells: tuple[Cell, ...]

    def of(self, thing: AccessObject) -> list[Cell]:
        """The cells of an object."""
        return [cell for cell in self.cells if (cell.kind, cell.object) == (thing.kind, thing.title)]


@dataclass(frozen=True)
class Line:
    """One declared right: whose, what it allows, on which columns (None: all), and where it stands."""

    role: str
    command: str
    rows: str | None
    columns: tuple[str, ...] | None
    place: str


def build(connection: psycopg.Connection[Any], apps: Sequence[AppPolicies], variables: Variables) -> Matrix:
    """The matrix of a database that these declarations were applied to."""
    found = objects.read(connection, [*(one.app for one in apps), EXPOSED])
    lines = Lines(apps, variables)
    by_app: dict[str, list[AccessObject]] = {}
    for thing in found:
        by_app.setdefault(lines.app_of(thing), []).append(thing)
    order = [*(one.app for one in apps), EXPOSED]
    names = tuple(sorted(by_app, key=order.index))
    cells = [
        cell
        for app in names
        for thing in by_app[app]
        for role in lines.roles
        for cell in _cells(app, thing, role, lines)
    ]
    return Matrix(names, lines.roles, by_app, tuple(cells))


def with_undeclared(matrix: Matrix, undeclared: Sequence[Privilege]) -> Matrix:
    """The matrix with what a role may do though no line says so."""
    found = {(one.title, one.column, one.role, one.privilege.split(" ")[0]) for one in undeclared}

    def marked(cell: Cell) -> Cell:
        role = SIGNED_IN if cell.role == ADMINISTRATOR else cell.role
        keys = {
            (cell.object, on, who, cell.command) for on in (None, cell.column) for who in (role, STRANGER)
        }
        return replace(cell, refused=None, undeclared=True) if not cell.allowed and keys & found else cell

    return replace(matrix, cells=tuple(map(marked, matrix.cells)))


class Lines:
    """The declared rights by object."""

    def __init__(self, apps: Sequence[AppPolicies], variables: Variables) -> None:
        self._variables = variables
        self._lines: dict[tuple[str, str, str], list[Line]] = {}
        self._homes: dict[tuple[str, str], str] = {}
        for one in apps:
            self._read(one)
        self.roles = self._all_roles()

    def of(self, thing: AccessObject) -> list[Line]:
        """What is declared for an object."""
        return self._lines.get((thing.kind, thing.schema, thing.name), [])

    def app_of(self, thing: AccessObject) -> str:
        """The app that an object belongs to; what is exposed belongs to the app that says so."""
        return self._homes.get((thing.kind, thing.name), thing.schema)

    def _read(self, one: AppPolicies) -> None:
        for table, rights in one.policies.tables.items():
            for number, right in enumerate(rights):
                columns = None if right.columns is None else tuple(right.columns)
                place: Place = ("tables", table, number)
                self._add(
                    one, "table", one.app, table, right.role, right.command, right.rows, columns, *place
                )
        for section, schema, views in view_sections(one.app, one.policies):
            for view, roles in views.items():
                if schema == EXPOSED:
                    self._homes[("view", view)] = one.app
                for role in roles:
                    self._add(one, "view", schema, view, role, "select", "all", None, section, view)
        for name, roles in one.policies.functions.items():
            for role in roles:
                self._add(one, "function", one.app, name, role, "execute", None, None, "functions", name)
        for name, rpc in one.policies.rpcs.items():
            self._homes[("rpc", name)] = one.app
            for role in rpc.roles:
                for kind, schema in (("rpc", EXPOSED), ("function", one.app)):
                    self._add(one, kind, schema, name, role, "execute", None, None, "rpcs", name)

    def _add(
        self,
        one: AppPolicies,
        kind: str,
        schema: str,
        name: str,
        role: str,
        command: str,
        rows: str | None,
        columns: tuple[str, ...] | None,
        *place: str | int,
    ) -> None:
        real = role if role == ADMINISTRATOR else real_role(role, self._variables)
        line = Line(real, command, rows, columns, one.document.where(*place))
        self._lines.setdefault((kind, schema, name), []).append(line)
        # A right on an object is of no use without its schema's.
        usage = Line(real_role(role, self._variables), "usage", None, None, line.place)
        self._lines.setdefault(("schema", schema, schema), []).append(usage)

    def _all_roles(self) -> tuple[str, ...]:
        usual = ["anon", SIGNED_IN, ADMINISTRATOR, "service_role", self._variables.cron_role, "authenticator"]
        named = {line.role for lines in self._lines.values() for line in lines}
        return (*usual, *sorted(named - {*usual}), STRANGER)


def _cells(app: str, thing: AccessObject, role: str, lines: Lines) -> Iterator[Cell]:
    for command in COMMANDS[thing.kind]:
        columns: Sequence[str | None] = (None,)
        if thing.columns and command in OF_COLUMNS:
            columns = thing.columns
        for column in columns:
            line, claim = _allowing(lines.of(thing), role, command, column)
            refused: Literal["right", "claim"] | None = None if line else "right"
            if line and claim:
                refused = "claim"
            yield Cell(
                app,
                thing.kind,
                thing.title,
                column,
                role,
                command,
                line.rows if line and not claim else None,
                refused,
                line.place if line else None,
            )


def _allowing(lines: list[Line], role: str, command: str, column: str | None) -> tuple[Line | None, bool]:
    """The line that gives the role this, and whether it asks for a claim that the role does not make."""
    for line in lines:
        if line.command != command or (line.columns is not None and column not in line.columns):
            continue
        if role == line.role or (role == ADMINISTRATOR and line.role == SIGNED_IN):
            return line, False
        if role == SIGNED_IN and line.role == ADMINISTRATOR:
            return line, True
    return None, False
