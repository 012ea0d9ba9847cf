"""What is asked of every change: it is found, nothing else is, and what is offered fixes it."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import psycopg

from dotbase.drift.compare import Difference
from dotbase.drift.report import in_order
from tests.drift.changes import Change
from tests.drift.conftest import Find
from tests.harness.figures import count


def as_pattern(line: str) -> str:
    """Only `*` stands for what is left out."""
    return line.replace("[", "[[]").replace("?", "[?]")


def check(change: Change, by_hand: psycopg.Connection[Any], find: Find) -> None:
    """Make the change: these lines are found, and what is offered leaves nothing to find."""
    check_together([change], by_hand, find)


def check_together(changes: Sequence[Change], by_hand: psycopg.Connection[Any], find: Find) -> None:
    """Make changes that have nothing to do with each other, and look once before they are fixed and after."""
    for change in changes:
        by_hand.execute(change.sql.encode())
    found = find(by_hand)
    assert all(bool(one.fix) != bool(one.reason) for one in found)
    assert len(found) == sum(len(change.lines) for change in changes), [_said(one) for one in found]
    left = list(found)
    fixed = []
    for change in changes:
        of_change = [_taken(left, line) for line in change.lines]
        assert of_change == [one for one in found if one in of_change]  # in the order of the lines
        assert all(one.fix for one in of_change) == change.fixes
        fixed += of_change if change.fixes else []
    for one in in_order(fixed):
        for statement in one.fix:
            by_hand.execute(statement.encode())
    if fixed:
        remaining = {_said(one) for one in found} - {_said(one) for one in fixed}
        assert {_said(one) for one in find(by_hand)} == remaining
    count("kinds of drift found", len(changes))


def _taken(left: list[Difference], expected: str) -> Difference:
    """The difference that this line is said of, taken out of those that are left."""
    for one in left:
        if fnmatchcase(_said(one), as_pattern(expected)):
            left.remove(one)
            return one
    raise AssertionError(f"not found: {expected}; found: {[_said(one) for one in left]}")


def _said(one: Difference) -> str:
    return f"{one.app}: {one.sentence}"
