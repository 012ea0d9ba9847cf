"""Running a step's text, which may be many statements, so that a refusal names the statement's line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import psycopg
from psycopg import generators, pq

from dotbase.catalog import sessions
from dotbase.catalog.sessions import SessionState
from dotbase.errors import DotbaseError
from dotbase.migrate import confinement
from dotbase.render import sql_text
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]

OUT_OF_ROOM = "53"  # class of SQLSTATEs: disk, memory, connections
# Lost against other sessions: a lock was not given in time, or a deadlock was broken.
LOCK_ERRORS = frozenset({"55P03", "40P01"})
# A repeatable text that cannot take the place of what its older text made.
NOT_REPLACEABLE = frozenset(
    {
        "42P13",  # other result, parameter names or defaults of a function
        "42P16",  # other columns of a view
        "42P07",  # the relation exists
        "42710",  # the type, trigger or policy exists
        "42723",  # the function exists
        "42725",  # beside its older signature the name alone says nothing
        "42809",  # a procedure where a function was
        "2BP01",  # others depend on it
        "0A000",  # a column's type that a view or policy uses
    }
)
# A versioned change that repeatable objects stand in the way of.
BLOCKED_BY_DEPENDENTS = frozenset({"2BP01", "0A000"})
# Two bootstraps at once, of two databases of a cluster, make the same role.
BOOTSTRAP_COLLISION = frozenset({"23505", "42710", "XX000"})
OUTSIDE_ALONE = "25001"  # it cannot run inside of a transaction
NO_SUCH_OBJECT = frozenset({"42704", "42P01", "42703", "42883", "3F000"})


INDEX = re.compile(r"(create\s+(unique\s+)?|drop\s+|re)index\b", re.IGNORECASE)
CONCURRENTLY = re.compile(r"(\b(?:index|reindex|table|schema|view)\s+)concurrently\b", re.IGNORECASE)


class StepError(DotbaseError):
    """The server refused a step."""

    def __init__(self, what: str, remedy: str, where: str | None, sqlstate: str | None) -> None:
        super().__init__(what, remedy, where)
        self.sqlstate = sqlstate


class BootstrapCollisionError(StepError):
    """The bootstrap met the bootstrap of another database of the cluster: roles belong to all of them."""


@runtime_checkable
class Recorder(Protocol):
    """A connection that keeps what is done, as `dotbase render` needs it to write files for Supabase."""

    def record(self, text: str, parameters: Sequence[object] | None, source: str | None) -> None:
        """Keep a text that was run, and the key of the step that it is of."""


def run(connection: Connection, step: Step) -> None:
    """Run the text of a step as one query of the simple protocol; raises StepError with the place.

    Most errors of the server carry no position. The results before the failed one tell which
    statement it was.
    """
    if connection.pgconn.transaction_status == pq.TransactionStatus.INERROR:
        raise AssertionError(f"{step.key} would run in a failed transaction")
    before = sessions.state(connection)
    if step.kind != "bootstrap" and confinement.is_needed(connection):
        _run_confined(connection, step)
    else:
        _run_whole(connection, step)
    record(connection, step.sql, source=step.key)
    _reset(connection, step, before)


def require_alone(step: Step) -> None:
    """Refuse what a superuser may not run outside of a transaction, where no function confines it."""
    found = list(sql_text.statements(step.sql))
    if len(found) != 1 or not confinement.may_stand_alone(found[0]):
        raise StepError(
            "a superuser runs outside of a transaction nothing but one statement that runs no function as"
            " himself, as `create index concurrently`",
            "migrate as a member of the owner who is no superuser",
            step.place,
            None,
        )


def _run_confined(connection: Connection, step: Step) -> None:
    """With no more rights than those of the role that the session acts as."""
    found = list(sql_text.statements(step.sql))
    alone = connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
    if alone:
        require_alone(step)
    texts = [statement.of(step.sql) for statement in found]
    try:
        if alone:
            # As the protocol takes one statement and no more.
            connection.execute(texts[0].encode(), binary=True)
        else:
            confinement.run(connection, *texts)
    except psycopg.Error as error:
        if connection.broken:
            raise
        diagnostic = error.diag
        number = 0 if alone else confinement.failed(error, texts)
        inside = diagnostic.statement_position if alone else None
        if diagnostic.internal_query == texts[number]:
            inside = diagnostic.internal_position
        position = found[number].start + (int(inside) - 1 if inside is not None else 0)
        raise _step_error(step, error, position) from error


def _run_whole(connection: Connection, step: Step) -> None:
    with connection.lock:
        connection.pgconn.send_query(step.sql.encode())
        results = connection.wait(generators.execute(connection.pgconn))
    for number, result in enumerate(results):
        if result.status == pq.ExecStatus.FATAL_ERROR:
            error = psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
            if connection.broken:
                raise error
            raise _step_error(step, error, _position(step.sql, number, error)) from error


def _reset(connection: Connection, step: Step, before: SessionState) -> None:
    """Each file begins with the session as the first one did: what a file set holds until its end."""
    changed = sessions.restore(connection, before)
    for name in changed:
        record(connection, sessions.RESTORE, [name, before.settings[name]])
    encoding = changed.get("client_encoding")
    if encoding is not None:
        raise StepError(
            f"it sets client_encoding to {encoding}, and its own text is UTF-8",
            "take the line out",
            step.place,
            None,
        )


def record(
    connection: Connection,
    text: str,
    parameters: Sequence[object] | None = None,
    *,
    source: str | None = None,
) -> None:
    """Tell a connection that records of a statement that only its caller knows to change something."""
    if isinstance(connection, Recorder):
        connection.record(text, parameters, source)


def without_concurrently(text: str) -> str:
    """The text for a trial inside of a transaction, where only the word `concurrently` keeps it out."""
    return CONCURRENTLY.sub(r"\1", text)


def waits_alone(text: str) -> bool:
    """Whether it is an index made, dropped or rebuilt concurrently: its lock holds up no reader or writer."""
    return is_about_an_index(text) and CONCURRENTLY.search(text) is not None


def is_about_an_index(text: str) -> bool:
    """Whether the first statement makes, drops or rebuilds an index: no row goes with it."""
    first = next(sql_text.statements(text), None)
    return first is not None and INDEX.match(text, first.start) is not None


def _step_error(step: Step, error: psycopg.Error, position: int) -> StepError:
    """The sentence for what the server said about a step's SQL, at this character of its text."""
    diagnostic = error.diag
    said = diagnostic.message_primary or str(error).strip() or type(error).__name__
    parts = [said, diagnostic.message_detail or "", diagnostic.message_hint or ""]
    what = " — ".join(part.strip().rstrip(".") for part in parts if part.strip())
    return StepError(what, _remedy(error.sqlstate), step.place_of(position), error.sqlstate)


def _remedy(sqlstate: str | None) -> str:
    if (sqlstate or "").startswith(OUT_OF_ROOM):
        return "give the server more room and run migrate again"
    match sqlstate:
        case "58P01":
            return "install on the server what is missing and run migrate again"
        case "42501":
            return "run migrate as a role that may do this, or change the file"
        case "55P03" | "40P01":
            return "try again at a quieter time, or raise --lock-timeout"
        case "57014":
            return "run migrate again"
        case _:
            return "correct the file and run migrate again"


def _position(text: str, number: int, error: psycopg.Error) -> int:
    """Where in the text (from 0) the error is, else where its statement begins."""
    if error.diag.statement_position is not None:
        return int(error.diag.statement_position) - 1
    starts = [statement.start for statement in sql_text.statements(text)]
    return starts[number] if number < len(starts) else 0
