"""Migrations for `supabase db push`: psql makes of the files what `migrate` makes of the templates."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dotbase.render.project import Project
from dotbase.render.versions import next_number
from tests.generator import shop
from tests.generator.small import write
from tests.generator.test_migrate_commands import copy_project
from tests.harness.server import Server
from tests.supabase import advisors, platform
from tests.supabase.pushed import Pair


def pair(supabase: Server, root: Path, name: str) -> Pair:
    made = (platform.create(supabase, f"{kind}_{name}_{os.getpid()}") for kind in ("pushed", "migrated"))
    (root / "out").mkdir()
    return Pair(root / "project", root / "out", *made)


MORE = """create or replace function shop.priced() returns bigint language sql as 'select 1::bigint';

create or replace function shop.counted(x bigint) returns bigint language sql as 'select x';

create or replace function shop.leaving() returns bigint language sql as 'select 1::bigint';

create or replace view api.moved with (security_invoker = true) as select m.cart_id from shop.moves as m;
"""
ROUTINES = "functions/shop/more.sql"
POLICIES = "policies/shop.yaml"
INDEX = "-- boundary: index\n-- transactional: false\ncreate index concurrently {} on {};\n"


@pytest.fixture(scope="module")
def small(supabase: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The core and a shop, rendered, pushed and migrated once. Each test changes something of its own."""
    root = tmp_path_factory.mktemp("small")
    (root / "project").mkdir()
    shop.make_shop(root / "project")
    made = pair(supabase, root, "small")
    write(made.project, ROUTINES, MORE)
    edit(made, POLICIES, "views:\n", "views:\n  moved: [anon]\n")
    edit(made, POLICIES, "rpcs:\n", "rpcs:\n  priced: [anon]\n  counted: [anon]\n")
    [first] = made.change("--moment", "20250101120000")
    assert first.name == "20250101120000_core_shop.sql"
    yield made
    made.drop()


def edit(small: Pair, name: str, old: str, new: str) -> None:
    text = (small.project / name).read_text()
    assert old in text
    write(small.project, name, text.replace(old, new))


def version(small: Pair, name: str, text: str, down: str) -> str:
    """A versioned file with the next number; its name."""
    number = next_number(Project(small.project))
    write(small.project, f"schema/shop/{number:04}_{name}.sql", text)
    write(small.project, f"schema/shop/{number:04}_{name}.rollback.sql", down)
    return f"{number:04}_{name}"


def test_another_return_type_drops_the_function_and_its_rpc_first(small: Pair) -> None:
    edit(
        small,
        ROUTINES,
        "shop.priced() returns bigint language sql as 'select 1::bigint'",
        "shop.priced() returns text language sql as 'select 1::text'",
    )
    [path] = small.change()
    assert "drop function if exists shop.priced();" in path.read_text()
    assert (
        small.pushed.value("select prorettype::regtype::text from pg_proc where proname = 'priced'") == "text"
    )


def test_another_argument_leaves_no_overload_behind(small: Pair) -> None:
    edit(small, ROUTINES, "counted(x bigint)", "counted(x bigint, y bigint default 1)")
    small.change()
    assert small.pushed.value("select count(*) from pg_proc where proname = 'counted'") == 2


def test_a_function_that_is_gone_from_its_file_is_dropped(small: Pair) -> None:
    edit(
        small,
        ROUTINES,
        "create or replace function shop.leaving() returns bigint language sql as 'select 1::bigint';\n\n",
        "",
    )
    [path] = small.change()
    assert "drop function if exists shop.leaving();" in path.read_text()


def test_a_new_table_comes_with_its_policies_under_the_name_of_its_version(small: Pair) -> None:
    name = version(
        small, "notes", "create table shop.notes (x int primary key);\n", "drop table shop.notes;\n"
    )
    edit(small, POLICIES, "  moves: []\n", "  moves: []\n  notes: []\n")
    [path] = small.change()
    assert path.name.endswith(f"_shop_{name}.sql")


def test_a_view_that_stands_in_the_way_of_a_version_is_dropped_and_made_again(small: Pair) -> None:
    wider = "alter table shop.moves alter column cart_id type {};\n"
    version(small, "wider", wider.format("numeric"), wider.format("bigint"))
    [path] = small.change()
    text = path.read_text()
    assert text.index("drop view if exists api.moved;") < text.index("type numeric;")
    assert text.index("create or replace view api.moved") > text.index("type numeric;")


def test_an_rpc_that_is_no_longer_listed_goes(small: Pair) -> None:
    edit(small, POLICIES, "  buy: [authenticated]\n", "")
    small.change()
    assert small.pushed.value("select to_regproc('api.buy') is null") is True


def test_a_statement_that_no_transaction_may_hold_is_alone_in_its_file(small: Pair) -> None:
    text = INDEX.format("carts_user_id_idx", "shop.carts (user_id)")
    version(small, "index", text, "drop index shop.carts_user_id_idx;\n")
    routine = "create or replace function shop.late() returns int return 1;\n"
    write(small.project, "functions/shop/late.sql", routine)
    before, alone, after = small.change()
    assert re.sub(r"^--.*\n", "", alone.read_text(), flags=re.M) == text.splitlines(keepends=True)[-1]
    assert "'started'" in before.read_text()
    assert "shop.late" in after.read_text()


def test_a_boundary_begins_a_file(small: Pair) -> None:
    version(small, "first", "create table shop.a (x int);\n", "drop table shop.a;\n")
    version(small, "second", "-- boundary: then\ncreate table shop.b (x int);\n", "drop table shop.b;\n")
    edit(small, POLICIES, "  moves: []\n", "  a: []\n  b: []\n  moves: []\n")
    texts = [path.read_text() for path in small.change()]
    assert "shop.a (x int)" in texts[0]
    assert "shop.b (x int)" not in texts[0]
    assert "shop.b (x int)" in texts[1]


def test_declarations_come_and_go(small: Pair) -> None:
    write(
        small.project,
        "functions/shop/settings.yaml",
        "size: {type: integer, default: 3, minimum: 1, maximum: 9, about: How big.}\n",
    )
    small.change()
    assert small.pushed.value("select value::int from core.settings where name = 'shop.size'") == 3
    (small.project / "functions/shop/settings.yaml").unlink()
    small.change()
    assert small.pushed.value("select count(*) from core.settings") == 0


def test_a_file_with_another_name_only_changes_the_history(small: Pair) -> None:
    carts, baskets = (small.project / f"functions/shop/{name}.sql" for name in ("carts", "baskets"))
    carts.rename(baskets)
    [path] = small.change()
    assert "create or replace function" not in path.read_text().partition("-- The history")[0]


def test_a_new_version_is_greater_than_all_that_are_there_whatever_the_clock_says(small: Pair) -> None:
    write(small.out, "supabase/migrations/20310101235959_mine.sql", "select 1;\n")
    view = "create or replace view api.odd with (security_invoker) as select 1 as x;\n"
    write(small.project, "functions/shop/odd.sql", view)
    edit(small, POLICIES, "views:\n", "views:\n  odd: []\n")
    [path] = small.change("--moment", "20250101120000", "--name", "Init")
    assert path.name == "20310102000000_initial.sql"
    (small.out / "supabase/migrations/20310101235959_mine.sql").unlink()


def test_a_file_is_refused_by_a_database_that_it_does_not_follow_on(small: Pair, supabase: Server) -> None:
    write(
        small.project,
        "functions/shop/next.sql",
        "create or replace function shop.next() returns int return 1;\n",
    )
    small.change()
    database = platform.create(supabase, f"other_{os.getpid()}")
    try:
        small.migrate(database)
        for path, said in (
            (small.migrations[0], "this database has been migrated before"),
            (small.migrations[1], "this database is not as the migration before this one left it"),
        ):
            with pytest.raises(AssertionError, match=said):
                platform.psql(database, path.read_text())
    finally:
        platform.drop(database)


def test_what_is_not_as_the_manifest_says_is_refused_in_one_sentence(small: Pair, tmp_path: Path) -> None:
    copy = Pair(small.project, tmp_path, small.pushed, small.migrated)
    shutil.copytree(small.out / "supabase", tmp_path / "supabase")
    first, text = copy.migrations[0], copy.migrations[0].read_text()
    remedy = (
        "bring it back as it was committed; a change is made in the templates and rendered into a new file"
    )
    first.write_text(text + "-- mine\n")
    assert copy.render().err == f"dotbase: {first}: the file was edited after it was rendered; {remedy}.\n"
    first.unlink()
    assert copy.render().err == f"dotbase: {first}: the file is gone, which was rendered before; {remedy}.\n"
    first.write_text(text)
    stray = write(tmp_path, "supabase/migrations/20260101000000_x.sql", text)
    assert copy.render().err.startswith(f"dotbase: {stray}: the file was rendered, but ")
    stray.unlink()
    manifest = write(tmp_path, "supabase/dotbase.json", "<<<<<<< ours\n")
    assert copy.render().err.startswith(f"dotbase: {manifest}: the manifest cannot be read (")


def test_the_same_templates_at_the_same_moment_give_the_same_bytes(small: Pair, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        other = Pair(small.project, tmp_path / name, small.pushed, small.migrated)
        assert other.render("--moment", "20250101120000").code == 0
        written.append([path.read_bytes() for path in sorted((tmp_path / name).rglob("*.*"))])
    assert len(written[0]) >= 2
    assert written[0] == written[1]


def test_what_was_pushed_is_rolled_back_as_what_was_migrated(supabase: Server, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    shop.make_shop(tmp_path / "project")
    both = pair(supabase, tmp_path, "back")
    try:
        both.change()
        version(
            both,
            "wider",
            "alter table shop.carts add column note text;\n",
            "alter table shop.carts drop column note;\n",
        )
        edit(both, "functions/shop/carts.sql", "returns setof bigint", "returns setof numeric")
        edit(both, "functions/shop/carts.sql", "select c.cart_id from", "select c.cart_id::numeric from")
        both.change()
        both.roll_back()
        assert not (difference := both.difference()), difference
        assert (
            both.pushed.value("select prorettype::regtype::text from pg_proc where proname = 'buy'")
            == "bigint"
        )
    finally:
        both.drop()


def test_a_declaration_of_what_is_not_there_is_refused_and_no_file_is_written(small: Pair) -> None:
    text = (small.project / POLICIES).read_text()
    before = small.migrations
    edit(small, POLICIES, "  moves: []\n", "  moves: []\n  nothing: []\n")
    said = small.render()
    assert said.code == 1
    assert said.err.startswith("dotbase: policies/shop.yaml:")
    assert "table shop.nothing does not exist" in said.err
    assert small.migrations == before
    write(small.project, POLICIES, text)


def test_an_edited_version_is_refused_as_migrate_refuses_it(small: Pair) -> None:
    name = "schema/shop/0002_shop.sql"
    text = (small.project / name).read_text()
    write(small.project, name, text + "-- Later.\n")
    assert "version shop.0002_shop was edited after it was applied" in small.render().err
    write(small.project, name, text)


@pytest.mark.skipif(not advisors.PROGRAM.exists(), reason="`make node-packages` brings Supabase's program")
def test_the_whole_project_is_pushed_by_supabases_program(supabase: Server, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    copy_project(tmp_path / "project")
    whole = pair(supabase, tmp_path, "whole")
    advisors.configured(whole.out)
    whole.out.joinpath("supabase/migrations").mkdir()
    others = whole.pushed.snapshot(ours=False)
    try:
        assert whole.render("--moment", "20250101120000").code == 0
        [first] = whole.migrations
        listed = advisors.run(whole.pushed, whole.out, "db", "push", "--dry-run")
        assert first.name in str(listed)
        assert whole.pushed.snapshot(ours=False) == others
        views = whole.project / "functions/luckywalk/views.sql"
        views.write_text(views.read_text().replace("    r.opens_at,\n", ""))
        index = "schema/luckywalk/0099_index{}.sql"
        write(
            whole.project,
            index.format(""),
            INDEX.format("profiles_created_at_idx", "luckywalk.user_profiles (created_at)"),
        )
        write(whole.project, index.format(".rollback"), "drop index luckywalk.profiles_created_at_idx;\n")
        whole.render()
        assert len(whole.migrations) == 4
        advisors.run(whole.pushed, whole.out, "db", "push", "--yes")
        assert "Nothing to do" in whole.migrate(whole.pushed)
        assert "No drift" in whole.run(whole.pushed, "drift")
        assert whole.pushed.value("select count(*) from supabase_migrations.schema_migrations") == 4
    finally:
        whole.drop()
