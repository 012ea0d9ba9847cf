"""The matrix beside a live database: its cells, sessions of every caller, and a look at what they did."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg
from psycopg.rows import dict_row

from dotbase.access.matrix import Cell, Matrix, build
from dotbase.access.objects import AccessObject
from dotbase.render.declarations.policies import AppPolicies
from tests.access.callers import Caller, Session, become, sessions
from tests.harness.databases import Database
from tests.harness.declared import APPS, POLICIES
from tests.harness.figures import count, count_once
from tests.harness.target import SUPERUSER, variables

STATEMENTS = "statements executed for the access matrix"
# Caller, object, column, command: a statement each at least, more for rows and for schemas opened.
CELLS = "cells of the access matrix, each executed"


@dataclass(frozen=True)
class Finding:
    """A cell that is not what the declarations say."""

    caller: str
    command: str
    object: str
    column: str | None
    whose: str
    what: str

    def __str__(self) -> str:
        column = f".{self.column}" if self.column else ""
        return f"{self.caller}: {self.command} {self.object}{column} ({self.whose}): {self.what}"


@dataclass
class LiveMatrix:
    """A database, the matrix that its declarations promise, and sessions of everybody."""

    db: Database
    matrix: Matrix
    sessions: dict[str, Session]
    superuser: psycopg.Connection[dict[str, Any]]  # a superuser's: row-level security hides nothing from it
    stored: dict[str, str] = field(default_factory=dict)

    @cached_property
    def objects(self) -> dict[str, AccessObject]:
        """The objects by the name that is printed."""
        return {thing.title: thing for found in self.matrix.objects.values() for thing in found}

    @cached_property
    def _cells(self) -> dict[tuple[str, str], list[Cell]]:
        cells: dict[tuple[str, str], list[Cell]] = {}
        for cell in self.matrix.cells:
            cells.setdefault((cell.object, cell.role), []).append(cell)
        return cells

    def cells(self, thing: AccessObject, caller: Caller) -> list[Cell]:
        """What the declarations say of one caller and one object."""
        return [cell for cell in self._cells[(thing.title, caller.role)] if cell.kind == thing.kind]

    def of_kind(self, *kinds: str) -> list[AccessObject]:
        """The objects of these kinds."""
        return [thing for thing in self.objects.values() if thing.kind in kinds]

    def value(self, query: str, *parameters: object) -> Any:
        """The first column of the first row, as the superuser sees it; None without a row."""
        row = self.superuser.execute(query.encode(), parameters or None).fetchone()
        return None if row is None else next(iter(row.values()))

    def keep(self, names: Sequence[str]) -> None:
        """Remember what these tables hold."""
        for name in names:
            self.stored[name] = self.content(name)

    def content(self, name: str) -> str:
        """All rows of a table, whole, as the owner sees them."""
        rows = "string_agg(t::text, e'\\n' order by t::text)"
        return str(self.value(f"select coalesce({rows}, '') from {name} as t"))

    def visible(self, query: str, caller: Caller) -> list[tuple[Any, ...]]:
        """What the owner sees where the caller's claims are set: for conditions that ask for them."""
        with self.superuser.transaction():
            if caller.person is not None:
                claims = json.dumps({**caller.person.claims}, default=str)
                self.superuser.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            rows = self.superuser.execute(query.encode()).fetchall()
        return sorted((tuple(row.values()) for row in rows), key=str)

    @contextmanager
    def acting(self, caller: Caller) -> Iterator[None]:
        """The superuser acts as the caller, inside of a transaction that it holds."""
        owner = self.superuser
        login = "authenticator" if caller.login == "stranger" else caller.login
        owner.execute(f"set local session authorization {login}".encode())
        become(owner, caller, local=True)
        yield
        owner.execute("reset session authorization")
        owner.execute("select set_config('request.jwt.claims', '', true)")


def matrix_of(db: Database, declared: Sequence[AppPolicies] | None = None) -> Matrix:
    """The matrix of a test's database."""
    with db.server.connect(db.name) as connection:
        return build(connection, declared or POLICIES, variables(None))


@contextmanager
def live_matrix(
    db: Database, stranger: str, declared: Sequence[AppPolicies] | None = None
) -> Iterator[LiveMatrix]:
    """The matrix and the sessions, closed afterwards; `stranger` is how the plain login connects."""
    superuser = psycopg.connect(db.server.conninfo(db.name, SUPERUSER), autocommit=True, row_factory=dict_row)
    with superuser, sessions(db.server, db.name, stranger) as opened:
        yield LiveMatrix(db, matrix_of(db, declared), opened, superuser)


def count_cells(caller: Caller, cells: Iterable[Cell], statements: int) -> None:
    """These cells were executed by that caller, in so many statements."""
    count(STATEMENTS, statements)
    ours = (cell for cell in cells if cell.app in APPS)
    count_once(CELLS, (f"{caller.name} {c.command} {c.kind} {c.object} {c.column}" for c in ours))


def report(findings: Sequence[Finding]) -> str:
    """A line a finding."""
    return "\n".join(["", *map(str, findings)])


def row_condition(caller: Caller, cell: Cell) -> str:
    """Which rows a line gives to a caller, as the owner would say it."""
    if cell.rows == "own":
        return f"user_id = '{caller.user_id}'" if caller.user_id else "false"
    return "true" if cell.rows == "all" else f"({cell.rows})"
