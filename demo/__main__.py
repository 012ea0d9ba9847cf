"""`python -m demo`, which `make demo` calls."""

from __future__ import annotations

import json
import sys
import time
from datetime import date
from pathlib import Path

import click
import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from demo import closing, draws, export, page, recount, summary, walkers
from demo.calls import RpcClient
from demo.database import Database, migrate
from demo.recreation import pg_cron_runs, recreate, remember
from demo.season import Season, Weeks
from dotbase import cluster
from dotbase.connection import resolve_url
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions

ROOT = Path(__file__).resolve().parent.parent
EXPORT = ROOT / "demo" / "export"
CONNECTIONS = 4


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--walkers", "count", type=click.IntRange(1, 20000), default=500, show_default=True)
@click.option("--rounds", type=click.IntRange(1, 500), default=12, show_default=True, help="Latest draws.")
@click.option("--seed", type=int, default=645, show_default=True, help="Of the walkers' days.")
@click.option("--database-url", envvar="DATABASE_URL", help="A database to drop and make anew.")
@click.option("--cluster", "cluster_name", envvar="DOTBASE_CLUSTER", default="dev", help="The local cluster.")
@click.option("--yes", is_flag=True, help="Drop the database even if it holds data that no demo made.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), default=ROOT / "report.html")
@click.option("--export", "export_to", type=click.Path(path_type=Path, file_okay=False), default=EXPORT)
def command(
    count: int,
    rounds: int,
    seed: int,
    database_url: str | None,
    cluster_name: str,
    yes: bool,
    as_json: bool,
    report: Path,
    export_to: Path,
) -> None:
    """Walkers live through the latest lottery weeks; then everything is counted again."""
    console = Console(stderr=as_json, highlight=False)
    started = time.monotonic()
    for folder in (report.parent, export_to):
        folder.mkdir(parents=True, exist_ok=True)
    options = GlobalOptions(project=ROOT, database_url=database_url or None, cluster=cluster_name)
    if not options.database_url:
        _start(console, cluster_name)
    url = resolve_url(options)
    recreate(url, may_drop_data=yes)
    migrate(options)
    database = Database(url)
    console.print(f"The database [bold]{database.name}[/] is emptied, and migrated with a clock that moves.")
    season = Season(draws.latest(rounds), walkers.make(count, seed))
    rpcs = RpcClient(database.as_authenticator, CONNECTIONS)
    try:
        walking = time.monotonic()
        _walk(console, database, rpcs, season)
        seconds = time.monotonic() - walking
        console.print("Counting everything again …", style="dim")
        export.write(database.owner, export_to)
        counted = recount.count(export_to)
        found = summary.gather(database, season, rpcs.tally, counted, seed, seconds)
        remember(url)
    finally:
        rpcs.close()
        database.close()
    page.write(found, report)
    if as_json:
        click.echo(json.dumps(found.as_json(), default=str, indent=2))
    else:
        closing.show(console, found, report, export_to, _psql(options))
        console.print(f"In total {time.monotonic() - started:.0f} s.", style="dim")
    if not found.is_equal:
        raise DotbaseError("the recount differs from the database", f"see {summary.as_path(report)}")


def _start(console: Console, name: str) -> None:
    """Start the local cluster; start it again where somebody dropped pg_cron's database under it."""
    started = cluster.start(name, ROOT)
    if started.was_running and not pg_cron_runs(cluster.local_url(name, "postgres", root=ROOT)):
        cluster.stop(name, ROOT)
        started = cluster.start(name, ROOT)
        console.print("pg_cron had ended with its database; the server was restarted.")
    for note in started.notes:
        console.print(note)


def _psql(options: GlobalOptions) -> str:
    """How a person opens this database."""
    if options.database_url:
        return 'psql "$DATABASE_URL"'
    named = "" if options.cluster == "dev" else f" --cluster {options.cluster}"
    return f".venv/bin/dotbase{named} db psql"


def _walk(console: Console, database: Database, rpcs: RpcClient, season: Season) -> None:
    """A progress bar on a terminal, a line a week elsewhere."""
    if not console.is_terminal:

        def say(day: date, round_no: int) -> None:
            if day.weekday() == 5:
                calls = sum(rpcs.tally.calls.values())
                console.print(f"{day}: round {round_no} is closed and drawn; {calls:,} calls so far.")

        Weeks(database, rpcs, season, say).walk()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("[dim]{task.fields[calls]:>9,} calls"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("starting", total=7 * len(season.draws), calls=0)

        def move(day: date, round_no: int) -> None:
            calls = sum(rpcs.tally.calls.values())
            progress.update(task, advance=1, description=f"round {round_no}, {day:%a %b %d}", calls=calls)

        Weeks(database, rpcs, season, move).walk()


def main() -> None:
    """Run the demo; a foreseeable failure is one sentence on stderr and exit code 1."""
    try:
        command.main(prog_name="demo", standalone_mode=True)
    except DotbaseError as error:
        sentence = error.sentence
    except psycopg.Error as error:
        said = error.diag.message_primary or (str(error).strip() or "no reason given").splitlines()[0]
        sentence = f"the server refused: {said}; the demo needs a superuser and a database of its own."
    except OSError as error:
        sentence = f"{error.filename}: {error.strerror}; name another place with --report or --export."
    click.echo(f"demo: {sentence}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
