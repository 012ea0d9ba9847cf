"""docs/reference/api.sql: the API as it is, so that a change of it shows in a diff."""

from __future__ import annotations

from click.testing import CliRunner, Result

from dotbase.cli import group
from tests.generator.small import shared_scratch
from tests.harness.databases import Database
from tests.harness.server import ROOT, named

PAGE = ROOT / "docs" / "reference" / "api.sql"


def api(*arguments: str) -> Result:
    with shared_scratch():
        return CliRunner().invoke(group, ["--cluster", named("test"), "api", *arguments])


def test_the_committed_page_is_what_the_templates_say() -> None:
    said = api("--check", str(PAGE))
    assert said.exit_code == 0, f"{said.exception}: write it anew with `dotbase api --out {PAGE.name}`"


def test_the_page_names_every_rpc_view_and_column(db: Database) -> None:
    text = PAGE.read_text()
    for row in db.rows("select p.proname from pg_proc as p where p.pronamespace = 'api'::regnamespace"):
        assert f"create function api.{row['proname']}(" in text
    for row in db.rows(
        "select c.relname, a.attname from pg_class as c inner join pg_attribute as a on a.attrelid = c.oid"
        " where c.relnamespace = 'api'::regnamespace and a.attnum > 0 and c.relkind in ('v', 'c')"
    ):
        assert f" api.{row['relname']} " in text
        assert f"    {row['attname']} " in text


def test_a_page_that_is_not_true_any_more_is_refused_with_what_to_do(tmp_path: object) -> None:
    page = f"{tmp_path}/api.sql"
    assert api("--out", page).exit_code == 0
    assert api("--check", page).exit_code == 0
    with open(page, "a") as file:  # noqa: PTH123
        file.write("-- More.\n")
    said = api("--check", page)
    assert str(said.exception) == (
        f"{page} is not what the templates say; run `dotbase api --out {page}` and read the diff."
    )
