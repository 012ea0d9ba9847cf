"""pg_cron's lines are those of cron/*.yaml, less what a person has switched off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from dotbase import drift
from dotbase.drift.reference import Reference
from dotbase.render.project import Project
from tests.drift.changes import Change, change
from tests.drift.checks import check
from tests.drift.conftest import IGNORED, Find, variables_of
from tests.harness import templates
from tests.harness.databases import Clones
from tests.harness.declared import APPS
from tests.harness.figures import count
from tests.harness.server import ROOT, Server
from tests.harness.target import only_on_postgres
from tests.jobs.live import live_database

pytestmark = [only_on_postgres("test_supabase.py compares there"), pytest.mark.pg_cron]

CHANGES = [
    change(
        "a line of pg_cron less",
        "delete from cron.job where jobname = 'draw_apply_results'",
        "cluster: pg_cron line draw_apply_results is missing",
    ),
    change(
        "a line's schedule",
        "update cron.job set schedule = '1 2 3 4 5' where jobname = 'draw_apply_results'",
        "cluster: pg_cron line draw_apply_results: schedule: declared * live 1 2 3 4 5",
    ),
    change(
        "a line that is not active",
        "update cron.job set active = false where jobname = 'draw_apply_results'",
        "cluster: pg_cron line draw_apply_results: active: declared none, live no",
    ),
    change(
        "a line's command",
        "update cron.job set command = 'call jobs.run(''close_round'')' where jobname = 'draw_apply_results'",
        "cluster: pg_cron line draw_apply_results: command: declared * live *",
    ),
    change(
        "a line more",
        "select cron.schedule('mine', '0 3 * * *', 'vacuum')",
        "cluster: pg_cron line mine of postgres is not declared",
    ),
    change(
        "a schedule changed in the registry",
        "update jobs.jobs set gmt_schedule = '1 2 3 4 5' where job_name = 'draw_apply_results';"
        " select jobs.sync_pg_cron()",
        "cluster: pg_cron line draw_apply_results: schedule: declared * live 1 2 3 4 5",
        fixes=False,
    ),
    change(
        "pg_cron's schema closed to the role of the schedules",
        "revoke usage on schema cron from dotbase_cron",
        "cron: schema cron: grant to dotbase_cron: declared usage, live none",
    ),
    change(
        "a line that runs on another server",
        "update cron.job set nodename = 'far.example.com', nodeport = 5999"
        " where jobname = 'draw_apply_results'",
        "cluster: pg_cron line draw_apply_results: server: declared none, live far.example.com:5999",
    ),
    change(
        "a line of ours in another database",
        "select cron.schedule_in_database('draw_apply_results', '* * * * *', 'select 1', 'postgres')",
        "cluster: pg_cron line draw_apply_results in database postgres of postgres is not declared",
    ),
    change(
        "pg_cron's schema open to everybody",
        "grant usage on schema cron to public",
        "cron: schema cron: grant to public: declared none, live usage",
    ),
    change(
        "pg_cron's lines open to a client role",
        "grant insert, update on cron.job to authenticated",
        "cron: table cron.job: grant to authenticated: declared none, live insert, update",
    ),
    change(
        "everybody's lines in pg_cron",
        "alter table cron.job disable row level security",
        "cron: table cron.job: row-level security: declared enabled, live none",
    ),
    change(
        "a function hidden in pg_cron",
        "create function cron.evil() returns int language sql as 'select 1';"
        "alter extension pg_cron add function cron.evil()",
        "cron: function cron.evil(): file: declared $libdir/pg_cron, live none",
        "cron: function cron.evil(): language: declared c, live sql",
        fixes=False,
    ),
]


@pytest.fixture
def by_hand(server: Server, clones: Clones) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's transaction in the one database that pg_cron lives in, which is undone.

    Without what other tests keep there. It is held for one test alone: between tests xdist may wait.
    """
    with (
        live_database(server, clones) as database,
        database.server.connect(database.name) as connection,
        connection.transaction(force_rollback=True),
    ):
        connection.execute("delete from jobs.jobs where app <> all (%s)", [list(APPS)])
        connection.execute("select jobs.sync_pg_cron()")
        yield connection


@pytest.fixture
def find(server: Server, reference: Reference) -> Find:
    scope = replace(reference.scope, ignored=(*IGNORED, "shop"), built_in=False)
    steps = templates.steps(server)

    def find(connection: psycopg.Connection[Any]) -> list[drift.Difference]:
        found, notes = drift.find(
            connection, replace(reference, scope=scope), Project(ROOT), variables_of(server), steps
        )
        assert notes == []
        return [one for one in found if one.app in ("cluster", "cron") or one.kind == "extension"]

    return find


def test_the_lines_are_those_declared(by_hand: psycopg.Connection[Any], find: Find) -> None:
    assert [one.sentence for one in find(by_hand)] == []


@pytest.mark.parametrize(
    "statement", ["select jobs.set_enabled('draw_apply_results', false)", "select jobs.set_live(false)"]
)
def test_what_a_person_switched_off_is_no_drift(
    statement: str, by_hand: psycopg.Connection[Any], find: Find
) -> None:
    before = by_hand.execute("select count(*) from cron.job").fetchone()
    by_hand.execute(statement.encode())
    assert by_hand.execute("select count(*) from cron.job").fetchone() != before
    assert [one.sentence for one in find(by_hand)] == []


def test_without_pg_cron_it_is_missing(by_hand: psycopg.Connection[Any], find: Find) -> None:
    by_hand.execute("drop extension pg_cron")
    [found] = find(by_hand)
    assert found.sentence == "extension pg_cron is missing"
    assert found.fix == ("create extension pg_cron",)
    count("kinds of drift found")


def test_a_member_of_the_owner_sees_the_lines_too(by_hand: psycopg.Connection[Any], find: Find) -> None:
    """Who migrates is no superuser everywhere."""
    by_hand.execute("delete from cron.job where jobname = 'draw_apply_results'")
    by_hand.execute("create role migrator login; grant dotbase_owner to migrator")
    by_hand.execute("set local session authorization migrator")
    assert [one.sentence for one in find(by_hand)] == ["pg_cron line draw_apply_results is missing"]
    by_hand.execute("reset session authorization")


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.kind)
def test_a_change_to_pg_cron_is_found_and_fixed(
    change: Change, by_hand: psycopg.Connection[Any], find: Find
) -> None:
    check(change, by_hand, find)
