"""One hand-made change of every kind is found, nothing else is, and what is offered mends it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import psycopg
import pytest

from tests.drift.changes import ACCESS, CONSTRAINTS, TABLES, Change
from tests.drift.changes_of_code import ROUTINES, VIEWS, WHOLE
from tests.drift.conftest import Find
from tests.harness.figures import count

CHANGES = [*TABLES, *CONSTRAINTS, *ACCESS, *ROUTINES, *VIEWS, *WHOLE]


def as_pattern(line: str) -> str:
    """Only `*` stands for what is left out."""
    return line.replace("[", "[[]").replace("?", "[?]")


def test_nothing_is_found_where_nobody_did_anything(by_hand: psycopg.Connection[Any], find: Find) -> None:
    assert [one.sentence for one in find(by_hand)] == []


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.kind)
def test_a_change_is_found_and_mended(change: Change, by_hand: psycopg.Connection[Any], find: Find) -> None:
    by_hand.execute(change.sql.encode())
    found = find(by_hand)
    said = [f"{one.app}: {one.sentence}" for one in found]
    assert len(said) == len(change.lines), said
    for line, expected in zip(said, change.lines, strict=True):
        assert fnmatchcase(line, as_pattern(expected)), line
    assert all(bool(one.mend) != bool(one.reason) for one in found)
    assert all(one.mend for one in found) == change.mends
    if change.mends:
        for one in found:
            for statement in one.mend:
                by_hand.execute(statement.encode())
        assert [one.sentence for one in find(by_hand)] == []
    count("kinds of drift found")
