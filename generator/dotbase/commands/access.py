"""`dotbase access`: who may do what, as a table, as JSON, or as a page."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from dotbase.access import page, terminal
from dotbase.access.matrix import Cell, build, with_undeclared
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from dotbase.printable import echo, json_lines
from dotbase.render.assembly import render_steps
from dotbase.render.declarations import policies
from dotbase.render.project import Project
from dotbase.render.templates import TARGETS, Target, Variables
from dotbase.scratch import scratch_database
from dotbase.verify.declarations import verify_objects
from dotbase.verify.rights import undeclared

WIDE = 200


@click.command("access")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object a cell.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one page of coloured cells."
)
@click.option(
    "--target",
    type=click.Choice(TARGETS),
    default="postgres",
    show_default=True,
    help="Kind of server that the scratch database is built for.",
)
@click.pass_obj
def command(options: GlobalOptions, as_json: bool, html: Path | None, target: Target) -> None:
    """Show who may do what: roles, objects and commands, as policies/ declares them.

    The objects are those of a scratch database, freshly built from the templates: what no line allows
    is in the matrix too.
    """
    project, variables = Project.find(options.project), Variables(target)
    steps = render_steps(project, variables)
    with scratch_database(
        options, steps, variables, lambda connection: verify_objects(connection, project, variables)
    ) as connection:
        declared = policies.of(project)
        matrix = with_undeclared(
            build(connection, declared, variables), undeclared(connection, project, declared, variables)
        )
    if html is not None:
        _write(html, page.render(matrix, project))
    if as_json:
        echo(json_lines(json.dumps([_json(cell) for cell in matrix.cells], indent=1, ensure_ascii=False)))
    elif html is not None:
        echo(f"{html}: {len(matrix.cells):,} cells")
    else:
        # Into a file or a pipe, where no width is given, a row stays a line.
        width = None if sys.stdout.isatty() else WIDE
        terminal.show(matrix, Console(width=width))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DotbaseError(f"{path} cannot be written ({error.strerror})", "name another file") from None


def _json(cell: Cell) -> dict[str, object]:
    return {
        "app": cell.app,
        "kind": cell.kind,
        "object": cell.object,
        "column": cell.column,
        "role": cell.role,
        "command": cell.command,
        "allowed": cell.allowed,
        "rows": cell.rows,
        "refused": cell.refused,
        "line": cell.line,
        "undeclared": cell.undeclared,
    }
