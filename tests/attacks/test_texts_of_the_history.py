"""A member of the owner writes into the history, and somebody who may more runs a command of ours.

Fault 40. The owner's members can write every row of `dotbase`, so that nothing in it is a template's input.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dotbase import scratch
from dotbase.catalog import server as servers
from dotbase.errors import DotbaseError
from dotbase.render.identifiers import dollar_quoted, literal
from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.generator.small import Said, dotbase, with_core
from tests.harness.server import Server
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("on Supabase the owner is the strongest role that there is")
BREAKOUT = "x$$; create table public.broken_out (); select $$"
COMMANDS = (
    ["plan"],
    ["plan", "--sql"],
    ["drift"],
    ["drift", "--sql"],
    ["status"],
    ["rollback", "--plan"],
    ["advise"],
    ["access"],
    ["migrate"],
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core alone."""
    return with_core(tmp_path_factory.mktemp("core"))


@pytest.fixture(scope="module")
def core(server: Server, maintenance: psycopg.Connection[object], project: Path) -> Iterator[Rig]:
    """A database that a superuser has migrated."""
    with new_database(server, maintenance) as rig:
        said = run(rig, project, "migrate", "--master-key-file", "/srv/the key")
        assert said.code == 0, said.err
        yield rig


def run(rig: Rig, project: Path, *words: str) -> Said:
    return dotbase(project, "--database-url", rig.server.conninfo(rig.name), *words)


def as_member(rig: Rig, statement: str, *parameters: object) -> None:
    """What a member of the owner runs."""
    with rig.connect() as connection:
        connection.execute("set session authorization dotbase_owner")
        connection.execute(statement.encode(), parameters or None)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_owners_member_puts_sql_into_the_path_of_the_master_key(
    words: list[str], core: Rig, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path comes from the command line or from the superuser's function, never from the history."""
    built: list[list[str]] = []
    real = scratch._drop

    def remember(maintenance: psycopg.Connection[object], name: str) -> None:
        """What a scratch database has in `public` before it goes."""
        url = maintenance.info.dsn.replace("dbname=postgres", f"dbname={name}")
        with psycopg.connect(url) as connection:
            rows = connection.execute("select relname from pg_class where relname = 'broken_out'").fetchall()
            keys = connection.execute(
                "select prosrc from pg_proc where pronamespace = 'master_key'::regnamespace"
            ).fetchall()
        built.append([text for (text,) in rows + [k for k in keys if "/srv/" in k[0]]])
        real(maintenance, name)

    monkeypatch.setattr(scratch, "_drop", remember)
    as_member(
        core,
        "update dotbase.releases set master_key_file = %s, bootstrap_sha = 'another'",
        BREAKOUT,
    )
    said = run(core, project, *words)
    assert said.code in (0, 2, 3), said
    assert core.values("select relname::text from pg_class where relname = 'broken_out'") == []
    assert all(found == [] for found in built), built
    (body,) = core.values("select prosrc from pg_proc where pronamespace = 'master_key'::regnamespace")
    assert "pg_read_file('/srv/the key')" in body


@pytest.mark.parametrize("column", ["target = 'supabase'", "target = 'x''y'", "clock = 'x'"])
def test_the_owners_member_says_that_another_role_is_the_owner(column: str, core: Rig, project: Path) -> None:
    """On target supabase the texts are run as `postgres`, which may do everything here."""
    with core.connect() as connection:
        before = connection.execute("select release_id, target, clock from dotbase.releases").fetchall()
    as_member(core, f"update dotbase.releases set {column}")
    try:
        for words in COMMANDS:
            if words != ["access"]:
                said = run(core, project, *words)
                assert said.code == 1
                assert "which its owner is not of" in said.err
    finally:
        with core.connect() as connection:
            for release_id, target, clock in before:
                connection.execute(
                    "update dotbase.releases set target = %s, clock = %s where release_id = %s",
                    [target, clock, release_id],
                )


def test_a_function_of_the_owners_own_is_not_believed(core: Rig) -> None:
    """Who owns a schema of that name could say where the key is."""
    with core.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("drop schema master_key cascade")
        connection.execute("create schema master_key authorization dotbase_owner")
        connection.execute("set role dotbase_owner")
        connection.execute(
            "create function master_key.value() returns text language sql"
            " as $$ select pg_catalog.pg_read_file('/etc/passwd') $$"
        )
        assert servers.master_key_file(connection) is None


@pytest.mark.parametrize("path", ["/a", "/it's", "/a$$b", "/a$q$b", "/a\\b", "/a$", "$", "/a\nb"])
def test_a_path_is_quoted_for_the_place_where_it_lands(path: str, core: Rig) -> None:
    with core.connect() as connection, connection.transaction(force_rollback=True):
        for conforming in ("on", "off"):
            connection.execute(f"set standard_conforming_strings = {conforming}")
            connection.execute("set backslash_quote = on; set escape_string_warning = off")
            said = connection.execute(
                f"select {dollar_quoted(f'select {literal(path)}')}".encode()
            ).fetchone()
            assert said is not None
            assert connection.execute(said[0].encode()).fetchone() == (path,)


def test_a_strange_file_of_the_function_is_asked_for(core: Rig) -> None:
    with core.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(
            "create or replace function master_key.value() returns text"
            " language sql as $$ select pg_catalog.pg_read_file('/a''; b') $$"
        )
        with pytest.raises(DotbaseError, match="--master-key-file"):
            servers.master_key_file(connection)
