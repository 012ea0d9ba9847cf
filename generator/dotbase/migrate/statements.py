"""Running a step's text, which may be many statements, so that a refusal names the statement's line."""

from __future__ import annotations

from typing import Any

import psycopg
import sqlparse
from psycopg import generators, pq

from dotbase.migrate.failures import refused
from dotbase.migrate.recording import note
from dotbase.render.steps import Step

Connection = psycopg.Connection[Any]


def run(connection: Connection, step: Step) -> None:
    """Run the text of a step as one query of the simple protocol; raises StepError with the place.

    Most errors of the server carry no position. The results before the failed one tell which
    statement it was.
    """
    if connection.pgconn.transaction_status == pq.TransactionStatus.INERROR:
        raise AssertionError(f"{step.key} would run in a failed transaction")
    with connection.lock:
        connection.pgconn.send_query(step.sql.encode())
        results = connection.wait(generators.execute(connection.pgconn))
    for number, result in enumerate(results):
        if result.status == pq.ExecStatus.FATAL_ERROR:
            error = psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
            if connection.broken:
                raise error
            raise refused(step, error, _position(step.sql, number, error)) from error
    note(connection, step.sql, source=step.key)


def _position(text: str, number: int, error: psycopg.Error) -> int:
    """Where in the text (from 0) the error is, else where its statement begins."""
    if error.diag.statement_position is not None:
        return int(error.diag.statement_position) - 1
    found = 0
    for place, statement in enumerate(sqlparse.split(text)):
        begin = text.find(statement, found)
        if begin < 0:
            break
        if place == number:
            return begin + _comments(statement)
        found = begin + len(statement)
    return 0


def _comments(statement: str) -> int:
    """Length of the comment lines and blank lines at the beginning of a statement."""
    length = 0
    for line in statement.splitlines(keepends=True):
        if line.strip() and not line.lstrip().startswith("--"):
            break
        length += len(line)
    return length
