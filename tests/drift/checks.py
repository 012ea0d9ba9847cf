"""What is asked of every change: it is found, nothing else is, and what is offered fixes it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import psycopg

from dotbase.drift.report import in_order
from tests.drift.changes import Change
from tests.drift.conftest import Find
from tests.harness.figures import count


def as_pattern(line: str) -> str:
    """Only `*` stands for what is left out."""
    return line.replace("[", "[[]").replace("?", "[?]")


def check(change: Change, by_hand: psycopg.Connection[Any], find: Find) -> None:
    """Make the change: these lines are found, and what is offered leaves nothing to find."""
    by_hand.execute(change.sql.encode())
    found = find(by_hand)
    said = [f"{one.app}: {one.sentence}" for one in found]
    assert len(said) == len(change.lines), said
    for line, expected in zip(said, change.lines, strict=True):
        assert fnmatchcase(line, as_pattern(expected)), line
    assert all(bool(one.fix) != bool(one.reason) for one in found)
    assert all(one.fix for one in found) == change.fixes
    if change.fixes:
        for one in in_order(found):
            for statement in one.fix:
                by_hand.execute(statement.encode())
        assert [one.sentence for one in find(by_hand)] == []
    count("kinds of drift found")
