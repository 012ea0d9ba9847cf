"""How jobs are shown: tables on a terminal and in files, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dotbase.jobs.session import Row
from dotbase.printable import echo, json_lines, plain

STYLES = {
    "on": "green",
    "succeeded": "green",
    "normal": "green",
    "running": "cyan",
    "queued": "cyan",
    "waiting": "yellow",
    "high": "yellow",
    "skipped": "yellow",
    "interrupted": "yellow",
    "failed": "red",
    "timed_out": "red",
    "crashed": "red",
    "cancelled": "red",
    "alarm": "red",
    "unknown": "red",
}
NARROW = 130
WHOLE = ("slot", "next slot", "status", "last", "event")  # not broken, as what is in the first column
WIDE = 200  # where nobody says how wide the screen is, no line is cut


def as_json(what: object) -> None:
    """For programs: instants in ISO 8601, durations in seconds."""
    echo(json_lines(json.dumps(what, indent=2, default=_plain, ensure_ascii=False)))


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], spare: Sequence[str] = ()
) -> None:
    """Rows under a title; columns that are empty in every row, or spare on a narrow screen, are left out."""
    narrow = console().width < NARROW
    kept = [
        i
        for i, column in enumerate(columns)
        if any(row[i] not in (None, "") for row in rows) and not (narrow and column in spare)
    ]
    heading = Text(plain(title))
    padding = (0, 1, 0, 0) if narrow else (0, 1)
    shown = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=padding)
    for i in kept:
        shown.add_column(columns[i], overflow="fold", no_wrap=i == 0 or columns[i] in WHOLE)
    for row in rows:
        shown.add_row(*[_cell(row[i]) for i in kept])
    console().print(shown)


def facts(title: str, entries: Row) -> None:
    """One thing's properties, without those that it has not."""
    heading = Text(plain(title))
    shown = Table(title=heading, title_justify="left", show_header=False, box=box.SIMPLE_HEAD, pad_edge=False)
    for name, value in entries.items():
        if value not in (None, "", []):
            shown.add_row(name.replace("_", " "), _cell(value))
    console().print(shown)


def console() -> Console:
    """Where tables go."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDE)


def local(at: datetime | None, zone: str) -> str | None:
    """An instant on the zone's clock, with its offset: unambiguous when a clock is put back."""
    if at is None:
        return None
    there = at.astimezone(ZoneInfo(zone))
    return f"{there:%a %Y-%m-%d %H:%M:%S %z}".replace(":00 ", " ")


def clock_time(at: datetime | None) -> str | None:
    """A local time without zone."""
    return None if at is None else f"{at:%a %Y-%m-%d %H:%M}"


def duration(of: timedelta | None) -> str | None:
    """`0.012 s`, `4.2 s`, `1:02:03`."""
    if of is None:
        return None
    seconds = of.total_seconds()
    if seconds >= 120:
        return str(timedelta(seconds=round(seconds)))
    return f"{seconds:.3f} s" if seconds < 1 else f"{seconds:.1f} s"


def _cell(value: object) -> Text:
    if isinstance(value, timedelta):
        value = duration(value)
    elif isinstance(value, list):
        value = ", ".join(map(str, value))
    elif isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    text = "" if value is None else str(value)
    return Text(plain(text), style=STYLES.get(text, ""))


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
