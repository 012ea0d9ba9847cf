"""A database with rows of every app to take, and the count of attacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.attacks.attacker import STRANGER
from tests.harness import apps
from tests.harness.databases import Database
from tests.harness.declared import TABLES
from tests.harness.figures import count


def pytest_make_parametrize_id(val: object) -> str | None:
    """His name has the process in it: a test's own name is the same for every worker."""
    return "stranger" if val == STRANGER else None


@pytest.fixture(autouse=True)
def attack(request: pytest.FixtureRequest) -> Iterator[None]:
    """Counted when it was repelled: an attack that works fails its test and the run."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed == failed:
        count("attacks by hand, all repelled")


@dataclass(frozen=True)
class Attacked:
    """A database with rows of every app."""

    db: Database

    def contents(self) -> dict[str, str]:
        """A sum of each table's rows, but of those in which a refused call leaves its trace."""
        traces = {table for said in apps.registered().values() for table in said.traces.values()}
        total = "md5(string_agg(x::text, '' order by x::text))"
        query = " union all ".join(
            f"select '{table}' as name, {total} as sum from {table} as x"
            for table in TABLES
            if table not in traces
        )
        return {row["name"]: row["sum"] for row in self.db.rows(query)}


@pytest.fixture(scope="module")
def attacked(module_db: Database) -> Attacked:
    """Shared by the tests of a file: what they do is refused or rolled back."""
    apps.fill(module_db)
    return Attacked(module_db)


def first_column(attacked: Attacked, name: str) -> str:
    """The first column of a table or view."""
    query = "select quote_ident(attname) from pg_attribute where attrelid = %s::regclass and attnum = 1"
    return str(attacked.db.value(query, name))
