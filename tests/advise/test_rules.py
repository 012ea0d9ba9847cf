"""Every rule finds its failing fixture and nothing in its passing one, and no rule stands without both."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from dotbase.advise.declared import Declared, House
from dotbase.advise.rules import Rule, rules
from dotbase.advise.run import advise, look, prepare
from dotbase.templating import Variables
from dotbase.yaml_lines import load, validate
from tests.harness.figures import count
from tests.harness.server import Server

FIXTURES = Path(__file__).parent / "fixtures"
FINDS = re.compile(r"^-- finds: (.+)$", re.MULTILINE)
DECLARED = validate(Declared, load(FIXTURES / "advise.yaml", FIXTURES))


def file_of(rule: Rule) -> str:
    """The name that a rule's files begin with."""
    return f"{rule.number}_{rule.name}"


@pytest.fixture(scope="module")
def house(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """A small database in which no rule finds anything."""
    name = sql.Identifier(f"dotbase_advise_{os.getpid()}")
    maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(name))
    maintenance.execute(sql.SQL("create database {}").format(name))
    try:
        with server.connect(f"dotbase_advise_{os.getpid()}") as connection:
            connection.execute((FIXTURES / "base.sql").read_bytes())
            connection.execute("create extension plpgsql_check with schema extensions")
            yield connection
    finally:
        maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(name))


def found(
    connection: psycopg.Connection[Any], fixture: str, chosen: Sequence[Rule] | None = None
) -> list[str]:
    """The keys of what these rules, or all, find after a fixture, which is undone."""
    with connection.transaction(force_rollback=True):
        connection.execute((FIXTURES / fixture).read_bytes())
        prepare(connection)
        connection.execute("set transaction read only")
        findings, skipped = look(connection, DECLARED, Variables(), chosen)
    assert skipped == []
    return sorted({finding.key for finding in findings})


def test_nothing_is_found_in_the_house_that_fixtures_stand_on(house: psycopg.Connection[Any]) -> None:
    assert advise(house, House(DECLARED), Variables()).findings == []


@pytest.mark.parametrize("rule", rules(), ids=file_of)
def test_a_rule_finds_all_of_its_failing_fixture_and_no_other_rule_anything_more(
    rule: Rule, house: psycopg.Connection[Any]
) -> None:
    fixture = f"{file_of(rule)}.fail.sql"
    listed = FINDS.findall((FIXTURES / fixture).read_text())
    assert any(key.startswith(rule.number) for key in listed), "it lists what it finds: `-- finds: <key>`"
    assert found(house, fixture) == sorted(listed)
    count("advice: rules")


@pytest.mark.parametrize("rule", rules(), ids=file_of)
def test_a_rule_finds_nothing_in_its_passing_fixture(rule: Rule, house: psycopg.Connection[Any]) -> None:
    assert found(house, f"{file_of(rule)}.pass.sql", [rule]) == []


def test_no_fixture_is_of_no_rule() -> None:
    stems = {f"{file_of(rule)}.{kind}" for rule in rules() for kind in ("fail", "pass")}
    assert {path.stem for path in FIXTURES.glob("*.sql")} == stems | {"base"}
