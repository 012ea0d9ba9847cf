"""A server that cannot be used is told in one sentence, which never holds the password."""

from __future__ import annotations

from pathlib import Path

import pytest

from dotbase import connection
from dotbase.cluster import binaries
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from tests.generator.small import dotbase, make
from tests.harness.server import Server

SECRET = "hunter2"


def refusal(url: str) -> str:
    with pytest.raises(DotbaseError) as refused:
        connection.connect(url, timeout=2)
    assert "\n" not in refused.value.sentence
    assert SECRET not in refused.value.sentence
    return refused.value.sentence


def test_nothing_listens() -> None:
    sentence = refusal(f"postgresql://me:{SECRET}@127.0.0.1:1/shop")
    assert "shop on 127.0.0.1:1 cannot be reached" in sentence
    assert "Connection refused" in sentence


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@home@127.0.0.1/shop",
        f"postgresql://me:{SECRET}/x@127.0.0.1/shop",
        f"postgresql://me:{SECRET}#x@127.0.0.1/shop",
        f"postgres//me:{SECRET}@127.0.0.1/shop",
        f"postgresql://127.0.0.1/shop?pasword={SECRET}",
        f"host=127.0.0.1 {SECRET}",
    ],
)
def test_an_unreadable_url_is_not_repeated(url: str) -> None:
    assert "cannot be read" in refusal(url)


def test_a_database_that_is_not_there(server: Server) -> None:
    sentence = refusal(server.conninfo("no_such_database"))
    assert 'database "no_such_database" does not exist' in sentence


def test_a_server_that_is_too_old(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "OLDEST_SERVER", 990000)
    assert "dotbase needs PostgreSQL 15 or newer" in refusal(server.conninfo("postgres"))


def test_a_server_of_the_users_own_goes_before_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    given = GlobalOptions(project=None, database_url="postgresql://me@db.test:7/shop", cluster="dev")
    assert connection.resolve_url(given) == "postgresql://me@db.test:7/shop"
    assert connection.parse(connection.resolve_url(given, "scratch"))["dbname"] == "scratch"
    monkeypatch.setenv("DATABASE_URL", "host=db.test")
    without = GlobalOptions(project=None, database_url=None, cluster="dev")
    assert connection.resolve_url(without) == "host=db.test"


def test_what_is_not_installed_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "ROOT", tmp_path)
    monkeypatch.delenv(binaries.FOLDER, raising=False)
    with pytest.raises(DotbaseError, match=r"not installed; .*apt-get install .*postgresql-15-cron"):
        binaries.for_new_cluster()
    program = tmp_path / "15" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.touch()
    with pytest.raises(DotbaseError, match=r"without pg_cron and pg_stat_statements and plpgsql_check"):
        binaries.for_new_cluster()


def test_a_folder_without_a_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binaries.FOLDER, str(tmp_path))
    with pytest.raises(DotbaseError, match=r"has no PostgreSQL server \(No such file or directory\); let"):
        binaries.for_new_cluster()
    program = tmp_path / "bin" / "postgres"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho a library is missing >&2; exit 127\n")
    program.chmod(0o755)
    with pytest.raises(DotbaseError, match="cannot be run: a library is missing; let DOTBASE_POSTGRES name"):
        binaries.for_new_cluster()
    program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.1'\n")
    with pytest.raises(DotbaseError, match="has PostgreSQL 14, and dotbase needs 15"):
        binaries.for_new_cluster()


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        (f"postgresql://me:{SECRET}@127.0.0.1:1/shop", True),
        (f"host=127.0.0.1 port=1 password={SECRET}", True),
        ("postgresql://me@127.0.0.1:1/shop", False),
    ],
)
def test_a_password_in_the_process_list_is_warned_of(
    url: str, warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 52. What comes from the environment is seen by its user alone."""
    project = make(tmp_path)
    said = dotbase(project, "--database-url", url, "status")
    assert ("stands in the process list" in said.err) == warned
    assert SECRET not in said.err
    monkeypatch.setenv("DATABASE_URL", url)
    assert "process list" not in dotbase(project, "status").err
