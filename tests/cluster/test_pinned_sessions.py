"""Fault 8: the caller's settings, those of his role and of the database change nothing that we do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from dotbase.connection import connect
from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.generator.small import dotbase, with_core
from tests.harness.server import Server

STRANGE = {
    "search_path": "public",
    "client_encoding": "LATIN1",
    "timezone": "Asia/Kathmandu",
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "-5",
    "bytea_output": "escape",
    "xmloption": "document",
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "escape_string_warning": "off",
    "quote_all_identifiers": "on",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "row_security": "off",
    "check_function_bodies": "off",
    "statement_timeout": "90s",
    "lock_timeout": "90s",
    "idle_in_transaction_session_timeout": "90s",
    "idle_session_timeout": "90s",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "default_tablespace": "pg_global",
    "synchronize_seqscans": "off",
    "session_replication_role": "replica",
    "role": "pg_monitor",
}
SETTINGS = "select name, setting from pg_catalog.pg_settings where name <> 'application_name' order by name"


@pytest.fixture(scope="module")
def place(server: Server, maintenance: psycopg.Connection[object]) -> Iterator[Rig]:
    with new_database(server, maintenance) as rig:
        yield rig


def settings(rig: Rig) -> list[tuple[object, ...]]:
    with connect(rig.server.conninfo(rig.name)) as connection:
        found = connection.execute(SETTINGS).fetchall()
        return [*found, *connection.execute("select current_user, session_user").fetchall()]


@pytest.mark.parametrize("name", STRANGE)
def test_the_callers_options_change_nothing(name: str, place: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = settings(place)
    monkeypatch.setenv("PGOPTIONS", f"-c {name}={STRANGE[name]}")
    assert settings(place) == plain


@pytest.mark.parametrize(
    ("name", "value"), [("PGTZ", "Asia/Kathmandu"), ("PGDATESTYLE", "German"), ("PGCLIENTENCODING", "LATIN1")]
)
def test_the_callers_environment_changes_nothing(
    name: str, value: str, place: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = settings(place)
    monkeypatch.setenv(name, value)
    assert settings(place) == plain


def test_settings_of_the_database_change_nothing(place: Rig) -> None:
    plain = settings(place)
    with place.connect() as connection:
        for name, value in STRANGE.items():
            connection.execute(
                sql.SQL("alter database {} set {} = {}").format(
                    sql.Identifier(place.name), sql.SQL(name), sql.Literal(value)
                )
            )
    try:
        assert settings(place) == plain
    finally:
        with connect(place.server.conninfo("postgres")) as connection:
            connection.execute(sql.SQL("alter database {} reset all").format(sql.Identifier(place.name)))


def test_commands_say_the_same_whatever_the_caller_has_set(
    place: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, and no difference between what one caller built and another one reads."""
    project = with_core(tmp_path)
    url = place.server.conninfo(place.name)
    options = " ".join(
        f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in STRANGE.items() if name != "role"
    )
    monkeypatch.setenv("PGOPTIONS", options)
    monkeypatch.setenv("PGTZ", "Asia/Kathmandu")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    said = dotbase(project, "--database-url", url, "migrate")
    assert (said.code, said.err) == (0, "")
    for words in (["plan"], ["status"], ["drift"], ["rollback", "--plan"]):
        said = dotbase(project, "--database-url", url, *words)
        assert (said.code, said.err) == (0, ""), said
    monkeypatch.undo()
    said = dotbase(project, "--database-url", url, "drift")
    assert (said.code, said.err) == (0, ""), said
