"""What `migrate` makes is what `render | psql` makes: by the reader of drift, and by pg_dump's text."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from dotbase.catalog.facts.queries import Scope
from dotbase.catalog.facts.reader import read
from dotbase.drift.compare import compare
from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.generator.small import dotbase
from tests.harness import dump
from tests.harness.server import ROOT, Server
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("test_supabase.py compares there")

HISTORY = "dotbase"


@pytest.fixture(scope="module")
def both(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[tuple[Rig, Rig]]:
    """A database that psql made of the rendered text, and one that `migrate` made."""
    with ExitStack() as stack:
        rendered, migrated = (stack.enter_context(new_database(server, maintenance)) for _ in range(2))
        text = dotbase(ROOT, "render").out
        conninfo = server.conninfo(rendered.name)
        program("psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-f", "-", text=text)
        said = dotbase(ROOT, "--database-url", server.conninfo(migrated.name), "migrate")
        assert said.code == 0, said.err
        yield rendered, migrated


def program(name: str, *arguments: str, text: str | None = None) -> str:
    done = subprocess.run([name, *arguments], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_their_catalogs_are_equal_apart_from_the_history(both: tuple[Rig, Rig]) -> None:
    catalogs = []
    for rig in both:
        with rig.connect() as connection, connection.transaction():
            catalogs.append(read(connection, Scope(None)))
    rendered, migrated = catalogs
    assert [one.sentence for one in compare(rendered, migrated, lambda item: item.schema)] == [
        f"schema {HISTORY} is not declared"
    ]
    assert len(rendered.items) > 350


def test_their_dumps_are_equal_apart_from_the_history(both: tuple[Rig, Rig]) -> None:
    rendered, migrated = (dump.schema(rig.server.conninfo(rig.name), without=HISTORY) for rig in both)
    assert migrated == rendered
    assert "FUNCTION luckywalk.claim_steps" in rendered
