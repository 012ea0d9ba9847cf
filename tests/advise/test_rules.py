"""Every rule finds its failing fixture and nothing in its passing one, and no rule stands without both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from dotbase.advise.declared import House
from dotbase.advise.rule import Rule, rules
from dotbase.advise.run import advise, check, looked_at, prepare
from dotbase.render.templates import Variables
from tests.advise.house import DECLARED, FIXTURES, small_database
from tests.harness import coverage
from tests.harness.figures import count
from tests.harness.server import Server
from tests.harness.target import LACKING, only_on_postgres

pytestmark = only_on_postgres(
    "a rule is the same everywhere; test_ourselves runs all of them on every target"
)

FINDS = re.compile(r"^-- finds: (.+)$", re.MULTILINE)


def file_of(rule: Rule) -> str:
    """The name that a rule's files begin with."""
    return f"{rule.number}_{rule.name}"


# A rule's needs are marks: where they are not met, its tests are skipped.
EACH = [
    pytest.param(rule, id=file_of(rule), marks=[getattr(pytest.mark, rule.needs)] if rule.needs else [])
    for rule in rules()
]


@pytest.fixture(scope="module")
def house(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """A small database in which no rule finds anything, with the checker of bodies."""
    with small_database(server, maintenance) as connection:
        if coverage.THERE:
            connection.execute("create extension plpgsql_check with schema extensions")
        yield connection


def found(
    connection: psycopg.Connection[Any], fixture: str, chosen: Sequence[Rule] | None = None
) -> list[str]:
    """The keys of what these rules, or all, find after a fixture, which is undone."""
    with connection.transaction(force_rollback=True):
        connection.execute((FIXTURES / fixture).read_bytes())
        prepare(connection)
        connection.execute("set transaction read only")
        findings, skipped = check(connection, DECLARED, looked_at(connection, Variables()), chosen, ours=True)
    assert {rule.needs for rule, _ in skipped} <= set(LACKING)
    return sorted({finding.key for finding in findings})


def test_nothing_is_found_in_the_house_that_fixtures_stand_on(house: psycopg.Connection[Any]) -> None:
    assert advise(house, House(DECLARED), Variables(), ours=True).findings == []


@pytest.mark.parametrize("rule", EACH)
def test_a_rule_finds_all_of_its_failing_fixture_and_no_other_rule_anything_more(
    rule: Rule, house: psycopg.Connection[Any]
) -> None:
    fixture = f"{file_of(rule)}.fail.sql"
    listed = FINDS.findall((FIXTURES / fixture).read_text())
    assert any(key.startswith(rule.number) for key in listed), "it lists what it finds: `-- finds: <key>`"
    assert found(house, fixture) == sorted(listed)
    count("advice: rules")


@pytest.mark.parametrize("rule", EACH)
def test_a_rule_finds_nothing_in_its_passing_fixture(rule: Rule, house: psycopg.Connection[Any]) -> None:
    assert found(house, f"{file_of(rule)}.pass.sql", [rule]) == []


def test_no_rule_stumbles_over_names_and_bodies_that_nobody_should_give(
    house: psycopg.Connection[Any], plpgsql_check: None
) -> None:
    keys = found(house, "nasty.sql")
    for key in (
        "DB010 Weird.Schema (1).a(b[.p'$$",
        "DB107 Weird.Schema (1).broken",
        "DB202 Weird.Schema (1).a(b[.%s",
        "DB206 Weird.Schema (1).a(b[.a(b[_c[d_check",
        "DB301 Weird.Schema (1).a(b[.\\1",
        "DB403 Weird.Schema (1).by_time",
    ):
        assert key in keys
    assert not [key for key in keys if key.startswith(("DB001", "DB105", "DB106", "DB404"))]


def test_no_fixture_is_of_no_rule() -> None:
    stems = {f"{file_of(rule)}.{kind}" for rule in rules() for kind in ("fail", "pass")}
    assert {path.stem for path in FIXTURES.glob("*.sql")} == stems | {"base", "nasty"}
