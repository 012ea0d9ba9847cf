"""`python -m benchmarks`, which `make bench` calls."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from benchmarks import catalog, claims, jobs, machine, memory, relay, report, sizes, weeks
from benchmarks.house import ROOT, opened
from benchmarks.samples import Comparison, Peak
from dotbase.errors import DotbaseError

PARTS = ("weeks", "memory", "claims", "drift", "jobs", "relay", "sizes")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--runs", type=click.IntRange(1, 50), default=5, show_default=True, help="Of each measurement.")
@click.option("--tickets", type=click.IntRange(1000), default=1_000_000, show_default=True)
@click.option("--walkers", type=click.IntRange(10), default=20_000, show_default=True)
@click.option("--seconds", type=click.IntRange(1), default=4, show_default=True, help="Of each pgbench run.")
@click.option("--only", type=click.Choice(PARTS), help="One part; docs/benchmarks.md stays as it is.")
def command(runs: int, tickets: int, walkers: int, seconds: int, only: str | None) -> None:
    """Measure the claims of docs/benchmarks.md again, and write it."""
    console = Console(highlight=False)
    comparisons: list[Comparison] = []
    peaks: list[Peak] = []
    with console.status("a database to measure in") as status, opened() as house:
        say = status.update
        described = machine.describe(house)
        if only in (None, "claims"):
            comparisons.append(claims.measure(house, seconds, 2 * runs, say))
        if only in (None, "weeks"):
            comparisons = [*weeks.measure(house, tickets, walkers, runs, say), *comparisons]
        if only in (None, "memory"):
            populations = [(tickets, walkers), (5 * tickets, walkers), (5 * tickets, 5 * walkers)]
            peaks = memory.measure(house, populations, say)
        if only in (None, "drift"):
            comparisons += catalog.measure(runs, say)
        if only in (None, "jobs"):
            comparisons += jobs.measure(house, 2 * runs, say)
        if only in (None, "relay"):
            comparisons += relay.measure(house, runs, say)
        if only in (None, "sizes"):
            comparisons += sizes.measure(2 * runs, say)
    report.on_screen(console, comparisons, peaks)
    if only is None:
        (ROOT / "docs" / "benchmarks.md").write_text(report.markdown(described, comparisons, peaks, runs))
    if not all(one.holds for one in comparisons):
        raise DotbaseError(
            "a bound is missed", "see above; a busy machine spoils the runs: repeat when quiet"
        )


if __name__ == "__main__":
    try:
        command.main(prog_name="python -m benchmarks", standalone_mode=True)
    except DotbaseError as error:
        click.echo(f"benchmarks: {error.sentence}", err=True)
        sys.exit(1)
