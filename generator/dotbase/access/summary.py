"""What a role may do with an object, in a few words: one for each command, its columns counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dotbase.access.matrix import COMMANDS, Cell, Matrix
from dotbase.access.objects import AccessObject


@dataclass(frozen=True)
class Summary:
    """One command: on which rows and how many of the columns, or why not at all."""

    command: str
    rows: str | None
    columns: int
    of_columns: int
    claim: bool
    line: str | None
    undeclared: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the role may, at least in one column."""
        return self.columns > 0

    @property
    def words(self) -> str:
        """`select own, 3 of 5 columns`."""
        if not self.allowed:
            return "asks for an administrator" if self.claim else "–"
        rows = f" {'some' if self.is_condition else self.rows}" if self.rows else ""
        part = f", {self.columns} of {self.of_columns} columns" if self.columns < self.of_columns else ""
        return f"{self.command}{rows}{part}{', undeclared' if self.undeclared else ''}"

    @property
    def is_condition(self) -> bool:
        """Whether the rows are those of an SQL condition."""
        return self.rows not in (None, "own", "all")


def table(matrix: Matrix, app: str) -> list[tuple[AccessObject, dict[str, list[Summary]]]]:
    """The objects of an app, and what each role may do with them."""
    cells: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in matrix.cells:
        if cell.app == app:
            cells.setdefault((cell.kind, cell.object, cell.role, cell.command), []).append(cell)
    return [
        (
            thing,
            {
                role: [
                    _summary(command, cells[(thing.kind, thing.title, role, command)])
                    for command in COMMANDS[thing.kind]
                ]
                for role in matrix.roles
            },
        )
        for thing in matrix.objects[app]
    ]


def _summary(command: str, cells: Sequence[Cell]) -> Summary:
    allowed = [cell for cell in cells if cell.allowed]
    named = [cell for cell in cells if cell.line]
    return Summary(
        command,
        allowed[0].rows if allowed else None,
        len(allowed),
        len(cells),
        any(cell.refused == "claim" for cell in cells),
        named[0].line if named else None,
        any(cell.undeclared for cell in cells),
    )
