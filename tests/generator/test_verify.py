"""Declarations against the database: migrate refuses a line for nothing, and a thing without a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dotbase.errors import DotbaseError
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.verify.declarations import errors, verify
from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.generator.shop import POLICIES, ROUTINES, make_shop
from tests.generator.small import Said, dotbase, write
from tests.generator.test_migrate_commands import copy_project
from tests.harness.databases import Database
from tests.harness.server import Server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_shop(tmp_path)


@pytest.fixture(scope="module")
def migrated(server: Server, maintenance: psycopg.Connection[Any], tmp_path_factory: Any) -> Iterator[Rig]:
    """A database that the untouched shop was migrated to; what is refused leaves it so."""
    with new_database(server, maintenance) as rig:
        said = migrate(make_shop(tmp_path_factory.mktemp("shop")), rig)
        assert said.code == 0, said.err
        yield rig


def migrate(project: Path, rig: Rig) -> Said:
    return dotbase(project, "--database-url", rig.server.conninfo(rig.name), "migrate")


def refused(project: Path, rig: Rig, sentence: str) -> None:
    """Migrate says one sentence that begins like this, and the database is what it was."""
    before = rig.catalog()
    said = migrate(project, rig)
    assert said.code == 1
    assert said.err.startswith(f"dotbase: {sentence}")
    assert said.err.count("\n") == 1
    assert rig.catalog() == before


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("  moves: []\n", "  moves: []\n  nope: []\n", "5: table shop.nope does not exist; "),
        ("  moves: []\n", "", "1: table shop.moves has no line; add `moves: []` to close it, "),
        ("[cart_id]", "[cart_id, nope]", "3: column nope of shop.carts does not exist; "),
        ("role: authenticated", "role: nobody_here", "3: role nobody_here does not exist; "),
        ("shelves: [anon]", "shelves: [nobody_here]", "6: role nobody_here does not exist; "),
        ("shelves: [anon]\n", "shelves: [anon]\n  nope: [anon]\n", "7: view api.nope does not exist; "),
        ("views:\n  shelves: [anon]\n", "", "view api.shelves has no line; "),
        ("sweep: [cron]", "sweep: [nobody_here]", "8: role nobody_here does not exist; "),
        ("sweep: [cron]\n", "sweep: [cron]\n  nope: [cron]\n", "9: function shop.nope does not exist; "),
        ("buy: [authenticated]", "buy: [nobody_here]", "10: role nobody_here does not exist; "),
        ("  buy: [authenticated]\n", "  nope: [authenticated]\n", "10: function shop.nope does not exist; "),
    ],
)
def test_a_line_for_nothing_and_a_thing_without_a_line_are_refused(
    project: Path, migrated: Rig, old: str, new: str, sentence: str
) -> None:
    assert POLICIES.count(old) == 1
    write(project, "policies/shop.yaml", POLICIES.replace(old, new))
    place = "policies/shop.yaml:" if sentence[0].isdigit() else "policies/shop.yaml:1: "
    refused(project, migrated, place + sentence)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            "create function api.peek() returns int language sql as 'select 1';",
            "policies/shop.yaml:9: function api.peek() is no RPC; move it to its app's schema and list",
        ),
        (
            "create view api.peeks with (security_invoker = true) as select 1 as one;",
            "policies/shop.yaml:5: view api.peeks has no line; ",
        ),
        ("create view shop.peeks as select 1 as one;", "policies/shop.yaml:5: view shop.peeks has no line; "),
        ("create table api.peeks (one int);", "policies/shop.yaml:1: table api.peeks is exposed; "),
        ("create sequence api.count;", "apps.yaml: sequence api.count is exposed; "),
        (
            "create materialized view api.photo as select 1 as one;",
            "policies/shop.yaml:5: view api.photo has ",
        ),
        (
            "create materialized view shop.photo as select 1 as one;",
            "policies/shop.yaml:5: view shop.photo has no line; ",
        ),
        (
            "create function api.buy(cart_id text) returns int language sql as 'select 1';",
            "policies/shop.yaml:9: function api.buy(cart_id text) is no RPC, as the RPC of this name has"
            " other arguments; move it to its app's schema under another name and list it under `rpcs:`.",
        ),
        (
            "create procedure api.buy(cart_id text, more int) language sql as 'select 1';",
            "policies/shop.yaml:9: function api.buy(IN cart_id text, IN more integer) is no RPC, as the RPC",
        ),
        (
            "create schema attic; create table attic.box (one int);",
            "apps.yaml: table attic.box lies outside of every app; ",
        ),
        (
            "create schema attic; create function attic.open() returns int language sql as 'select 1';",
            "apps.yaml: function attic.open lies outside of every app; ",
        ),
        ("create table shop.later (one int);", "policies/shop.yaml:1: table shop.later has no line; "),
    ],
)
def test_what_a_template_makes_needs_a_line(project: Path, migrated: Rig, more: str, sentence: str) -> None:
    write(project, "functions/shop/more.sql", f"{more}\n")
    refused(project, migrated, sentence)


def test_a_view_that_reads_as_its_owner_is_refused(project: Path, migrated: Rig) -> None:
    text = ROUTINES.replace("with (security_invoker = true) as", "as")
    write(project, "functions/shop/carts.sql", text)
    refused(project, migrated, "policies/shop.yaml:6: view api.shelves reads as its owner, ")


def test_a_broken_condition_of_rows_is_said_with_its_table_s_line(project: Path, migrated: Rig) -> None:
    write(project, "policies/shop.yaml", POLICIES.replace("rows: own", "rows: nope > 1"))
    refused(project, migrated, "policies/shop.yaml:")


def test_plan_refuses_what_migrate_would_refuse(project: Path, migrated: Rig) -> None:
    write(project, "policies/shop.yaml", POLICIES.replace("buy:", "sell:"))
    said = dotbase(project, "--database-url", migrated.server.conninfo(migrated.name), "plan")
    assert said.code == 1
    assert said.err.startswith("dotbase: policies/shop.yaml:10: function shop.sell does not exist; ")


def test_the_untouched_shop_has_nothing_left_to_do(project: Path, migrated: Rig) -> None:
    assert "Nothing to do: " in migrate(project, migrated).out


def test_the_checkout_has_no_problem_but_a_job_of_no_function_is_one(
    tmp_path: Path, module_db: Database
) -> None:
    project, variables = Project(copy_project(tmp_path)), Variables()
    with module_db.server.connect(module_db.name) as looking:
        assert list(errors(looking, project, variables)) == []
    path = tmp_path / "cron/luckywalk.yaml"
    text = path.read_text(encoding="utf-8").replace("function: ", "function: no_", 1)
    path.write_text(text, encoding="utf-8")
    line = 1 + text[: text.index("function: ")].count("\n")
    sentence = f"^cron/luckywalk.yaml:{line}: function luckywalk.no_.* does not exist; "
    with (
        module_db.server.connect(module_db.name) as looking,
        pytest.raises(DotbaseError, match=sentence),
    ):
        verify(looking, Project(tmp_path), variables)


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        ("", True),
        ("slot timestamptz", True),
        ("batch_limit integer", True),
        ("batch_limit integer, slot timestamptz", True),
        ("slot timestamptz, note text", False),
        ("slot timestamp", False),
        ("batch_limit bigint", False),
        ("timestamptz", False),
    ],
)
def test_a_job_s_function_takes_its_slot_and_its_batch_limit_and_nothing_else(
    arguments: str, taken: bool, tmp_path: Path, module_db: Database
) -> None:
    project = Project(copy_project(tmp_path))
    path = tmp_path / "cron/luckywalk.yaml"
    path.write_text(re.sub("function: .*", "function: by_night", path.read_text(), count=1))
    function = f"luckywalk.by_night({arguments})"
    with module_db.server.connect(module_db.name) as looking, looking.transaction(force_rollback=True):
        looking.execute(f"create function {function} returns jsonb return null::jsonb".encode())
        sentences = [one.sentence for one in errors(looking, project, Variables())]
    refusals = [one for one in sentences if "takes arguments that no job gives" in one]
    assert len(refusals) == (not taken), sentences


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("function {}() returns jsonb return null::jsonb", None),
        ("function {}() returns void language sql as 'select'", None),
        ("function {}() returns text return 'done'", "returns text; "),
        ("function {}() returns setof jsonb language sql as 'select null::jsonb'", "returns SETOF jsonb; "),
        ("procedure {}() language sql as 'select 1'", "returns nothing, as procedures do; "),
    ],
)
def test_a_job_s_function_returns_what_it_did(
    made: str, said: str | None, tmp_path: Path, module_db: Database
) -> None:
    project = Project(copy_project(tmp_path))
    path = tmp_path / "cron/luckywalk.yaml"
    path.write_text(re.sub("function: .*", "function: by_night", path.read_text(), count=1))
    with module_db.server.connect(module_db.name) as looking, looking.transaction(force_rollback=True):
        looking.execute(f"create {made.format('luckywalk.by_night')}".encode())
        sentences = [str(one) for one in errors(looking, project, Variables())]
    refusals = [one for one in sentences if "luckywalk.by_night returns " in one]
    assert [said is not None and said in one for one in refusals] == ([True] if said else []), sentences


BACKLOG_QUERY = "select count(*), min(closes_at) from luckywalk.rounds"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (BACKLOG_QUERY, None),
        (f"{BACKLOG_QUERY} -- those that wait", None),
        ("select 1, null::timestamptz", None),
        (
            BACKLOG_QUERY.replace("luckywalk.rounds", "luckywalk.nope"),
            'fails: relation "luckywalk.nope" does',
        ),
        (BACKLOG_QUERY.replace("luckywalk.rounds", "rounds"), 'fails: relation "rounds" does not exist; '),
        (f"{BACKLOG_QUERY};", "fails: syntax error at or near"),
        ("selec count(*)", "fails: syntax error at or near"),
        ("delete from luckywalk.rounds returning 1, now()", "fails: syntax error at or near"),
        ("select count(*) from luckywalk.rounds", "does not give how many wait and since when"),
        ("select min(closes_at), count(*) from luckywalk.rounds", "does not give how many wait and since"),
        (
            "select 1, now()::text",
            "does not give how many wait and since when the oldest does; select a count",
        ),
    ],
)
def test_a_backlog_query_gives_a_count_and_the_oldest(
    query: str, sentence: str | None, tmp_path: Path, module_db: Database
) -> None:
    found = with_more(tmp_path, f"  backlog: {{query: '{query}', normal: 1, alarm: 2}}\n", module_db)
    place = "cron/luckywalk.yaml:4: the backlog query of job create_new_round "
    wanted = [] if sentence is None else [place + sentence]
    assert len(found) == len(wanted), found
    assert all(map(str.startswith, found, wanted)), found


@pytest.mark.parametrize(
    ("setting", "known"),
    [
        ("luckywalk.opening_time", True),
        ("jobs.history_days", True),
        ("opening_time", False),
        ("luckywalk.nope", False),
    ],
)
def test_a_setting_that_a_job_requires_is_declared(
    setting: str, known: bool, tmp_path: Path, module_db: Database
) -> None:
    found = with_more(tmp_path, f"  requires: {{settings: [{setting}]}}\n", module_db)
    sentence = f"cron/luckywalk.yaml:4: no app has a setting {setting}, "
    assert [one.startswith(sentence) for one in found] == ([] if known else [True]), found


def with_more(folder: Path, lines: str, module_db: Database) -> list[str]:
    """What is refused when the first of LuckyWalk's jobs has these lines, too."""
    project = Project(copy_project(folder))
    path = folder / "cron/luckywalk.yaml"
    path.write_text(path.read_text().replace("create_new_round:\n", f"create_new_round:\n{lines}", 1))
    with module_db.server.connect(module_db.name) as looking:
        return [str(one) for one in errors(looking, project, Variables())]
