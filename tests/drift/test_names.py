"""Names that were made to be printed: no line of theirs is taken for one of ours, nor for a statement."""

from __future__ import annotations

import json

import psycopg
import pytest

from dotbase.drift import report
from dotbase.drift.compare import Difference
from dotbase.errors import DotbaseError
from dotbase.printable import plain
from dotbase.printable import statement as printed
from tests.drift.conftest import Find
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("what is printed is the same on every target")

# Ends a comment, and begins one again; then moves the cursor, and turns the writing round. 63 bytes.
EVIL = "x\nalter role nb superuser;\r\n--\x1b[2K\x9b\u202e\u2028(superuser)"
HAND = f"""
create role nb;
create role "{EVIL}";
create role "x to y";
create schema "{EVIL}";
create table luckywalk."{EVIL}" ("{EVIL}" int);
create view luckywalk."v {EVIL}" as select 1 as "{EVIL}";
grant usage on schema luckywalk to "{EVIL}";
grant select (mask), update (mask) on luckywalk.tickets to "{EVIL}", "x to y";
alter table luckywalk.tickets alter column mask set default 1;
create policy "{EVIL}" on luckywalk.tickets to anon using (true);
comment on function core.now() is '{EVIL}';
alter default privileges for role dotbase_owner in schema "{EVIL}" grant select on tables to "{EVIL}";
"""


@pytest.fixture
def found(by_hand: psycopg.Connection[object], find: Find) -> list[Difference]:
    by_hand.execute(HAND.encode())
    return find(by_hand)


def test_the_script_is_comments_and_what_is_offered(
    by_hand: psycopg.Connection[object], find: Find, found: list[Difference]
) -> None:
    assert len(found) > 8
    script = report.as_sql(found)
    offered = {f"{printed(statement)};" for one in found for statement in one.fix}
    left = script
    for statement in sorted(offered, key=len, reverse=True):
        assert statement in left
        left = left.replace(statement, "")
    assert all(line.startswith("-- ") or not line for line in left.split("\n"))
    assert plain(left.replace("\n", "")) == left.replace("\n", "")
    by_hand.execute(script.encode())
    assert not by_hand.execute("select from pg_roles where rolname = 'nb' and rolsuper").rowcount
    # What has a remedy is fixed: names are quoted in it, also where they look like the words around them.
    assert [one.sentence for one in find(by_hand) if one.fix] == []


def test_a_line_is_a_difference_and_nothing_else(
    found: list[Difference], capsys: pytest.CaptureFixture[str]
) -> None:
    report.show(found, EVIL, [EVIL])
    said = capsys.readouterr().out
    lines = said.removesuffix("\n").split("\n")
    assert len(lines) == len(found) + 3
    assert all(plain(line) == line for line in lines)
    assert "x\\nalter role nb superuser;\\r\\n--\\x1b[2K\\x9b\\u202e\\u2028" in said


def test_programs_get_the_name_itself_in_characters_that_can_be_seen(found: list[Difference]) -> None:
    written = report.as_json(found, None, [])
    assert all(plain(line) == line for line in written.split("\n"))
    name = '"' + EVIL + '"'
    assert any(one["object"] == name for one in json.loads(written)["drift"])


def test_an_error_is_one_line() -> None:
    said = DotbaseError(f"role {EVIL} is missing", "make it").sentence
    assert plain(said) == said
