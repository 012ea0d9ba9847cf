"""`dotbase db`: the checkout's private local server."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict

import click
from psycopg import pq

from dotbase import cluster
from dotbase.connection import parse, resolve_url
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from dotbase.printable import echo

NOT_RUNNING = 3


@click.group("db", help="The private local server of this checkout.")
def command() -> None:
    """Group of the subcommands below."""


@command.command()
@click.pass_obj
def start(options: GlobalOptions) -> None:
    """Start the server; makes the cluster at the first time, recovers after a crash."""
    started = cluster.start(options.cluster, options.project)
    for note in started.notes:
        echo(note)
    how = "already runs" if started.was_running else "runs"
    echo(f"Cluster {options.cluster} {how}: socket {started.layout.directory}, port {started.port}.")


@command.command()
@click.pass_obj
def stop(options: GlobalOptions) -> None:
    """Stop the server; sessions are ended, nothing committed is lost."""
    ran = cluster.stop(options.cluster, options.project)
    echo(f"Cluster {options.cluster} {'is stopped' if ran else 'did not run'}.")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Say whether the server runs, and where; exit code 0 running, 3 not."""
    options: GlobalOptions = ctx.obj
    found = cluster.status(options.cluster, options.project)
    if as_json:
        echo(json.dumps(asdict(found), default=str, indent=2))
    elif found.running:
        echo(f"Cluster {found.name} runs as {found.os_user}, process {found.pid}.")
        echo(f"  socket  {found.directory} (port {found.port})")
        echo(f"  log     {found.log}")
        echo(f"  url     {found.url}")
    else:
        echo(f"Cluster {found.name} {'is stopped' if found.exists else 'does not exist yet'}.")
    if options.database_url and not as_json:
        echo("The other commands use the server of --database-url or DATABASE_URL instead.")
    ctx.exit(0 if found.running else NOT_RUNNING)


@command.command()
@click.option("--tcp", is_flag=True, help="Over the loopback port, for roles that have a password.")
@click.option("--database", default="dotbase", show_default=True)
@click.option("--user", default="postgres", show_default=True)
@click.pass_obj
def url(options: GlobalOptions, tcp: bool, database: str, user: str) -> None:
    """Print the URL of a database of the local server."""
    of_kind = cluster.tcp_url if tcp else cluster.local_url
    echo(of_kind(options.cluster, database, user=user, root=options.project))


@command.command(
    add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def psql(options: GlobalOptions, arguments: tuple[str, ...]) -> None:
    """Open psql on the database, with psql's own arguments."""
    program = shutil.which("psql")
    if program is None:
        raise DotbaseError("psql is not installed", "install it with `apt-get install postgresql-client-15`")
    # By environment: arguments stay free for the caller, and no password shows in the process list.
    variables = {o.keyword.decode(): o.envvar.decode() for o in pq.Conninfo.get_defaults() if o.envvar}
    for keyword, value in parse(resolve_url(options)).items():
        if keyword in variables:
            os.environ[variables[keyword]] = str(value)
    os.execv(program, ["psql", *arguments])


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def destroy(options: GlobalOptions, yes: bool) -> None:
    """Remove the cluster with all its databases, after asking."""
    found = cluster.status(options.cluster, options.project)
    if not found.directory.exists():
        echo(f"Cluster {options.cluster} does not exist.")
        return
    if not yes:
        click.confirm(f"Remove {found.directory} with all its databases?", abort=True)
    cluster.destroy(options.cluster, options.project)
    echo(f"Cluster {options.cluster} is gone.")
