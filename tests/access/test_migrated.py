"""A database that `dotbase migrate` has made: the matrix holds there too, and its history is closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.access.conftest import OPEN
from tests.access.live_matrix import LiveMatrix, live_matrix, report
from tests.access.test_beyond import assert_denied
from tests.access.whole_matrix import whole_matrix
from tests.generator.conftest import new_database
from tests.generator.small import dotbase
from tests.harness.databases import Database
from tests.harness.server import ROOT, Server
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("tests/supabase migrates there")


@pytest.fixture(scope="module")
def migrated(server: Server, maintenance: psycopg.Connection[Any], stranger: str) -> Iterator[LiveMatrix]:
    with new_database(server, maintenance) as rig:
        said = dotbase(ROOT, "--database-url", server.conninfo(rig.name), "migrate")
        assert said.code == 0, said.err
        database = Database(server, rig.name)
        with live_matrix(database, stranger) as live:
            yield live
        database.close()


def test_the_matrix_is_what_was_declared(migrated: LiveMatrix) -> None:
    findings = whole_matrix(migrated, schemas_open=False)
    assert not findings, report(findings)


def test_the_history_of_migrate_is_the_owners(migrated: LiveMatrix) -> None:
    """It holds every text that was ever applied, and by whom."""
    migrated.superuser.execute(OPEN.format("dotbase").encode())
    history = migrated.superuser.execute(
        "select c.oid::regclass::text as name from pg_class as c "
        "where c.relnamespace = 'dotbase'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')"
    ).fetchall()
    assert len(history) > 3
    for session in migrated.sessions.values():
        for record in history:
            for statement in (f"select from {record['name']}", f"delete from {record['name']}"):
                if not record["name"].endswith("_seq") or statement.startswith("select"):
                    assert_denied(session.attempt(statement), statement)
