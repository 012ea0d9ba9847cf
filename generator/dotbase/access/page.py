"""The matrix as one page of coloured cells, which needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2

from dotbase.access import summary
from dotbase.access.matrix import OF_COLUMNS, STRANGER, Matrix
from dotbase.access.objects import AccessObject, Kind
from dotbase.access.summary import Summary
from dotbase.access.terminal import ORDER
from dotbase.render.project import Project

TEMPLATES = Path(__file__).parent
PLURAL: dict[Kind, str] = {
    "schema": "Schema",
    "rpc": "RPCs",
    "view": "Views",
    "table": "Tables",
    "function": "Functions",
    "sequence": "Sequences",
}
LETTER = {"select": "S", "insert": "I", "update": "U", "delete": "D", "usage": "use", "create": "make"}


@dataclass(frozen=True)
class Chip:
    """One command in one cell: a letter, its colour, and what it says when one points at it."""

    letter: str
    colour: str
    says: str


@dataclass(frozen=True)
class Row:
    """One object or one of its columns: a list of chips for each role."""

    title: str
    arguments: str
    chips: list[list[Chip]]
    columns: list[Row]
    open: bool


@dataclass(frozen=True)
class Group:
    """The objects of one kind of an app; those that nobody may use are folded away."""

    title: str
    used: list[Row]
    closed: list[Row]

    @property
    def folded(self) -> str:
        """`3 functions`, `1 sequence`."""
        count = len(self.closed)
        noun = self.title.lower()
        return f"{count} {noun if count > 1 else noun.removesuffix('s')}"


def render(matrix: Matrix, project: Project) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    abouts = {name: app.about for name, app in project.declared.apps.items()}
    return environment.get_template("page.html.j2").render(
        roles=["any other" if role == STRANGER else role for role in matrix.roles],
        apps=[
            (app, abouts.get(app, "exposed to clients"), list(_groups(matrix, app))) for app in matrix.apps
        ],
        cells=len(matrix.cells),
        allowed=sum(cell.allowed for cell in matrix.cells),
        objects=sum(map(len, matrix.objects.values())),
    )


def _groups(matrix: Matrix, app: str) -> Iterator[Group]:
    rows = summary.table(matrix, app)
    for kind in ORDER:
        of_kind = [_row(matrix, thing, by_role) for thing, by_role in rows if thing.kind == kind]
        if of_kind:
            yield Group(
                PLURAL[kind], [row for row in of_kind if row.open], [row for row in of_kind if not row.open]
            )


def _row(matrix: Matrix, thing: AccessObject, by_role: dict[str, list[Summary]]) -> Row:
    name, paren, rest = thing.title.partition("(")
    return Row(
        name,
        paren + rest,
        [[_chip(one) for one in by_role[role]] for role in matrix.roles],
        list(_columns(matrix, thing)),
        any(one.allowed or one.claim for found in by_role.values() for one in found),
    )


def _columns(matrix: Matrix, thing: AccessObject) -> Iterator[Row]:
    """The columns of an object, folded away until somebody asks."""
    cells = {(cell.role, cell.command, cell.column): cell for cell in matrix.of(thing)}
    for column in thing.columns:
        chips = []
        for role in matrix.roles:
            found = [cells[(role, command, column)] for command in OF_COLUMNS]
            chips.append(
                [
                    _chip(Summary(cell.command, cell.rows, int(cell.allowed), 1, False, cell.line))
                    for cell in found
                ]
            )
        yield Row(column, "", chips, [], True)


def _chip(one: Summary) -> Chip:
    letter = LETTER.get(one.command, "✓" if one.allowed else "")
    where = f" ({one.line})" if one.line else ""
    if not one.allowed:
        if one.claim:
            return Chip("?", "claim", f"{one.command}: the RPC asks for an administrator{where}")
        return Chip(letter or "–", "no", f"{one.command}: denied")
    part = f", {one.columns} of {one.of_columns} columns" if one.columns < one.of_columns else ""
    colour = {"own": "own", "all": "all", None: "all"}.get(one.rows, "some")
    rows = f" {one.rows} rows" if one.rows in ("own", "all") else f" where {one.rows}" if one.rows else ""
    return Chip(letter, f"{colour} part" if part else colour, f"{one.command}{rows}{part}{where}")
