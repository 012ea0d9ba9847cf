"""What a person or a program is told of drift: lines by app, statements that fix, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dotbase.drift.compare import Difference, shorten
from dotbase.printable import comment, json_lines, plain, statement

STATEMENTS = 200  # of what is offered on one line; --sql prints it whole
# Kinds that hang on later ones of this list, and not the other way round.
DROPPED = (
    *("event trigger", "trigger", "policy", "rule", "materialized view", "view", "cast", "operator class"),
    *("operator family", "operator", "aggregate", "procedure", "function", "type", "server"),
)
NONE = "No drift: the database is what the templates say."


def as_json(found: Sequence[Difference], pending: str | None, notes: Sequence[str]) -> str:
    """All of it, values whole."""
    written = json.dumps(
        {
            "pending": pending,
            "notes": list(notes),
            "drift": [
                {
                    "app": one.app,
                    "kind": one.kind,
                    "object": one.object,
                    "aspect": one.aspect or None,
                    "declared": one.declared,
                    "live": one.live,
                    "fix": list(one.fix),
                    "no_fix": one.reason,
                }
                for one in found
            ],
        },
        indent=2,
        ensure_ascii=False,
    )
    return json_lines(written)


def in_order(found: Sequence[Difference]) -> list[Difference]:
    """As the statements are best run: what is dropped goes first, and what hangs on it before it."""

    def place(one: Difference) -> int:
        drops = not one.aspect and one.live is not None
        return DROPPED.index(one.kind) if drops and one.kind in DROPPED else len(DROPPED)

    return sorted(found, key=place)


def as_sql(found: Sequence[Difference]) -> str:
    """The statements that fix, as a script to read and run; what has none is a comment."""
    lines: list[str] = []
    for one in in_order(found):
        lines.append(comment(f"{one.app}: {one.sentence}"))
        lines += [f"{statement(fix)};" for fix in one.fix] or [comment(f"not offered: {one.reason}")]
        lines.append("")
    return "\n".join(lines)


def show(found: Sequence[Difference], pending: str | None, notes: Sequence[str]) -> None:
    """On a terminal a table an app; elsewhere one plain line a difference."""
    console = Console(highlight=False, soft_wrap=True)
    for sentence in (*([pending] if pending else []), *(f"Note: {note}" for note in notes)):
        console.print(plain(sentence), markup=False)
    if not found:
        console.print("Apart from that, no drift." if pending else NONE)
        return
    for app, differences in groupby(found, key=lambda one: one.app):
        if sys.stdout.isatty():
            console.print(_table(app, list(differences)), soft_wrap=False)
        else:
            for one in differences:
                console.print(plain(f"{app}: {one.sentence}; {_remedy(one)}"), markup=False)
    console.print(f"{len(found)} difference{'s' if len(found) > 1 else ''}.")


def _table(app: str, found: Sequence[Difference]) -> Table:
    table = Table(title=Text(plain(app)), title_justify="left", show_lines=True, expand=True)
    for column in ("kind", "object", "declared", "live", "fix"):
        table.add_column(column, overflow="fold")
    for one in found:
        what = f"{one.kind}: {one.aspect}" if one.aspect else one.kind
        fix = shorten("; ".join(one.fix), STATEMENTS) if one.fix else f"by hand only: {one.reason}"
        cells = [what, one.object, shorten(one.declared), shorten(one.live), fix]
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table


def _remedy(one: Difference) -> str:
    if one.fix:
        return "fix: " + shorten("; ".join(one.fix), STATEMENTS)
    return f"by hand only: {one.reason}"
