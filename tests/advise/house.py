"""A small database in which no rule finds anything, and what its fixtures declare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from dotbase.advise.declared import Exceptions
from dotbase.render.documents import load, validate
from tests.harness.server import Server

FIXTURES = Path(__file__).parent / "fixtures"
DECLARED = validate(Exceptions, load(FIXTURES / "advise.yaml", FIXTURES))


@contextmanager
def small_database(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to it; it is dropped afterwards."""
    name = f"dotbase_advise_{maintenance.info.backend_pid}"
    identifier = sql.Identifier(name)
    maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
    maintenance.execute(sql.SQL("create database {}").format(identifier))
    try:
        with server.connect(name) as connection:
            connection.execute((FIXTURES / "base.sql").read_bytes())
            yield connection
    finally:
        maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
