"""A hand-made change: what somebody ran, and the lines that drift says of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A kind of drift.

    lines: what is found, app first.
    mends: whether statements are offered; running them leaves no drift.
    """

    kind: str
    sql: str
    lines: tuple[str, ...]
    mends: bool = True


def change(kind: str, sql: str, *lines: str, mends: bool = True) -> Change:
    return Change(kind, sql, lines, mends)
