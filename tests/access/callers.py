"""Who tries the cells: one connection each, logged in and switched as that caller really is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import DiagnosticField

from tests.harness.people import Person, admin, anon, service, walker
from tests.harness.server import Server
from tests.harness.target import CRON_ALONE

ONE, TWO = walker(1), walker(2)
TIMEOUTS = "set statement_timeout = '2s'; set lock_timeout = '1s'"
# Each statement in a subtransaction that fails, one way or the other: nothing of it stays. What became of
# them all is the message of the error that ends the block.
ATTEMPTS = """
do $attempts$
declare
    v_statement text;
    v_said jsonb := '[]';
begin
    foreach v_statement in array {statements}
    loop
        begin
            execute v_statement;
            raise exception 'undone' using errcode = 'UNDON';
        exception
            -- Others does not have the two that are named.
            when query_canceled or assert_failure or others then
                v_said := v_said || jsonb_build_array(jsonb_build_array(sqlstate, sqlerrm));
        end;
    end loop;
    raise exception '%', v_said using errcode = 'ENDED';
end;
$attempts$
"""


@dataclass(frozen=True)
class Caller:
    """role: its row in the matrix. login: the role that it connects as."""

    name: str
    role: str
    login: str
    person: Person | None = None

    @property
    def user_id(self) -> str | None:
        """Whose rows are its own."""
        return str(self.person.user_id) if self.person and "sub" in self.person.claims else None

    @property
    def other_id(self) -> str:
        """Somebody else."""
        return str((TWO if self.person == ONE else ONE).user_id)


CALLERS = (
    Caller("anon", "anon", "authenticator", anon),
    Caller("walker one", "authenticated", "authenticator", ONE),
    Caller("walker two", "authenticated", "authenticator", TWO),
    Caller("administrator", "administrator", "authenticator", admin),
    Caller("service_role", "service_role", "authenticator", service),
    # On Supabase pg_cron's role is the owner's, who may everything.
    *(Caller(role, role, role) for role in CRON_ALONE),
    Caller("dotbase_relay", "dotbase_relay", "dotbase_relay"),
    Caller("authenticator", "authenticator", "authenticator"),
    Caller("plain login", "public", "stranger"),
)


@dataclass(frozen=True)
class Refusal:
    """How a statement failed."""

    sqlstate: str
    message: str

    @property
    def for_want_of_a_right(self) -> bool:
        """Whether a privilege was missing, on whatever; a policy's refusal has the same SQLSTATE."""
        return self.sqlstate == "42501" and self.message.startswith(("permission denied", "must be owner"))

    def names(self, schema: str, name: str, kind: str) -> bool:
        """Whether the missing privilege was on this object, or on the schema that it lies in.

        A function that may be called and then fails on a table, or a view that may be written and whose
        table may not, is refused with the same SQLSTATE.
        """
        kinds = {
            "table": ["table"],
            "view": ["view"],
            "sequence": ["sequence"],
            "schema": ["schema"],
        }.get(kind, ["function", "procedure", "aggregate"])
        missing = [f"permission denied for {kind} {name}" for kind in kinds]
        owner = [f"must be owner of {kind} {name}" for kind in ("table", "relation", "schema")]
        return self.for_want_of_a_right and self.message in (
            *missing,
            *owner,
            f"permission denied for schema {schema}",
        )

    @property
    def by_a_policy(self) -> bool:
        """Whether a policy refused the row."""
        return self.sqlstate == "42501" and "violates row-level security policy" in self.message

    @property
    def code(self) -> str | None:
        """What an RPC tells the client."""
        if self.sqlstate != "PGRST":
            return None
        code: str = json.loads(self.message)["code"]
        return code

    def __str__(self) -> str:
        return f"{self.sqlstate} {self.message}"


class Session:
    """A caller's connection."""

    def __init__(self, caller: Caller, connection: psycopg.Connection[Any]) -> None:
        self.caller = caller
        self.connection = connection
        connection.execute(TIMEOUTS)
        connection.add_notice_handler(lambda notice: None)
        become(connection, caller, local=False)

    def attempt(self, statement: str) -> Refusal | None:
        """Execute it and undo it; None when it went through."""
        return self.attempts([statement])[0]

    def attempts(self, statements: Sequence[str]) -> list[Refusal | None]:
        """Execute and undo each, in one round trip."""
        literals = ", ".join(sql.Literal(statement).as_string() for statement in statements)
        block = ATTEMPTS.format(statements=f"array[{literals}]::text[]")
        result = self.connection.pgconn.exec_(block.encode())
        sqlstate = result.error_field(DiagnosticField.SQLSTATE)
        message = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"").decode()
        assert sqlstate == b"ENDED", (sqlstate, message)
        return [None if state == "UNDON" else Refusal(state, said) for state, said in json.loads(message)]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the caller sees."""
        return self.connection.execute(query.encode()).fetchall()


def become(connection: psycopg.Connection[Any], caller: Caller, *, local: bool) -> None:
    """The role and claims that PostgREST sets, for the transaction or for the session."""
    if caller.person is None:
        return
    claims = {**caller.person.claims, "role": caller.person.role}
    connection.execute(
        "select set_config('role', %s, %s), set_config('request.jwt.claims', %s, %s)",
        [caller.person.role, local, json.dumps(claims, default=str), local],
    )


@contextmanager
def sessions(server: Server, database: str, stranger: str) -> Iterator[dict[str, Session]]:
    """A session of every caller, by name; `stranger` is how the plain login connects."""
    opened = {}
    for caller in CALLERS:
        if caller.login == "stranger":
            connection = psycopg.connect(stranger, dbname=database, autocommit=True)
        else:
            connection = server.connect(database, user=caller.login)
        opened[caller.name] = Session(caller, connection)
    yield opened
    for session in opened.values():
        session.connection.close()
