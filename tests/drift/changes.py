"""A hand-made change: what somebody ran, and the lines that drift says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.harness.server import ROOT

# How routines of the house set their search_path, for changes that are to leave it alone.
_TOPIC = (ROOT / "functions/luckywalk/ticket_guard.sql").read_text()
PATH = re.findall(r"^set search_path = .+$", _TOPIC, re.MULTILINE)[0]


@dataclass(frozen=True)
class Change:
    """A kind of drift.

    lines: what is found, app first.
    fixes: whether statements are offered; running them leaves no drift.
    """

    kind: str
    sql: str
    lines: tuple[str, ...]
    fixes: bool = True


def change(kind: str, sql: str, *lines: str, fixes: bool = True) -> Change:
    return Change(kind, sql, lines, fixes)
