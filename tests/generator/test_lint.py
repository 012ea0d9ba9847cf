"""`dotbase lint`: each linter's finding is a line, any finding is exit code 1, a clean project is 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

from dotbase.lint import database, python
from dotbase.migrate import squawk
from dotbase.render.project import Project
from tests.generator.shop import POLICIES, ROUTINES, make_shop
from tests.generator.small import dotbase, make, write

HEADS = ("sqlfluff: ", "squawk: ", "raised errors: ", "declarations: ", "plpgsql_check: ")


def add_version(project: Path, text: str) -> None:
    write(project, "schema/shop/0003_change.sql", text)
    write(project, "schema/shop/0003_change.rollback.sql", "alter table shop.carts drop column note;\n")


def lint(project: Path) -> dict[str, list[str]]:
    """The findings by linter; exit code and verdicts agree with them."""
    said = dotbase(project, "lint")
    found: dict[str, list[str]] = {}
    for line in said.out.splitlines():
        if line.startswith("  "):
            found[list(found)[-1]].append(line.strip())
        else:
            name, _, verdict = line.partition(": ")
            found[name] = []
            assert verdict
    assert said.code == (1 if any(found.values()) else 0)
    assert said.err == ""
    return found


def test_a_clean_project_is_clean(tmp_path: Path, plpgsql_check: None) -> None:
    said = dotbase(make_shop(tmp_path), "lint")
    lines = said.out.splitlines()
    assert said.code == 0, said.out
    assert [line.startswith(head) for line, head in zip(lines, HEADS, strict=True)] == [True] * len(HEADS)
    assert all(line.endswith(": clean") for line in lines)


def test_all_linters_find_their_own_in_one_run(tmp_path: Path, plpgsql_check: None) -> None:
    project = make_shop(tmp_path)
    add_version(
        project, "alter table shop.carts ADD column note text;\n\ncreate index on shop.carts (note);\n"
    )
    write(project, "functions/shop/carts.sql", ROUTINES.replace("c.cart_id = buy.", "c.nope = buy."))
    write(project, "policies/shop.yaml", POLICIES.replace("  moves: []\n", ""))
    found = lint(project)
    assert any(line.startswith("schema/shop/0003_change.sql: line 1: CP01 ") for line in found["sqlfluff"]), (
        found
    )
    assert any(
        line.startswith("schema/shop/0003_change.sql:3: require-concurrent-index-creation: ")
        for line in found["squawk"]
    ), found
    assert [line.partition(";")[0] for line in found["declarations"]] == [
        "policies/shop.yaml:1: table shop.moves has no line"
    ]
    assert any(
        line.startswith("shop.buy(bigint): line 3: error 42703 column c.nope does not exist")
        for line in found["plpgsql_check"]
    ), found


@pytest.mark.usefixtures("without_style")
def test_an_error_that_is_not_declared_is_a_finding(tmp_path: Path) -> None:
    project = make_shop(tmp_path)
    text = ROUTINES.replace(
        "begin\n", "begin\n    -- core.raise('nothing')\n    perform core.raise('forbiden');\n"
    )
    write(project, "functions/shop/carts.sql", text)
    line = text[: text.index("forbiden")].count("\n") + 1
    assert lint(project)["raised errors"] == [
        f"functions/shop/carts.sql:{line}: no errors.yaml has an error forbiden; did you mean forbidden?"
    ]


@pytest.mark.usefixtures("without_style")
def test_a_rollback_without_a_statement_is_a_finding(tmp_path: Path) -> None:
    project = make_shop(tmp_path)
    add_version(project, "create view api.carts as select 1 as one;\n")
    write(project, "schema/shop/0003_change.rollback.sql", "-- What takes it back.\n")
    [finding] = lint(project)["scratch database"]
    assert finding.startswith("schema/shop/0003_change.rollback.sql: takes nothing back; ")


@pytest.mark.usefixtures("without_style")
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("alter table shop.carts add column note text not null;\n", "adding-required-field"),
        ("alter table shop.carts drop column user_id;\n", "ban-drop-column"),
        ("alter table shop.carts alter column user_id type text;\n", "changing-column-type"),
    ],
)
def test_versions_that_would_lock_or_lose_are_findings(tmp_path: Path, text: str, rule: str) -> None:
    """In a project that Postgres cannot build: the other linters speak all the same."""
    project = make(tmp_path)
    add_version(project, text)
    found = lint(project)
    assert any(f"schema/shop/0003_change.sql:1: {rule}: " in line for line in found["squawk"]), found
    assert len(found["scratch database"]) == 1


def test_text_that_is_no_sql_is_a_finding_of_each_that_reads_it(tmp_path: Path) -> None:
    project = make_shop(tmp_path)
    write(project, "functions/shop/more.sql", "selekt everything;\n")
    found = lint(project)
    assert any(": PRS " in line for line in found["sqlfluff"]), found
    assert found["scratch database"][0].startswith("functions/shop/more.sql:1: ")


@pytest.mark.usefixtures("without_style")
def test_a_server_that_goes_away_is_a_finding_and_stops_no_other_linter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(connection: psycopg.Connection[Any], project: Project) -> NoReturn:
        connection.execute("select pg_terminate_backend(pg_backend_pid())")
        raise AssertionError

    monkeypatch.setattr(database, "routines", end)
    project = make_shop(tmp_path)
    write(project, "pyproject.toml", "")
    write(project, "tool.py", "import os\n")
    found = lint(project)
    assert found["scratch database"] == [
        "the server ended the session: terminating connection due to administrator command; "
        "run the command again: what was not committed is undone."
    ]
    assert found["ruff check"]


def test_what_the_other_target_alone_reads_is_linted_too(tmp_path: Path) -> None:
    project = make(tmp_path)
    write(
        project,
        "functions/shop/more.sql.j2",
        "{% if target == 'supabase' %}\nselekt everything;\n{% else %}\nselect 1 AS one;\n{% endif %}\n",
    )
    found = [line.partition(": line")[0] for line in lint(project)["sqlfluff"]]
    assert set(found) == {"functions/shop/more.sql.j2", "functions/shop/more.sql.j2 (supabase)"}


@pytest.mark.usefixtures("without_style")
@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("#!/bin/sh\necho panicked >&2; exit 2\n", 0o755, "squawk failed: panicked; "),
        ("#!/bin/sh\necho '{'\n", 0o755, "squawk failed: {; "),
        ("#!/bin/sh\n", 0o644, "squawk cannot be run ([Errno 13] Permission denied: "),
    ],
)
def test_a_linter_that_breaks_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, mode: int, sentence: str
) -> None:
    binary = write(tmp_path, "bin/squawk", text)
    binary.chmod(mode)
    monkeypatch.setattr(squawk, "_binary", lambda: str(binary))
    [finding] = lint(make(tmp_path / "project"))["squawk"]
    assert finding.startswith(sentence)


@pytest.mark.usefixtures("without_style")
def test_the_project_s_python_is_read_where_it_has_some(tmp_path: Path) -> None:
    project = make_shop(tmp_path)
    write(project, "pyproject.toml", '[tool.mypy]\nstrict = true\nfiles = ["tool.py"]\n')
    write(project, "tool.py", "import os\ndef add(a, b):\n    return a + b\n")
    found = lint(project)
    assert any("tool.py:1:" in line and "F401" in line for line in found["ruff check"]), found
    assert found["ruff format"]
    assert any("tool.py:2: error: Function is missing" in line for line in found["mypy --strict"]), found
    assert found["import-linter"] == []


CONTRACT = """[importlinter]
root_package = tool

[importlinter:contract:layers]
name = What is above imports what is below
type = layers
layers =
    tool.{above}
    tool.below
"""


def test_imports_are_held_to_the_project_s_contracts(tmp_path: Path) -> None:
    project = Project(tmp_path)
    above = "a_module_whose_name_is_so_long_that_no_line_of_eighty_characters_would_hold_it"
    write(tmp_path, "tool/__init__.py", "")
    write(tmp_path, f"tool/{above}.py", "from tool import below\n")
    write(tmp_path, "tool/below.py", "")
    assert python.imports(project).verdict == "left out: the project has no .importlinter"
    contract = CONTRACT.format(above=above)
    write(tmp_path, ".importlinter", contract)
    assert python.imports(project).verdict == "clean"
    write(tmp_path, "tool/below.py", f"from tool import {above}\n")
    assert python.imports(project).findings == [
        "What is above imports what is below",
        f"tool.below is not allowed to import tool.{above}:",
        f"- tool.below -> tool.{above} (l.1)",
    ]
    write(tmp_path, ".importlinter", contract.replace("root_package = tool", "root_package = none_such"))
    assert python.imports(project).findings == ["Could not find package 'none_such' in your Python path."]
