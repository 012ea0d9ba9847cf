"""`dotbase render`: the SQL of the templates, in order, the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from dotbase.commands.context import GlobalOptions
from dotbase.errors import DotbaseError
from dotbase.project import Project
from dotbase.render import Variables, render_files, render_steps, render_text
from dotbase.templating import Target

MARKER = "-- Source: "


@click.command("render")
@click.option("--target", type=click.Choice(["postgres", "supabase"]), default="postgres", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="A folder: one file a step.")
@click.option("--clock", type=click.Choice(["real", "movable"]), default="real", hidden=True)
@click.option("--master-key-file", help="Where the server reads the master key of core.secrets.")
@click.pass_obj
def command(
    options: GlobalOptions, target: str, out: Path | None, clock: str, master_key_file: str | None
) -> None:
    """Print the whole database as SQL, or write it to a folder.

    In order and in one session it is the database: `dotbase render | psql -v ON_ERROR_STOP=1 -1 …`.
    """
    project = Project.find(options.project)
    variables = Variables(cast(Target, target), clock, master_key_file)
    steps = render_steps(project, variables)
    if out is None:
        # As bytes: the same in every locale.
        click.echo(render_text(project, variables, steps).encode(), nl=False)
        return
    files = render_files(project, variables, steps)
    _write(out, files)
    click.echo(f"{len(files)} files in {out}")


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
