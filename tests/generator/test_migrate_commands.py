"""plan, migrate, rollback and status on the checkout's own project, as a person types them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from dotbase.cli import group
from dotbase.commands import plan
from dotbase.errors import DotbaseError
from dotbase.migrate.losses import Gone
from dotbase.render.project import Project
from dotbase.render.versions import next_number
from dotbase.scratch import Trial
from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.generator.small import shared_scratch
from tests.harness.server import ROOT, Server, named

Dotbase = Callable[..., Result]
UNTRIED: Trial[None] = Trial(None, Gone.between({}, {}, {}))
UNTOUCHED = ["dotbase", "extensions", "master_key", "public"]


def copy_project(into: Path) -> Path:
    """The checkout's templates and declarations, to change them."""
    shutil.copy(ROOT / "apps.yaml", into)
    for folder in ("schema", "functions", "policies", "cron"):
        shutil.copytree(ROOT / folder, into / folder)
    return into


def cli(project: Path, rig: Rig) -> Dotbase:
    options = [
        "--project",
        str(project),
        "--cluster",
        named("test"),
        "--database-url",
        rig.server.conninfo(rig.name),
    ]

    def run(*arguments: str) -> Result:
        with shared_scratch():
            return CliRunner().invoke(group, [*options, *arguments])

    return run


@pytest.fixture(scope="module")
def migrated(server: Server, maintenance: psycopg.Connection[Any], tmp_path_factory: Any) -> Iterator[Rig]:
    """A database that the untouched project was migrated to."""
    project = copy_project(tmp_path_factory.mktemp("untouched"))
    with new_database(server, maintenance) as rig:
        result = cli(project, rig)("migrate")
        assert result.exit_code == 0, result.output
        assert re.search(r"^Migrated in \d+\.\d s: \d+ versions, \d+ repeatable steps", result.output, re.M)
        yield rig


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path)


@pytest.fixture
def dotbase(project: Path, migrated: Rig) -> Dotbase:
    return cli(project, migrated)


def test_plan_of_an_empty_database_ends_with_2(project: Path, rig: Rig) -> None:
    result = cli(project, rig)("plan", "--json")
    assert result.exit_code == 2
    found = json.loads(result.output)
    assert found["bootstrap"] == "schema/core/bootstrap.sql"
    assert found["versions"][0]["version"] == "core.0001_core"
    assert {entry["reason"] for entry in found["repeatables"]} == {"new"}
    assert rig.values("select nspname::text from pg_namespace where nspname = 'dotbase'") == []


def test_a_second_migrate_does_nothing_and_plan_ends_with_0(dotbase: Dotbase) -> None:
    said = "Nothing to do: every template is applied. What was changed by hand: `dotbase drift`."
    assert said in dotbase("migrate").output
    result = dotbase("plan")
    assert (result.exit_code, said in result.output) == (0, True)
    assert json.loads(dotbase("migrate", "--json").output)["changed"] is False


def test_plan_warns_of_what_locks_or_loses(project: Path, dotbase: Dotbase) -> None:
    migration(
        project,
        "ledger",
        "risky",
        "-- Risky.\ncreate index risky_idx on ledger.transfers (amount);\n\n"
        "alter table ledger.accounts add column note text;\n"
        "alter table ledger.accounts drop column note;\n",
    )
    migration(
        project,
        "ledger",
        "idx",
        "-- transactional: false\n-- boundary: index on amounts\n"
        "create index concurrently amounts_idx on ledger.transfers (amount);\n",
    )
    result = dotbase("plan", "--json")
    assert result.exit_code == 2, result.output
    found = json.loads(result.output)
    assert [(v["boundary"], v["transactional"]) for v in found["versions"]] == [
        (None, True),
        ("index on amounts", False),
    ]
    assert [(w["file"][-10:], w["line"], w["rule"]) for w in found["warnings"]] == [
        ("_risky.sql", 2, "require-concurrent-index-creation"),
        ("_risky.sql", 5, "ban-drop-column"),
    ]


def test_plan_prints_the_sql_in_order(
    project: Path, dotbase: Dotbase, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = migration(project, "ledger", "note", "comment on table ledger.transfers is 'Noted.';\n")
    monkeypatch.setattr(plan, "build_afresh", lambda *_: UNTRIED)  # other tests show it
    result = dotbase("plan", "--sql")
    assert result.exit_code == 2
    assert result.output == f"-- apply: {name}\ncomment on table ledger.transfers is 'Noted.';\n\n"


@pytest.mark.parametrize("command", ["plan", "migrate"])
def test_an_rpc_that_does_not_exist_is_refused_with_the_yaml_s_line(
    project: Path, migrated: Rig, dotbase: Dotbase, command: str
) -> None:
    before = migrated.catalog()
    policies = project / "policies" / "ledger.yaml"
    policies.write_text(policies.read_text() + "  no_such_rpc: [authenticated]\n")
    line = len(policies.read_text().splitlines())
    result = dotbase(command)
    assert isinstance(result.exception, DotbaseError)
    assert result.exception.sentence.startswith(f"policies/ledger.yaml:{line}: ")
    assert "no_such_rpc" in result.exception.sentence
    assert migrated.catalog() == before


def test_a_broken_routine_is_refused_with_the_template_s_line(
    project: Path, migrated: Rig, dotbase: Dotbase
) -> None:
    file = project / "functions" / "core" / "clock.sql.j2"
    file.write_text(file.read_text() + "\ncreate or replace function core.now(broken);\n")
    line = len(file.read_text().splitlines())
    result = dotbase("migrate")
    assert isinstance(result.exception, DotbaseError)
    assert re.match(
        rf"functions/core/clock\.sql\.j2:{line}: no language specified", result.exception.sentence
    )


def test_status_says_what_is_applied_and_what_is_pending(project: Path, dotbase: Dotbase) -> None:
    migration(project, "ledger", "note", "comment on table ledger.transfers is 'Noted.';\n")
    result = dotbase("status")
    assert re.search(r"^  core\.0001_core +applied +[-0-9]{10} [:0-9]{8} UTC  postgres ", result.output, re.M)
    assert "Pending: 1 versions, 0 repeatable steps, 0 to remove (`dotbase plan`)." in result.output
    found = json.loads(dotbase("status", "--json").output)
    assert found["release"]["clock"] == "real"
    assert found["applied"][0]["version"] == "core.0001_core"
    assert len(found["pending"]["versions"]) == 1


def test_up_down_up_gives_the_same_catalog_for_every_version(project: Path, new_rig: Rig) -> None:
    dotbase = cli(project, new_rig)
    assert dotbase("migrate", "--clock", "movable").exit_code == 0
    versions = len(new_rig.values("select version from dotbase.versions"))

    def states() -> list[str]:
        """The catalog with all versions, and after undoing each."""
        found = [sorted_catalog(new_rig)]
        for _ in range(versions):
            result = dotbase("rollback", "--yes")
            assert result.exit_code == 0, result.exception
            found.append(sorted_catalog(new_rig))
        return found

    first = states()
    assert (
        new_rig.values(
            "select nspname::text from pg_namespace"
            " where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1"
        )
        == UNTOUCHED
    )
    assert dotbase("migrate").exit_code == 0
    assert new_rig.value("select clock from dotbase.releases order by release_id desc limit 1") == "movable"
    assert states() == first


def test_unreachable_servers_are_one_sentence(project: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    result = CliRunner().invoke(group, ["--project", str(project), "--database-url", url, "migrate"])
    assert isinstance(result.exception, DotbaseError)
    assert "cannot be reached" in result.exception.sentence


@pytest.mark.parametrize("command", ["migrate", "rollback"])
@pytest.mark.parametrize(
    ("option", "value"),
    [(f"--{name}", value) for name in ("lock-timeout", "retries") for value in ("nan", "inf", "-1", "soon")]
    + [("--lock-timeout", "0"), ("--lock-timeout", "1e6")],
)
def test_lock_options_without_a_time_are_refused(
    project: Path, command: str, option: str, value: str
) -> None:
    """Before anything is connected to."""
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    arguments = ["--project", str(project), "--database-url", url, command, option, value]
    result = CliRunner().invoke(group, arguments)
    assert result.exit_code == 2, result.exception
    assert f"Error: Invalid value for '{option}': " in result.output


def sorted_catalog(rig: Rig) -> str:
    return "\n".join(sorted(rig.catalog().splitlines()))


def migration(project: Path, app: str, name: str, up: str, down: str = "select 1;\n") -> str:
    """A next versioned file of an app; returns its key."""
    folder = project / "schema" / app
    number = next_number(Project(project))
    (folder / f"{number:04}_{name}.sql").write_text(up)
    (folder / f"{number:04}_{name}.rollback.sql").write_text(down)
    return f"schema/{app}/{number:04}_{name}.sql"
