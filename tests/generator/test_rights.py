"""policies/*.yaml alone says who may do what: a right that is given elsewhere cannot be migrated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.verify.declarations import errors
from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.generator.shop import make_shop
from tests.generator.small import Said, dotbase, write
from tests.harness.server import Server

# As a template of the last app may say it, of its own objects and of others'.
GRANTS = """grant execute on function core.secret(text) to anon;
grant select on core.settings to service_role;
"""
SENTENCE = (
    "dotbase: policies/core.yaml:9: anon has execute on routine core.secret(name text), which no line"
    " says; say it here, or take it out of functions/shop/zz.sql:1.\n"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: Any) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def migrated(server: Server, maintenance: psycopg.Connection[Any], shop: Path) -> Iterator[Rig]:
    """A database that the untouched shop was migrated to; what is tried in it is rolled back."""
    with new_database(server, maintenance) as rig:
        said = on(rig, shop, "migrate")
        assert said.code == 0, said.err
        yield rig


def on(rig: Rig, project: Path, *words: str) -> Said:
    return dotbase(project, "--database-url", rig.server.conninfo(rig.name), *words)


@pytest.mark.parametrize("command", ["migrate", "plan"])
def test_a_grant_in_a_template_is_refused(command: str, tmp_path: Path, migrated: Rig) -> None:
    project = make_shop(tmp_path)
    write(project, "functions/shop/zz.sql", GRANTS)
    before = migrated.catalog()
    said = on(migrated, project, command)
    assert said.code == 1
    assert said.err.startswith(SENTENCE.rstrip("\n")), said.err
    assert migrated.catalog() == before


@pytest.mark.usefixtures("without_style")
def test_lint_finds_a_grant_in_a_template(tmp_path: Path, migrated: Rig, plpgsql_check: None) -> None:
    project = make_shop(tmp_path)
    write(project, "functions/shop/zz.sql", GRANTS)
    said = on(migrated, project, "lint")
    assert said.code == 1
    assert SENTENCE.removeprefix("dotbase: ").rstrip("\n") in said.out


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("grant usage on schema shop to service_role", "7: service_role has usage on schema shop, "),
        ("grant create on schema shop to anon", "anon has create on schema shop, "),
        ("grant select on shop.moves to anon", "4: anon has select on table shop.moves, "),
        (
            "grant truncate on shop.carts to authenticated",
            "2: authenticated has truncate on table shop.carts, ",
        ),
        (
            "grant select (user_id) on shop.carts to authenticated",
            "2: authenticated has select on table shop.carts (column user_id), ",
        ),
        ("grant select on shop.moves_rest to anon", "1: anon has select on table shop.moves_rest, "),
        ("grant insert on api.shelves to anon", "6: anon has insert on view api.shelves, "),
        ("grant select on api.shelves to public", "6: public has select on view api.shelves, "),
        (
            "grant select on api.shelves to anon with grant option",
            "6: anon has select with grant option on view api.shelves, ",
        ),
        (
            "create sequence shop.count; grant usage on shop.count to anon",
            "anon has usage on sequence shop.count, ",
        ),
        (
            "grant execute on function shop.sweep() to public",
            "8: public has execute on routine shop.sweep(), ",
        ),
        (
            "create type shop.pair as (a int); grant usage on type shop.pair to anon",
            "usage on type shop.pair, ",
        ),
        (
            "alter table shop.carts disable row level security",
            "2: row-level security of table shop.carts is not enabled",
        ),
        (
            "alter table shop.carts no force row level security",
            "2: row-level security of table shop.carts is not forced",
        ),
        (
            "alter default privileges for role dotbase_owner in schema shop grant select on tables to anon",
            "anon will have select on every one of the tables of shop by dotbase_owner that is made later",
        ),
        (
            "alter default privileges for role dotbase_owner grant select on sequences to public",
            "public will have select on every one of the sequences by dotbase_owner that is made later",
        ),
        (
            "alter table shop.moves owner to service_role",
            "4: table shop.moves belongs to service_role, not to ",
        ),
        (
            "alter function shop.buy(bigint) owner to dotbase_cron",
            "routine shop.buy(cart_id bigint) belongs to",
        ),
        # Fault 42. Not even one that a line gives to it: its betters call it.
        ("alter function shop.sweep() owner to dotbase_cron", "routine shop.sweep() belongs to dotbase_cron"),
        ("grant dotbase_owner to anon", "anon is a member of dotbase_owner, and has all of its rights"),
        (
            "create policy more on shop.carts for select to anon using (true)",
            "2: table shop.carts has policy more, ",
        ),
        (
            "alter policy authenticated_select on shop.carts using (true)",
            "policy authenticated_select of table shop.carts is not what its line says",
        ),
        (
            "alter policy authenticated_select on shop.carts to anon",
            "policy authenticated_select of table shop.carts is not what its line says",
        ),
        ("drop policy nobody on shop.moves", "4: policy nobody of table shop.moves is missing"),
        (
            "create policy open on shop.moves_rest for select to anon using (true)",
            "1: table shop.moves_rest has policy open, ",
        ),
        (
            "revoke select on api.shelves from anon",
            "6: anon lacks select on api.shelves, which this line gives",
        ),
        ("grant select on dotbase.releases to anon", "anon has select on table dotbase.releases, "),
    ],
)
def test_every_kind_of_right_needs_its_line(shop: Path, migrated: Rig, sql: str, sentence: str) -> None:
    with migrated.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(sql.encode())
        said = [violation.sentence for violation in errors(connection, Project(shop), Variables())]
    assert any(sentence in one and one.startswith("policies/shop.yaml:") for one in said), said
