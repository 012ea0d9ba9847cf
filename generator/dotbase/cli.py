"""The command line: global options, lazily loaded subcommands, one sentence per failure."""

from __future__ import annotations

import gc
import importlib
import re
import sys
from pathlib import Path

import click

from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from dotbase.printable import echo

# command name -> module under dotbase.commands that defines a click command called `command`
COMMANDS = {
    "db": "db",
    "render": "render",
    "plan": "plan",
    "migrate": "migrate",
    "rollback": "rollback",
    "status": "status",
    "drift": "drift",
    "jobs": "jobs",
    "lint": "lint",
    "access": "access",
    "api": "api",
    "advise": "advise",
    "new": "new",
    "relay": "relay",
}


HAS_PASSWORD = re.compile(r"://[^/@]*:[^@]+@|\bpassword\s*=")
URL_HELP = (
    "A server of yours instead of the local cluster. Every user of the machine sees what is typed here: leave"
    " the password to PGPASSFILE or PGPASSWORD, or put the whole URL into DATABASE_URL."
)


class LazyGroup(click.Group):
    """Imports a subcommand's module only when it is called, to keep start-up short."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which help lists them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, its module imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"dotbase.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--project", type=click.Path(path_type=Path), help="Folder that holds apps.yaml.")
@click.option("--database-url", envvar="DATABASE_URL", help=URL_HELP)
@click.option("--cluster", envvar="DOTBASE_CLUSTER", default="dev", help="The checkout's local cluster.")
@click.pass_context
def group(ctx: click.Context, project: Path | None, database_url: str | None, cluster: str) -> None:
    """A Postgres-native backend: render, migrate and check what lives in the database."""
    typed = ctx.get_parameter_source("database_url") is click.core.ParameterSource.COMMANDLINE
    if typed and database_url and HAS_PASSWORD.search(database_url):
        echo(
            "Warning: the password in --database-url stands in the process list, where every user of this"
            " machine reads it; put it into PGPASSFILE or PGPASSWORD, or the whole URL into DATABASE_URL.",
            err=True,
        )
    ctx.obj = GlobalOptions(project=project, database_url=database_url or None, cluster=cluster)


def main() -> None:
    """Run the command line; a foreseeable failure is one sentence on stderr and exit code 1."""
    # A fifth of the start-up would go into looking for garbage among what was just imported.
    gc.set_threshold(100_000)
    try:
        group.main(prog_name="dotbase")
    except DotbaseError as error:
        _end(error)
    except Exception as error:
        # Imported only now: commands that ask no server start without it.
        import psycopg

        from dotbase.connection import foreseen

        if not isinstance(error, psycopg.Error):
            raise
        _end(foreseen(error))


def _end(error: DotbaseError) -> None:
    echo(f"dotbase: {error.sentence}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
