"""`dotbase api`: what clients see, written down; or whether what is written down is still true."""

from __future__ import annotations

from pathlib import Path

import click

from dotbase.catalog.api import read
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from dotbase.printable import echo
from dotbase.reference.page import as_sql
from dotbase.render.assembly import render_steps
from dotbase.render.declarations import policies
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.scratch import scratch_database


@click.command("api")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
@click.option(
    "--check", type=click.Path(path_type=Path, dir_okay=False), help="Say whether this file is still true."
)
@click.pass_obj
def command(options: GlobalOptions, out: Path | None, check: Path | None) -> None:
    """Print the API as SQL without bodies: RPCs, views, row types, roles, comments."""
    if out is not None and check is not None:
        raise click.UsageError("--out and --check exclude each other")
    text = page(options)
    if check is not None:
        if not check.is_file() or check.read_text(encoding="utf-8") != text:
            raise DotbaseError(
                f"{check} is not what the templates say", f"run `dotbase api --out {check}` and read the diff"
            )
        echo(f"{check} is what the templates say.")
    elif out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        echo(str(out))
    else:
        click.echo(text, nl=False)


def page(options: GlobalOptions) -> str:
    """The page of a project, from a scratch database."""
    project, variables = Project.find(options.project), Variables()
    said = {}
    for one in policies.of(project):
        for name, roles in (
            *((name, rpc.roles) for name, rpc in one.policies.rpcs.items()),
            *one.policies.views.items(),
        ):
            said[name] = f"App {one.app}; for {', '.join(roles) or 'nobody'}."
    with scratch_database(options, render_steps(project, variables), variables) as connection:
        return as_sql(read(connection), said)
