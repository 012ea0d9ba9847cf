"""`dotbase drift`: is the live database what the templates and declarations say?"""

from __future__ import annotations

import click

from dotbase import drift
from dotbase.commands.migrate import variable_options
from dotbase.connection import close_path, connect, one_sentence, resolve_url
from dotbase.drift import pending, reference, report, roles
from dotbase.migrate.run import RunOptions, choose_variables
from dotbase.options import GlobalOptions
from dotbase.printable import echo, plain
from dotbase.render.assembly import render_steps
from dotbase.render.project import Project

DRIFT = 3


@click.command("drift")
@variable_options
@click.option(
    "--ignore", "ignored", multiple=True, metavar="SCHEMA", help="A schema that is somebody else's."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--sql", "as_sql", is_flag=True, help="Print the statements that would fix it.")
@click.pass_context
def command(
    ctx: click.Context,
    target: str | None,
    clock: str | None,
    master_key_file: str | None,
    ignored: tuple[str, ...],
    as_json: bool,
    as_sql: bool,
) -> None:
    """Compare the live database with what the templates say; exit code 0 none, 3 any drift.

    Reads catalogs only: nothing is made in the live database. What it is compared with is freshly
    built on the checkout's local cluster. Exit code 1 says that it could not look.
    """
    options: GlobalOptions = ctx.obj
    project = Project.find(options.project)
    with one_sentence(), connect(resolve_url(options), application_name="dotbase drift") as connection:
        variables = choose_variables(connection, options, RunOptions(target, clock, master_key_file))
        steps = render_steps(project, variables)
        waiting = pending.sentence(connection, steps)
        scope = drift.scope_of(project, variables, ignored)
        keyless = render_steps(project, reference.without_key(variables))
        built = reference.build(options, keyless, variables, scope, connection.info.server_version)
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            close_path(connection)
            found, notes = drift.find(connection, built, project, variables, steps)
            ours = [item.name for item in roles.declared(steps)]
            others = roles.note_of_privileged(connection, ours) if variables.target == "postgres" else None
    if as_json:
        echo(report.as_json(found, waiting, [*notes, *([others] if others else [])]))
    elif as_sql:
        echo(report.as_sql(found), nl=False)
    else:
        report.show(found, waiting, notes)
        if others:
            echo(f"Note: {plain(others)}")
    ctx.exit(DRIFT if found else 0)
