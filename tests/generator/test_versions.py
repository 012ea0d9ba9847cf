"""Versioned files: numbers, rollbacks, what they depend on, and how their heads say they are run."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from jinja2 import meta, nodes

from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import MACROS, Variables
from tests.generator.small import make, refused, write
from tests.harness.server import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make(tmp_path)


def version(project: Path, name: str, text: str = "select 1;\n") -> None:
    write(project, f"schema/{name}.sql", text)
    write(project, f"schema/{name}.rollback.sql", "select 2;\n")


def two_apps(project: Path) -> None:
    write(
        project,
        "apps.yaml",
        'zone: Asia/Seoul\napps:\n  a: {needs: [shop], about: "late"}\n  shop: {needs: [], about: "first"}\n',
    )
    write(project, "policies/a.yaml", "tables: {}\n")


def versions(project: Path) -> list[str | None]:
    steps = render_steps(Project(project), Variables())
    return [step.version for step in steps if step.kind == "versioned"]


def test_versions_come_in_the_order_of_their_making_across_apps(project: Path) -> None:
    two_apps(project)
    version(project, "a/0002_tables")
    version(project, "shop/0003_more")
    version(project, "a/0004_more")
    assert versions(project) == ["shop.0001_shop", "a.0002_tables", "shop.0003_more", "a.0004_more"]


def test_a_version_may_say_what_it_depends_on(project: Path) -> None:
    two_apps(project)
    version(project, "a/0002_tables")
    version(project, "shop/0003_more", "-- More.\n-- depends: a.0002_tables\nselect 1;\n")
    assert versions(project) == ["shop.0001_shop", "a.0002_tables", "shop.0003_more"]


def test_a_number_twice_is_refused_across_apps(project: Path) -> None:
    two_apps(project)
    version(project, "a/0001_tables")
    refused(
        project,
        "schema/a/0001_tables.sql: version 0001 stands twice, also as schema/shop/0001_shop.sql; "
        "give the newer one the next number, 0002.",
    )


def test_each_version_has_its_rollback_and_its_head(project: Path) -> None:
    version(
        project,
        "shop/0002_index",
        "-- An index.\n-- transactional: false\n-- boundary: index\ncreate index concurrently i on t (a);\n",
    )
    step = render_steps(Project(project), Variables())[1]
    assert (step.version, step.rollback_sql) == ("shop.0002_index", "select 2;\n")
    assert (step.transactional, step.boundary) == (False, "index")


def test_rendering_twice_in_one_process_finds_the_same_versions(project: Path) -> None:
    version(project, "shop/0002_more", "-- depends: shop.0001_shop\nselect 1;\n")
    assert versions(project) == versions(project) == ["shop.0001_shop", "shop.0002_more"]


def test_a_number_twice_in_an_app_is_refused(project: Path) -> None:
    version(project, "shop/0001_zebras")
    refused(
        project,
        "schema/shop/0001_zebras.sql: version 0001 stands twice, also as schema/shop/0001_shop.sql; "
        "give the newer one the next number, 0002.",
    )


def test_a_version_without_rollback_is_refused(project: Path) -> None:
    write(project, "schema/shop/0002_more.sql", "select 1;\n")
    refused(
        project,
        "schema/shop/0002_more.sql: the versioned file has no rollback; "
        "write 0002_more.rollback.sql beside it.",
    )


def test_a_rollback_without_version_is_refused(project: Path) -> None:
    write(project, "schema/shop/0002_more.rollback.sql", "select 1;\n")
    refused(
        project,
        "schema/shop/0002_more.rollback.sql: the rollback has no versioned file; "
        "add 0002_more.sql or delete it.",
    )


@pytest.mark.parametrize("name", ["02_More.sql", "0002-more.sql", "more.sql", "more.sql.j2"])
def test_a_file_name_that_is_no_version_is_refused(project: Path, name: str) -> None:
    write(project, f"schema/shop/{name}", "select 1;\n")
    refused(
        project,
        f"schema/shop/{name}: the file's name is not `NNNN_name.sql`; "
        "rename it: four digits, then lower-case words joined by underscores.",
    )


def test_a_version_that_depends_on_a_later_one_is_refused(project: Path) -> None:
    version(project, "shop/0002_b", "-- depends: shop.0003_c\nselect 1;\n")
    version(project, "shop/0003_c")
    refused(
        project,
        "schema/shop/0002_b.sql:1: it depends on version shop.0003_c, which was made later; "
        "give it a number after 0003, or take the line out.",
    )


def test_a_version_that_depends_on_none_that_exists_is_refused(project: Path) -> None:
    version(project, "shop/0002_b", "-- B.\n-- depends: shop.0009_x\nselect 1;\n")
    refused(
        project,
        "schema/shop/0002_b.sql:2: it depends on version shop.0009_x, which does not exist; "
        "name a version as `app.NNNN_name`.",
    )


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (
            "-- transactional: no",
            ":1: `-- transactional:` takes true or false; write one of them.",
        ),
        (
            "-- transactional: false",
            ":1: a file outside of a transaction stands at a boundary without a name; "
            "add a line `-- boundary: name` to its head.",
        ),
    ],
)
def test_a_head_that_says_nothing_clear_is_refused(project: Path, head: str, sentence: str) -> None:
    version(project, "shop/0002_b", f"{head}\nselect 1;\n")
    refused(project, f"schema/shop/0002_b.sql{sentence}")


BORROWING = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


@pytest.mark.parametrize("path", sorted((ROOT / "schema").glob("*/[0-9]*.sql*")), ids=lambda path: path.name)
def test_an_applied_text_stands_in_its_own_file(path: Path) -> None:
    """Only a file's own bytes tell whether it was edited: what it borrows could change unnoticed."""
    environment = jinja2.Environment()
    macros = environment.parse((MACROS / "macros.sql.j2").read_text()).find_all(nodes.Macro)
    text = environment.parse(path.read_text())
    assert meta.find_undeclared_variables(text) & {macro.name for macro in macros} == set()
    assert not list(text.find_all(BORROWING))
