"""The matrix on a terminal: a table an app, a row an object, a column a role."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dotbase.access import summary
from dotbase.access.matrix import STRANGER, Matrix
from dotbase.access.objects import Kind
from dotbase.access.summary import Summary
from dotbase.printable import plain

ORDER: tuple[Kind, ...] = ("schema", "rpc", "view", "table", "function", "sequence")


def show(matrix: Matrix, console: Console) -> None:
    """Print it."""
    for app in matrix.apps:
        grid = Table(
            title=app,
            title_justify="left",
            title_style="bold",
            header_style="bold",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
        )
        grid.add_column("", style="dim", no_wrap=True)
        grid.add_column("object", overflow="fold")
        for role in matrix.roles:
            grid.add_column("any other" if role == STRANGER else role, overflow="fold")
        rows = sorted(summary.table(matrix, app), key=lambda row: ORDER.index(row[0].kind))
        last = None
        for thing, by_role in rows:
            if last not in (None, thing.kind):
                grid.add_section()
            grid.add_row(
                "" if last == thing.kind else thing.kind,
                Text(plain(thing.title.removeprefix(f"{app}.") if thing.kind != "schema" else thing.title)),
                *(_words(by_role[role]) for role in matrix.roles),
            )
            last = thing.kind
        console.print(grid)
    allowed = sum(cell.allowed for cell in matrix.cells)
    console.print(
        f"{len(matrix.cells):,} cells, {allowed:,} allowed; what no line of policies/ allows is denied."
    )


def _words(found: list[Summary]) -> Text:
    allowed = [one.words for one in found if one.allowed]
    if allowed:
        return Text("\n".join(map(plain, allowed)), style="green")
    if any(one.claim for one in found):
        return Text("asks for an administrator", style="yellow")
    return Text("–", style="dim")
