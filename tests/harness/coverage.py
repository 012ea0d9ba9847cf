"""Statement coverage of PL/pgSQL, from plpgsql_check's profiler, merged over clones and workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.harness.target import LACKING

THERE = "plpgsql_check" not in LACKING
SCHEMA = "coverage_of_tests"

# Executed statements of what ran since the last collection. A function is known by its
# signature and its source, so that the same one in another clone is the same.
EXECUTED = f"""
select
    f.funcoid::regprocedure::text,
    md5(p.prosrc),
    array_agg(s.stmtid order by s.stmtid),
    {SCHEMA}.plpgsql_profiler_reset(f.funcoid)
from {SCHEMA}.plpgsql_profiler_functions_all() as f
inner join pg_catalog.pg_proc as p on p.oid = f.funcoid
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
cross join lateral {SCHEMA}.plpgsql_profiler_function_statements_tb(f.funcoid) as s
where s.exec_stmts > 0 and s.stmtname <> 'statement block'
group by f.funcoid, p.prosrc
"""

# Every statement of every function of the apps: what a full coverage would be.
ALL = f"""
select p.oid::regprocedure::text, md5(p.prosrc), s.stmtid, s.lineno
from pg_catalog.pg_proc as p
inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
inner join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
cross join lateral {SCHEMA}.plpgsql_profiler_function_statements_tb(p.oid) as s
where n.nspname = any (%s) and s.stmtname <> 'statement block'
order by 1, 3
"""

Function = tuple[str, str]  # signature, hash of the source


@dataclass
class Coverage:
    """Executed statements by function."""

    executed: dict[Function, set[int]] = field(default_factory=dict)

    def merge(self, other: Coverage) -> None:
        """Add what the other saw."""
        for function, statements in other.executed.items():
            self.executed.setdefault(function, set()).update(statements)

    def as_json(self) -> list[list[Any]]:
        """For xdist's wire and the template's comment."""
        return [[*function, sorted(statements)] for function, statements in sorted(self.executed.items())]

    @staticmethod
    def from_json(value: list[list[Any]]) -> Coverage:
        """The inverse of as_json."""
        return Coverage({(signature, source): set(seen) for signature, source, seen in value})


@dataclass(frozen=True)
class Statement:
    """A statement of a function of the apps."""

    function: Function
    number: int
    line: int

    def as_json(self) -> list[Any]:
        """For xdist's wire."""
        return [*self.function, self.number, self.line]

    @staticmethod
    def from_json(value: list[Any]) -> Statement:
        """The inverse of as_json."""
        signature, source, number, line = value
        return Statement((signature, source), number, line)


def install(connection: psycopg.Connection[Any]) -> None:
    """Switch the profiler on for every later session of this database, where the server has it."""
    if not THERE:
        return
    connection.execute(f"create schema {SCHEMA}")
    connection.execute(f"create extension plpgsql_check with schema {SCHEMA}")
    connection.execute(
        "do $$ begin execute format("
        "'alter database %I set plpgsql_check.profiler = on', current_database()); end $$"
    )


def collect(connection: psycopg.Connection[Any]) -> Coverage:
    """What ran in this database; forgets it there, since the profiler's memory is bounded."""
    if not THERE:
        return Coverage()
    connection.execute("set search_path = ''")
    rows = connection.execute(EXECUTED).fetchall()
    return Coverage({(signature, source): set(seen) for signature, source, seen, _ in rows})


def all_statements(connection: psycopg.Connection[Any], schemas: list[str]) -> set[Statement]:
    """Every statement of these schemas' functions."""
    if not THERE:
        return set()
    connection.execute("set search_path = ''")
    rows = connection.execute(ALL, [schemas]).fetchall()
    return {Statement.from_json(list(row)) for row in rows}


def share(statements: set[Statement], coverage: Coverage) -> tuple[int, int]:
    """How many were executed, and how many there are."""
    executed = sum(s.number in coverage.executed.get(s.function, ()) for s in statements)
    return executed, len(statements)


def uncovered_lines(statements: set[Statement], coverage: Coverage) -> list[tuple[str, list[int]]]:
    """The lines not executed, by function signature; line 1 is that of the opening quote."""
    lines: dict[str, set[int]] = {}
    for statement in statements:
        if statement.number not in coverage.executed.get(statement.function, ()):
            lines.setdefault(statement.function[0], set()).add(statement.line)
    return [(signature, sorted(numbers)) for signature, numbers in sorted(lines.items())]
