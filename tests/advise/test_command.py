"""`dotbase advise`: what it prints, where it points, how it ends, what it refuses, and that it only reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dotbase.advise.declared import House, read
from dotbase.advise.rule import Finding, by_number
from dotbase.advise.run import NOT_LIVE, advise, check, prepare, reading
from dotbase.advise.sources import Sources
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from tests.advise.house import DECLARED, small_database
from tests.generator.small import Said, dotbase, make, refused, write
from tests.harness.server import ROOT, Server
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("the command is the same on every target")

VERSION = """-- Hints.
create table shop.hints (
    hint_id bigint not null,
    stars integer check (stars > 0),
    constraint hints_pkey primary key (hint_id)
);

comment on table shop.hints is 'Hints.';

create function shop.stars() returns integer
language sql immutable set search_path = pg_catalog, pg_temp return 5;

create index hints_stars_idx on shop.hints (stars);

create index hints_stars_and_id_idx on shop.hints (stars, hint_id);
"""
POLICIES = "tables:\n  hints:\n    - {role: anon, command: select, rows: all}\n  goods: []\n"
# A lock of the session tells that the function was run: a read-only transaction forbids most else.
NEIGHBOUR = """
create extension plpgsql_check with schema extensions;
create role nb_of_advice;
create schema nb authorization nb_of_advice;
set local role nb_of_advice;
create function nb.really() returns integer language plpgsql volatile as $$
begin
    if current_setting('is_superuser') = 'on' then
        perform pg_catalog.pg_advisory_lock(6646);
    end if;
    return 1;
end $$;
create function nb.lie() returns integer language plpgsql immutable as 'begin return nb.really(); end';
create function nb.bait() returns integer language plpgsql as 'begin return nb.lie(); end';
reset role;
"""
KEYS = [
    "DB004 shop.hints",
    "DB110 shop.stars",
    "DB206 shop.hints.hints_stars_check",
]
SUPPRESSED = "suppress:\n" + "".join(f"  {key}: Left for the sake of this test.\n" for key in KEYS)


@pytest.fixture(scope="module")
def holed(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """A database with three findings, and one of level info."""
    with small_database(server, maintenance) as connection:
        connection.execute(VERSION.encode())
        connection.execute("alter function shop.stars() owner to postgres")
        connection.execute("create policy anon_select on shop.hints for select to anon using (true)")
        yield connection


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make(tmp_path)
    write(made, "schema/shop/0005_hints.sql", VERSION)
    write(made, "schema/shop/0005_hints.rollback.sql", "drop table shop.hints;\n")
    write(made, "policies/shop.yaml", POLICIES)
    return made


def run(project: Path, holed: psycopg.Connection[Any], *arguments: str) -> Said:
    return dotbase(project, "--database-url", holed.info.dsn, "advise", *arguments)


def test_findings_are_rows_with_the_line_that_made_their_object(
    project: Path, holed: psycopg.Connection[Any]
) -> None:
    said = run(project, holed, "--json")
    assert said.code == 3, said.err
    found = json.loads(said.out)["findings"]
    assert [row["key"] for row in found] == KEYS
    assert all(
        set(row) == {"rule", "name", "level", "object", "detail", "remedy", "key", "place"} for row in found
    )
    assert [row["place"] for row in found] == [
        "policies/shop.yaml:2",
        "schema/shop/0005_hints.sql:10",
        "schema/shop/0005_hints.sql:2",  # the check has no name to be found by
    ]


def test_a_person_reads_rule_object_place_and_remedy(project: Path, holed: psycopg.Connection[Any]) -> None:
    said = run(project, holed)
    assert said.code == 3
    for words in ("DB004", "shop.hints", "policies/shop.yaml:2", "row-level security is off"):
        assert words in said.out
    assert said.out.splitlines()[-1] == "56 rules: 3 findings, 1 below the level asked for."


def test_the_level_decides_what_counts(project: Path, holed: psycopg.Connection[Any]) -> None:
    levels = {"error": ["DB004"], "warning": ["DB004", "DB110", "DB206"]}
    levels["info"] = [*levels["warning"], "DB304"]
    for level, numbers in levels.items():
        found = json.loads(run(project, holed, "--json", "--level", level).out)["findings"]
        assert [row["rule"] for row in found] == numbers
    write(project, "advise.yaml", SUPPRESSED)
    assert run(project, holed, "--level", "info").code == 3
    assert run(project, holed).code == 0


def test_a_rule_that_cannot_be_run_is_left_out_with_a_note(
    project: Path, holed: psycopg.Connection[Any]
) -> None:
    assert f"Note: DB107 was left out: {NOT_LIVE}." in run(project, holed).out
    # Of our own, for want of its extension.
    skipped = advise(holed, House(DECLARED), Variables(), ours=True).skipped
    assert skipped == [(by_number()["DB107"], "extension plpgsql_check is not installed in this database")]


def test_a_neighbours_function_is_not_run(holed: psycopg.Connection[Any], plpgsql_check: None) -> None:
    """Planning folds immutable calls by running them, with the rights of whoever has bodies planned."""
    ran = (
        "select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        " and classid = 0 and objid = 6646"
    )
    with holed.transaction(force_rollback=True):
        holed.execute(NEIGHBOUR)
        prepare(holed)
        holed.execute("set transaction read only")
        assert check(holed, DECLARED, ["nb"])[1] == [(by_number()["DB107"], NOT_LIVE)]
        assert not holed.execute(ran).rowcount
        # The bait works: it is the rule that has to stay away.
        check(holed, DECLARED, ["nb"], [by_number()["DB107"]], ours=True)
        assert holed.execute(ran).rowcount
    holed.execute("select pg_advisory_unlock_all()")


def test_what_is_suppressed_is_counted_and_printed_with_its_reason(
    project: Path, holed: psycopg.Connection[Any]
) -> None:
    write(project, "advise.yaml", SUPPRESSED)
    said = run(project, holed)
    assert (said.code, said.err) == (0, "")
    assert f"Suppressed: {', '.join(KEYS)}: Left for the sake of this test." in said.out
    assert "0 findings, 1 below the level asked for, 3 suppressed, each with its reason." in said.out


def test_a_reason_given_for_one_routine_hides_no_other_of_its_name(
    project: Path, holed: psycopg.Connection[Any]
) -> None:
    write(project, "advise.yaml", SUPPRESSED)
    holed.execute(
        "create function shop.stars(more integer) returns integer language sql immutable"
        " set search_path = pg_catalog, pg_temp return 5 + more"
    )
    try:
        advice = advise(holed, read(Project(project)), Variables())
    finally:
        holed.execute("drop function shop.stars(integer)")
    told = [finding.key for finding in advice.findings if finding.rule.number == "DB110"]
    assert told == ["DB110 shop.stars", "DB110 shop.stars"]


def test_nothing_found_where_nothing_is_is_no_good_news(project: Path, server: Server) -> None:
    refused(
        project,
        "database template1 has no schema of an app; run `dotbase migrate` there first.",
        *("--database-url", server.conninfo("template1"), "advise"),
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "DB110 shop.stars:",
            "advise.yaml:2: `suppress DB110 shop.stars reason`: Field required; fix that entry.",
        ),
        (
            "DB110 shop.stars: ''",
            "advise.yaml:2: `suppress DB110 shop.stars reason`: String should have at least 12 characters; "
            "fix that entry.",
        ),
        (
            "DB999 shop.stars: There is no such rule.",
            "advise.yaml:1: `suppress`: `DB999 shop.stars` is no key of a finding: "
            "write `DBnnn schema.object`; fix that entry.",
        ),
    ],
)
def test_a_suppression_without_reason_or_rule_is_refused(
    line: str, sentence: str, project: Path, holed: psycopg.Connection[Any]
) -> None:
    write(project, "advise.yaml", f"suppress:\n  {line}\n")
    refused(project, sentence, "--database-url", holed.info.dsn, "advise")


def test_a_suppression_that_matches_nothing_is_refused(project: Path, holed: psycopg.Connection[Any]) -> None:
    write(project, "advise.yaml", SUPPRESSED + "  DB110 shop.gone: It was here once upon a time.\n")
    said = run(project, holed)
    assert said.code == 1
    assert said.err == (
        "dotbase: advise.yaml:5: the suppression of `DB110 shop.gone` matches no finding; delete it.\n"
    )
    write(project, "advise.yaml", SUPPRESSED + "  DB110 cafe.gone: An app that is not in this database.\n")
    assert run(project, holed).code == 0


def test_a_suppression_for_another_target_is_none_here(project: Path, holed: psycopg.Connection[Any]) -> None:
    write(
        project,
        "advise.yaml",
        SUPPRESSED + "  DB110 shop.gone: {reason: Not on this server., clock: movable}\n",
    )
    assert run(project, holed).code == 0


def test_it_cannot_write_and_finds_no_name_by_a_path(holed: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), reading(holed):
        holed.execute("create table public.written (x int)")
    before = [finding.key for finding in advise(holed, House(DECLARED), Variables()).findings]
    holed.execute(
        "create schema evil; comment on schema evil is 'Stands in front.';"
        "create function evil.evil(name, name) returns boolean language plpgsql"
        " set search_path = pg_catalog, pg_temp"
        " as 'begin raise exception ''called''; end';"
        "comment on function evil.evil(name, name) is 'In front.'; "
        "create operator evil.= (leftarg = name, rightarg = name, function = evil.evil);"
    )
    try:
        holed.execute("set search_path = evil, pg_catalog")
        with pytest.raises(psycopg.errors.RaiseException):
            holed.execute("select from pg_catalog.pg_class as c where c.relname = c.relname")
        assert [finding.key for finding in advise(holed, House(DECLARED), Variables()).findings] == before
    finally:
        holed.execute("reset search_path")
        holed.execute("drop schema evil cascade")


@pytest.mark.parametrize(
    ("number", "thing", "line"),
    [
        ("DB201", "luckywalk.claims", "create table luckywalk.claims ("),
        ("DB204", "luckywalk.claims.user_id", "    user_id uuid not null,"),
        (
            "DB206",
            "luckywalk.claims.claims_source_known",
            "    constraint claims_source_known check (",
        ),
        (
            "DB303",
            "luckywalk.claims.claims_banked_idx",
            "create index claims_banked_idx on",
        ),
        ("DB103", "core.raise", "create or replace function core.raise("),
        ("DB103", "jobs.run", "create or replace procedure jobs.run("),
        (
            "DB203",
            "luckywalk.rounds.rounds_keep_their_state",
            "create or replace trigger rounds_keep",
        ),
        ("DB014", "api.rounds", "create or replace view api.rounds"),
        ("DB108", "api.claim_steps", "  claim_steps: [authenticated]"),
        ("DB001", "luckywalk.round_tiers.anon_select", "  round_tiers:"),
        ("DB012", "ledger.my_balances", "  my_balances: [authenticated]"),
        ("DB214", "ledger", "create schema ledger;"),
    ],
)
def test_a_finding_on_us_points_to_its_line(number: str, thing: str, line: str) -> None:
    schema, _, rest = thing.partition(".")
    name, _, part = rest.partition(".")
    finding = Finding(by_number()[number], schema, name or None, part or None, "")
    place = Sources(Project(ROOT)).of(finding)
    assert place is not None
    assert (ROOT / place.file).read_text().splitlines()[place.line - 1].startswith(line)


def test_what_no_file_made_has_no_place() -> None:
    assert Sources(Project(ROOT)).of(Finding(by_number()["DB201"], "core", "by_hand", None, "")) is None


def test_the_page_is_what_explain_prints() -> None:
    said = dotbase(ROOT, "advise", "--explain")
    assert said.code == 0
    page = (ROOT / "docs" / "advice.md").read_text()
    assert page == said.out, "write it anew: .venv/bin/dotbase advise --explain > docs/advice.md"
    one = dotbase(ROOT, "advise", "--explain", "db001").out
    assert one.startswith("### DB001 auth_call_not_wrapped\n")
    assert one in page
    refused(
        ROOT,
        "there is no rule DB999; `dotbase advise --explain` prints all rules.",
        "advise",
        "--explain",
        "DB999",
    )


def test_a_scratch_database_of_ours_is_clean(tmp_path: Path, plpgsql_check: None) -> None:
    said = dotbase(ROOT, "advise", "--scratch", "--level", "info", "--json")
    assert said.code == 0, said.out
    found = json.loads(said.out)
    assert (found["findings"], found["skipped"]) == ([], [])
    # With a real clock, without a master key: as people begin.
    assert {row["key"] for row in found["suppressed"]} >= {"DB103 core.now", "DB103 jobs.run"}
    assert all(len(row["reason"]) > 40 for row in found["suppressed"])
