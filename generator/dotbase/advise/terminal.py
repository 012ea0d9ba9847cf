"""Findings on a terminal: a table, what is suppressed with its reason, and the figure."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dotbase.advise.rule import Finding
from dotbase.advise.run import Advice
from dotbase.advise.sources import Sources
from dotbase.printable import plain

STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


def show(advice: Advice, shown: list[Finding], sources: Sources, console: Console) -> None:
    """Print it."""
    if shown:
        grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for name in ("rule", "object", "detail and remedy"):
            grid.add_column(name, overflow="fold")
        for finding in shown:
            rule = finding.rule
            place = sources.of(finding)
            where = Text(plain(finding.object))
            if place is not None:
                where.append(f"\n{place}", style="dim")
            said = Text(plain(finding.detail))
            said.append(f"\n{rule.remedy}", style="dim")
            grid.add_row(Text(f"{rule.number}\n{rule.level}", style=STYLES[rule.level]), where, said)
        console.print(grid)
    by_reason: dict[str, list[str]] = {}
    for finding, reason in advice.suppressed:
        by_reason.setdefault(reason, []).append(finding.key)
    for reason, keys in by_reason.items():
        line = plain(f"Suppressed: {', '.join(keys)}: {reason}")
        console.print(line, style="dim", highlight=False, markup=False)
    for rule, note in advice.skipped:
        console.print(plain(f"Note: {rule.number} was left out: {note}."), highlight=False, markup=False)
    console.print(figure(advice, shown), highlight=False, markup=False)


def figure(advice: Advice, shown: list[Finding]) -> str:
    """The sentence at the end."""
    count = len(shown)
    parts = [f"{advice.rules - len(advice.skipped)} rules: {count} finding{'s' if count != 1 else ''}"]
    hidden = len(advice.findings) - count
    if hidden:
        parts.append(f"{hidden} below the level asked for")
    suppressed = len(advice.suppressed)
    if suppressed == 1:
        parts.append("1 suppressed, with its reason")
    elif suppressed:
        parts.append(f"{suppressed} suppressed, each with its reason")
    return ", ".join(parts) + "."
