"""`dotbase render`: the SQL of the templates, in order, the same bytes every time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import cast

import click

from dotbase.connection import one_sentence
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from dotbase.printable import echo
from dotbase.render.assembly import render_files, render_steps, render_text
from dotbase.render.project import Project
from dotbase.render.templates import Target, Variables
from dotbase.supabase.manifest import Folder
from dotbase.supabase.render import RenderOptions, render, variables_of

MARKER = "-- Source: "


@click.command("render")
@click.option("--target", type=click.Choice(["postgres", "supabase"]), default="postgres", show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder: one file a step; for supabase, the folder that holds supabase/migrations.",
)
@click.option("--name", help="Of the new migration, for supabase. [default: what changed]")
@click.option(
    "--moment",
    type=click.DateTime(["%Y%m%d%H%M%S"]),
    help="Version of the new migration, for supabase: 14 digits. [default: now, UTC]",
)
@click.option("--clock", type=click.Choice(["real", "movable"]), hidden=True)
@click.option("--master-key-file", help="Where the server reads the master key of core.secrets.")
@click.pass_obj
def command(
    options: GlobalOptions,
    target: str,
    out: Path | None,
    name: str | None,
    moment: datetime | None,
    clock: str | None,
    master_key_file: str | None,
) -> None:
    """Print the whole database as SQL, or write it to a folder.

    In order and in one session it is the database: `dotbase render | psql -v ON_ERROR_STOP=1 -1 …`.
    For supabase, a folder gets the migrations for `supabase db push`: each time a new one for what has
    changed since the last; a file that is there is never written again.
    """
    project = Project.find(options.project)
    if target == "supabase" and out is not None:
        _add(options, project, RenderOptions(out, name, moment), clock)
        return
    variables = Variables(cast(Target, target), clock or "real", master_key_file)
    steps = render_steps(project, variables)
    if out is None:
        # As bytes: the same in every locale.
        click.echo(render_text(project, variables, steps).encode(), nl=False)
        return
    files = render_files(project, variables, steps)
    _write(out, files)
    echo(f"{len(files)} files in {out}")


def _add(options: GlobalOptions, project: Project, choices: RenderOptions, clock: str | None) -> None:
    """Add migrations for what has changed."""
    variables = variables_of(Folder.at(choices.out), clock)
    with one_sentence():
        new = render(options, project, variables, render_steps(project, variables), choices)
    for path in new:
        echo(path)
    echo(f"{len(new)} new migrations" if new else "No new migration: nothing has changed since the last.")


def _write(out: Path, files: list[tuple[str, str]]) -> None:
    """Write the files; those of an earlier rendering go, anything else in the folder stops us."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        old = sorted(out.iterdir())
        for path in old:
            if path.suffix != ".sql" or MARKER not in path.read_text(encoding="utf-8"):
                raise DotbaseError(
                    f"{out} holds {path.name}, which no rendering wrote", "name an empty folder or a new one"
                )
        for path in old:
            path.unlink()
        for name, text in files:
            (out / name).write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DotbaseError(f"{out} cannot be written ({error})", "name another folder") from None
