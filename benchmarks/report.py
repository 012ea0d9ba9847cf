"""The report: a table on the terminal, and docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.console import Console
from rich.table import Table

from benchmarks.samples import Comparison, Peak, spread

HEADER = """\
# Benchmarks

Written by `make bench`. Each figure stands beside its floor, the least that Postgres must do for the same
effect, measured in the same run right before and after; the ratio is of a run to its own floor. Given are the
median and, in brackets, the smallest and the largest of {runs} runs.

"""
MEMORY = """
## Memory

The most private memory (`RssAnon`: shared buffers apart) of a fresh session during one step.

| step | {sizes} |
|---|{lines}
"""
METHOD = """
## How

- The database is migrated anew, with the real clock; the rounds are of weeks long past, so that what is
  measured are the very functions that the jobs call (`close_due_rounds`, `draw_apply_results`,
  `settle_due_rounds`), locks, triggers and commits included.
- Tickets are poured into the open round in random order; then `vacuum analyze`, as autovacuum has done by
  Saturday, and a checkpoint. Each run has a round of its own; books and results of the former ones stay.
- Floors of rounds are measured before and after the step, and the quicker one counts.
- Claims and bare inserts run by turns, `pgbench -M prepared`: begin, `set_config` of role, claims and
  headers, one statement that takes its arguments from a JSON body and gives JSON back, commit. Each claim is
  a new one, of a walker who reported steps beforehand. The bare insert goes to a table without key, check or
  policy.
- Drift is of a project made for it (`benchmarks/catalog.py`): each table with a key, a unique key, a check,
  an index, comments and two policies, each function of PL/pgSQL with a comment. Measured is what the command
  does: render, build the reference, read it and the live database, compare.
- The runtime's passes are those of a quiet minute: 1,000 jobs declared, nothing overdue, missed or triggered.
  A due run is all of it: lock, lease, commit, the function, its record, commit.
- The relay and the bare loop send the same requests to one receiver, a process of its own that answers after
  30 ms, over HTTP/1.1 on loopback. The loop's time is from its first request to its last; that of the relay
  ends with the last report that the database has: its claims, its reports and their commits are in it.
- `migrate` is the whole command, from the shell's call to its end, on a copy of this checkout; twice as many
  runs as of the others; psql, the bare Python and it take turns. The changed function has another comment
  each time.
"""


def on_screen(console: Console, comparisons: Sequence[Comparison], peaks: Sequence[Peak]) -> None:
    """The figures as a table."""
    table = Table(title="Beside the floor", show_lines=True)
    for column in ("what", "measured", "floor", "ratio", "asked for", ""):
        table.add_column(column)
    for one in comparisons:
        verdict = "[green]holds[/]" if one.holds else "[red]missed[/]"
        table.add_row(f"{one.name}\n[dim]beside: {one.floor_name}[/]", *_figures(one), one.bound, verdict)
    console.print(table, width=max(console.width, 110))
    for peak in peaks:
        console.print(
            f"{peak.step}, {peak.tickets:,} tickets of {peak.walkers:,} walkers: "
            f"{peak.kilobytes / 1024:.1f} MB private at most"
        )


def markdown(
    machine: Sequence[str], comparisons: Sequence[Comparison], peaks: Sequence[Peak], runs: int
) -> str:
    """The text of docs/benchmarks.md."""
    lines = [
        HEADER.format(runs=runs),
        f"Measured on {date.today()}. ",
        *[f"{line}\n" for line in machine],
        "\n",
    ]
    lines.append("| what | measured | floor | ratio | asked for |\n|---|---|---|---|---|\n")
    for one in comparisons:
        verdict = "" if one.holds else " **missed**"
        cells = [f"{one.name}; floor: {one.floor_name}", *_figures(one), one.bound + verdict]
        lines.append("| " + " | ".join(cells) + " |\n")
    lines.append(_memory(peaks))
    lines.append(METHOD)
    return "".join(lines)


def _figures(one: Comparison) -> list[str]:
    unit = f" {one.unit}" if one.unit == "s" else one.unit
    return [
        spread([run.measured for run in one.runs], unit),
        spread([run.floor for run in one.runs], unit),
        spread(one.ratios, ""),
    ]


def _memory(peaks: Sequence[Peak]) -> str:
    sizes = list(dict.fromkeys((peak.tickets, peak.walkers) for peak in peaks))
    text = MEMORY.format(
        sizes=" | ".join(f"{tickets:,} tickets of {walkers:,} walkers" for tickets, walkers in sizes),
        lines="---|" * len(sizes),
    ).rstrip("\n")
    for step in dict.fromkeys(peak.step for peak in peaks):
        cells = [f"{peak.kilobytes / 1024:.1f} MB" for peak in peaks if peak.step == step]
        text += f"\n| {step} | " + " | ".join(cells) + " |"
    return text + "\n"
