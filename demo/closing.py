"""The closing report on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo.odds import TIERS, Expectation
from demo.summary import RoundLine, Summary, as_path

MOST_DIFFERENCES = 10


def show(console: Console, summary: Summary, report: Path, export: Path, psql: str) -> None:
    """Print the whole report; psql: how a person opens the database."""
    _rounds(console, summary)
    _winners(console, summary)
    _rpcs(console, summary)
    _recount(console, summary, export)
    _schedules(console, summary)
    _next(console, summary, report, psql)


def _rounds(console: Console, summary: Summary) -> None:
    table = _table(console, "Rounds", "money in won; the winning numbers are the official lottery's")
    for name in ("round", "draw", "numbers"):
        table.add_column(name, no_wrap=True)
    for name in ("tickets", "paid", "remainder"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("check", no_wrap=True)
    for line in summary.rounds:
        table.add_row(
            str(line.round_no),
            f"{line.day:%m-%d}",
            " ".join(f"{number:2}" for number in line.numbers) + ("*" if line.corrected else " "),
            f"{line.tickets:,}",
            f"{line.paid:,}",
            f"{line.remainder:,}",
            Text("differs", "bold red") if line.differences else Text("equal", "green"),
        )
    total = summary.total
    table.add_section()
    table.add_row("all", "", "", f"{total.tickets:,}", f"{total.paid:,}", f"{total.remainder:,}", "")
    console.print(table)
    if any(line.corrected for line in summary.rounds):
        console.print("  * entered wrong, drawn, corrected and drawn again before it was paid", style="dim")


def _winners(console: Console, summary: Summary) -> None:
    table = _table(console, "Winning tickets: found / expected", "by chance alone (hypergeometric)")
    table.add_column("round", no_wrap=True)
    for tier in TIERS:
        table.add_column(f"{7 - tier} numbers", justify="right", no_wrap=True)
    for line in summary.rounds:
        table.add_row(str(line.round_no), *_found_and_expected(line))
    table.add_section()
    table.add_row("all", *_found_and_expected(summary.total))
    console.print(table)
    numbers = len(summary.rounds) * len(TIERS)
    console.print(
        f"  {summary.outside} of {numbers} numbers lie outside the range that 95 % of such rounds stay in",
        style="dim",
    )


def _found_and_expected(line: RoundLine) -> list[Text]:
    return [_cell(found, chance) for found, chance in zip(line.winners, line.expected, strict=True)]


def _cell(found: int, chance: Expectation) -> Text:
    digits = 0 if chance.mean >= 100 else 1 if chance.mean >= 1 else 3
    text = Text(f"{found:,}", "" if chance.holds(found) else "bold yellow")
    return text.append(f" / {chance.mean:,.{digits}f}", "dim")


def _rpcs(console: Console, summary: Summary) -> None:
    table = _table(console, "Calls of RPCs", "as role authenticated, each in a transaction of its own")
    table.add_column("rpc", no_wrap=True)
    table.add_column("calls", justify="right")
    for rpc, calls in summary.calls.items():
        table.add_row(rpc, f"{calls:,}")
    table.add_section()
    total = sum(summary.calls.values())
    table.add_row("all", f"{total:,}")
    console.print(table)
    refused = ", ".join(f"{count:,} with {name}" for name, count in summary.refused.items())
    if refused:
        console.print(f"  refused, as they had to be: {refused}", style="dim")
    console.print(
        f"  {total / summary.seconds:,.0f} calls a second; {summary.job_runs} runs of jobs by dotbase_cron",
        style="dim",
    )


def _recount(console: Console, summary: Summary, export: Path) -> None:
    console.print()
    console.print("[bold]Counted again[/] in plain Python, from the export, trusting no computed column")
    rounds = [f"round {line.round_no}: {text}" for line in summary.rounds for text in line.differences]
    differences = rounds + summary.differences
    _verdict(console, not differences, "rounds, seals, winners, prizes, transfers and balances are equal")
    for text in differences[:MOST_DIFFERENCES]:
        console.print(f"      {text}", style="red")
    _verdict(
        console,
        summary.tickets_match,
        f"{summary.tickets_given:,} tickets were given by RPCs, and there is no other "
        f"({summary.waiting:,} of them wait for the next round)",
    )
    _verdict(console, summary.proofs_hold, f"{summary.proofs} walkers' proofs lead to the published seals")
    for rule, ok, detail in summary.books:
        _verdict(console, ok, f"{rule} ({detail})")
    console.print(
        f"  ·  once more, by yourself: .venv/bin/python -m demo.recount {as_path(export)}", style="dim"
    )


def _verdict(console: Console, ok: bool, text: str) -> None:
    mark = Text("✓", "green") if ok else Text("✗", "bold red")
    line = Table.grid(padding=(0, 2))
    line.add_row("", mark, Text(text))
    console.print(line)


def _schedules(console: Console, summary: Summary) -> None:
    where = f"live, and the clock is real time again; times of {summary.schedules[0].zone}"
    if not summary.live:
        where = "declared, not live: pg_cron lives in another database of this server"
    table = _table(console, "Schedules", where)
    for name in ("job", "local time", "pg_cron's line, GMT", "next"):
        table.add_column(name, no_wrap=True)
    for job in summary.schedules:
        table.add_row(job.job, job.schedule, job.gmt_line or "–", f"{job.next_at:%a %Y-%m-%d %H:%M}")
    console.print(table)


def _next(console: Console, summary: Summary, report: Path, psql: str) -> None:
    console.print()
    console.print("[bold]What to try next[/]")
    last = summary.rounds[-1].round_no
    cheat = f"update luckywalk.tickets set mask = 126 where round_no = {last}"
    for what, command in (
        ("the page with the plots", f"xdg-open {as_path(report)}"),
        ("what everybody may see", f'{psql} -c "select * from api.round_tiers where round_no = {last}"'),
        (
            "what the jobs did",
            f'{psql} -c "select job_name, slot_at, result from jobs.runs order by slot_at"',
        ),
        ("prove the books", f"{psql} -c 'select * from ledger.check()'"),
        ("cheat, as a superuser", f'{psql} -c "{cheat}"'),
        ("other people, other luck", "make demo DEMO_ARGS='--walkers 1000 --seed 7'"),
    ):
        console.print(f"  {what:24} ", Text(command, "cyan"), sep="", soft_wrap=True)
    console.print()
    verdict = "Everything adds up." if summary.is_equal else "Something does not add up: see above."
    console.print(
        f"[bold {'green' if summary.is_equal else 'red'}]{verdict}[/] "
        f"{summary.total.tickets:,} tickets of {summary.walkers:,} walkers, rounds: {len(summary.rounds)}, "
        f"{summary.seconds:.0f} s."
    )


def _table(console: Console, title: str, caption: str) -> Table:
    console.print()
    console.print(Text(title, "bold").append(f"  {caption}", "not bold dim"))
    return Table(box=box.SIMPLE_HEAD, pad_edge=False)
