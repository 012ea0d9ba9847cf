"""An attacker: somebody with a session that PostgREST would never give him. What he does is rolled back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from tests.harness.databases import Database
from tests.harness.people import walker
from tests.harness.target import SUPERUSER

ME, VICTIM = walker(1), walker(2)
# A login that nobody has granted anything; made in the transaction that is rolled back.
STRANGER = f"dotbase_attacker_{os.getpid()}"
CLIENTS = ("anon", "authenticated", "service_role")


class Attacker:
    """His session, and what he heard: notices that his own code raised."""

    def __init__(self, connection: psycopg.Connection[TupleRow]) -> None:
        self.connection = connection
        self.notices: list[str] = []
        connection.add_notice_handler(lambda notice: self.notices.append(notice.message_primary or ""))

    def runs(self, statement: str, *parameters: object) -> list[TupleRow]:
        """Runs a statement that has to work."""
        cursor = self.connection.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []

    def tries(self, statement: str, *parameters: object) -> str | list[TupleRow]:
        """The SQLSTATE of the refusal (an RPC's own code, where one refused), else the rows he got."""
        try:
            with self.connection.transaction(force_rollback=True):
                if statement.startswith("copy"):
                    with self.connection.cursor().copy(statement.encode()) as copy:
                        return list(copy.rows())
                return self.runs(statement, *parameters)
        except psycopg.Error as error:
            if error.sqlstate == "PGRST":
                return cast(str, json.loads(error.diag.message_primary or "")["code"])
            return error.sqlstate or str(error)

    def is_refused(self, *statements: str, code: str | Sequence[str] = "42501") -> None:
        """Each statement is refused with this code, or one of these."""
        codes = [code] if isinstance(code, str) else code
        for statement in statements:
            answer = self.tries(statement)
            assert answer in codes, f"{statement}: {answer}"

    def claims(self, claims: Mapping[str, object] | str) -> None:
        """Forges the settings that PostgREST makes for a verified token."""
        text = claims if isinstance(claims, str) else json.dumps(claims)
        self.runs("select set_config('request.jwt.claims', %s, true)", text)


@contextmanager
def attacker(
    db: Database,
    login: str = STRANGER,
    role: str | None = None,
    claims: Mapping[str, object] | str | None = None,
    slips: Sequence[str] = (),
) -> Iterator[Attacker]:
    """Logged in as `login`, switched to `role`. slips: what a careless superuser ran before."""
    with (
        db.server.connect(db.name, user=SUPERUSER) as connection,
        connection.transaction(force_rollback=True),
    ):
        if login == STRANGER:
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(STRANGER)))
        for slip in slips:
            connection.execute(slip.format(database=db.name).encode())
        # What `set role` allows is asked of the role of the session, as after a login.
        connection.execute(sql.SQL("set local session authorization {}").format(sql.Identifier(login)))
        if role is not None:
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        caught = Attacker(connection)
        if claims is not None:
            caught.claims(claims)
        yield caught
