"""`dotbase new`: an app that works as it is, and the next numbered migration with its rollback."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from tests.generator.rig import Rig
from tests.generator.small import dotbase, make, refused, with_core, write

NO_NAME = "use lower-case letters, digits and underscores, a letter first, at most 40."


def test_a_new_app_renders_lints_and_migrates_at_once(tmp_path: Path, rig: Rig, plpgsql_check: None) -> None:
    project = with_core(tmp_path)
    said = dotbase(project, "new", "app", "till", "--about", 'the "till"')
    assert said.code == 0, said.err
    files = said.out.splitlines()
    assert [name for name in files if not (project / name).is_file()] == []
    assert 'till: {needs: [core], about: "the \\"till\\""}' in (project / "apps.yaml").read_text()
    assert dotbase(project, "render").code == 0
    linted = dotbase(project, "lint")
    assert linted.code == 0, linted.out
    database = ["--database-url", rig.server.conninfo(rig.name)]
    assert dotbase(project, *database, "migrate").code == 0
    assert "till" in rig.values("select nspname::text from pg_namespace")
    assert dotbase(project, *database, "plan").code == 0


def test_an_app_beside_jobs_gets_a_place_for_schedules(tmp_path: Path) -> None:
    project = make(tmp_path)
    write(project, "apps.yaml", 'zone: UTC\napps:\n  core: {about: "c"}\n  jobs: {about: "j"}\n')
    for path in ("policies/shop.yaml", "schema/shop/0001_shop.sql"):
        (project / path).unlink()
    (project / "schema/shop/0001_shop.rollback.sql").unlink()
    assert "cron/till.yaml" in dotbase(project, "new", "app", "till").out.splitlines()
    assert "  till: {needs: [core, jobs]," in (project / "apps.yaml").read_text()


@pytest.mark.parametrize("name", ["Till", "1till", "till-2", "till.sql", "../till", "t" * 41, "카트", ""])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    project = make(tmp_path)
    for what, arguments in (("app", ["app", name]), ("migration", ["migration", "shop", name])):
        refused(
            project,
            f"`{name}` is no name for {'an' if what == 'app' else 'a'} {what}; {NO_NAME}",
            "new",
            *arguments,
        )


@pytest.mark.parametrize(
    "name", ["api", "auth", "public", "pg_till", "dotbase", "cron", "vault", "test_clock"]
)
def test_names_of_others_are_refused(tmp_path: Path, name: str) -> None:
    project = make(tmp_path)
    sentence = f"`{name}` is taken by Postgres, Supabase or dotbase itself; choose another name."
    refused(project, sentence, "new", "app", name)
    with (project / "apps.yaml").open("a") as file:
        file.write(f"  {name}: {{about: x}}\n")
    refused(project, f"apps.yaml:4: {sentence}")


def test_an_app_or_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    project = make(tmp_path)
    before = (project / "apps.yaml").read_text()
    refused(project, "apps.yaml:3: app shop is there already; choose another name.", "new", "app", "shop")
    write(project, "schema/core/bootstrap.sql", "select 1;\n")
    write(project, "policies/till.yaml", "mine")
    said = dotbase(project, "new", "app", "till")
    assert said.code == 1
    assert said.err.startswith("dotbase: policies/till.yaml: the file is there already; ")
    assert (project / "policies/till.yaml").read_text() == "mine"
    assert (project / "apps.yaml").read_text() == before


def test_migrations_are_numbered_one_after_the_other(tmp_path: Path) -> None:
    project = make(tmp_path)
    write(project, "schema/shop/0007_seven.sql", "select 1;\n")
    write(project, "schema/shop/0007_seven.rollback.sql", "select 1;\n")
    for number in ("0008", "0009"):
        said = dotbase(project, "new", "migration", "shop", "more")
        assert said.code == 0, said.err
        assert said.out.splitlines() == [
            f"schema/shop/{number}_more.sql",
            f"schema/shop/{number}_more.rollback.sql",
        ]
    assert dotbase(project, "render").code == 0


def test_a_migration_needs_an_app_and_a_free_number(tmp_path: Path) -> None:
    project = make(tmp_path)
    refused(project, "there is no app till; name one of shop.", "new", "migration", "till", "more")
    write(project, "schema/shop/9999_last.sql", "select 1;\n")
    write(project, "schema/shop/9999_last.rollback.sql", "select 1;\n")
    refused(
        project,
        "the four digits of versions are used up; fold old versions into one.",
        "new",
        "migration",
        "shop",
        "more",
    )


def test_a_new_app_that_cannot_be_declared_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(tmp_path)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    write_text = Path.write_text

    def read_only(path: Path, text: str, **options: Any) -> int:
        if path.name == "apps.yaml":
            raise PermissionError(errno.EACCES, "Permission denied")
        return write_text(path, text, **options)

    monkeypatch.setattr(Path, "write_text", read_only)
    refused(
        project,
        f"{project}/apps.yaml cannot be written ([Errno 13] Permission denied); check the folder's rights.",
        "new",
        "app",
        "till",
    )
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("words", [["app", "x\n"], ["migration", "shop", "x\n"]])
def test_a_name_that_ends_its_line_is_refused(words: list[str], tmp_path: Path) -> None:
    """Fault 52."""
    project = make(tmp_path)
    before = (project / "apps.yaml").read_text()
    said = dotbase(project, "new", *words)
    assert (said.code, NO_NAME in said.err) == (1, True), said
    assert (project / "apps.yaml").read_text() == before


def test_an_escape_in_what_an_app_is_about_is_refused(tmp_path: Path) -> None:
    """Fault 52: YAML cannot hold it, and apps.yaml could not be read any more."""
    project = make(tmp_path)
    refused(
        project,
        "--about holds signs that cannot be printed; write it in plain text, in one line.",
        *("new", "app", "till", "--about", "a\x1b[1mtill"),
    )
    assert dotbase(project, "render").code == 0
