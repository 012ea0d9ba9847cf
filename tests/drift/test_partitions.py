"""What jobs make is no drift; what a hand does to a partition is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.drift.changes import Change, change
from tests.drift.checks import check
from tests.drift.conftest import Find, as_migrated
from tests.harness.databases import Database
from tests.harness.people import admin, walker
from tests.harness.server import Server
from tests.harness.target import only_on_postgres

NUMBERS = [2, 13, 18, 32, 38, 42]
ROUND = 1153
TICKETS, RESULTS, CLAIMS = (
    f"luckywalk.tickets_{ROUND}",
    f"luckywalk.results_user_{ROUND}",
    "luckywalk.claims_2025_01",
)
DAY = "outbox.attempts_2031_05_06"

pytestmark = only_on_postgres("test_supabase.py compares there")

CLOSED = (
    "set local role dotbase_owner; create table luckywalk.tickets_9"
    " (like luckywalk.tickets including defaults including constraints);"
    " select core.deny_direct_access('luckywalk.tickets_9');"
    " select core.copy_statement_triggers('luckywalk.tickets', 'luckywalk.tickets_9');"
)

CHANGES = [
    change(
        "row-level security of a partition that is off",
        f"alter table {TICKETS} disable row level security",
        f"luckywalk: table {TICKETS}: row-level security: declared enabled, live none",
    ),
    change(
        "row-level security of a partition that is not forced",
        f"alter table {CLAIMS} no force row level security",
        f"luckywalk: table {CLAIMS}: forced row-level security: declared forced, live none",
    ),
    change(
        "a grant on a partition",
        f"grant select on {TICKETS} to authenticated",
        f"luckywalk: table {TICKETS}: grant to authenticated: declared none, live select",
    ),
    change(
        "a grant on a partition's column",
        f"grant select (mask) on {TICKETS} to authenticated",
        f"luckywalk: column {TICKETS}.mask: grant to authenticated: declared none, live select",
    ),
    change(
        "a policy of a partition more",
        f"create policy own on {CLAIMS} for select to authenticated using (true)",
        f"luckywalk: policy own on {CLAIMS} is not declared",
    ),
    change(
        "a policy of a partition less",
        f"drop policy nobody on {RESULTS}",
        f"luckywalk: policy nobody on {RESULTS} is missing",
    ),
    change(
        "a trigger of a partition less",
        f"drop trigger tickets_are_immutable on {TICKETS}",
        f"luckywalk: trigger tickets_are_immutable on {TICKETS} is missing",
    ),
    change(
        "a trigger of a partition that is disabled",
        f"alter table {TICKETS} disable trigger tickets_are_added_to_open_rounds",
        f"luckywalk: trigger tickets_are_added_to_open_rounds on {TICKETS}: enabled: declared none,"
        " live disabled",
    ),
    change(
        "a partition's owner",
        f"alter table {CLAIMS} owner to postgres",
        f"luckywalk: table {CLAIMS}: owner: declared dotbase_owner, live (superuser)",
    ),
    change(
        "an index of a partition",
        f"create index mine on {RESULTS} (tier)",
        "luckywalk: index luckywalk.mine is not declared",
    ),
    change(
        "a constraint of a partition",
        f"alter table {RESULTS} add constraint mine check (tier < 5 or tier = 5)",
        f"luckywalk: constraint mine on {RESULTS} is not declared",
    ),
    change(
        "a partition's default",
        f"alter table {CLAIMS} alter column source set default 'steps'",
        f"luckywalk: column {CLAIMS}.source: default: declared none, live 'steps'::text",
    ),
    change(
        "a partition that no job made",
        "create table luckywalk.tickets_7 partition of luckywalk.tickets for values in (7)",
        "luckywalk: policy nobody on luckywalk.tickets_7 is missing",
        "luckywalk: table luckywalk.tickets_7: forced row-level security: declared forced, live none",
        "luckywalk: table luckywalk.tickets_7: owner: declared dotbase_owner, live (superuser)",
        "luckywalk: table luckywalk.tickets_7: row-level security: declared enabled, live none",
        "luckywalk: trigger tickets_are_added_to_open_rounds on luckywalk.tickets_7 is missing",
        "luckywalk: trigger tickets_are_immutable on luckywalk.tickets_7 is missing",
    ),
    change(
        "a partition for all the rest",
        CLOSED + "alter table luckywalk.tickets attach partition luckywalk.tickets_9 default; reset role",
        "luckywalk: table luckywalk.tickets_9: bound: declared no default partition, live DEFAULT",
        fixes=False,
    ),
    change(
        "a partition of two values",
        CLOSED + "alter table luckywalk.tickets attach partition luckywalk.tickets_9 for values in (8, 9);"
        " reset role",
        "luckywalk: table luckywalk.tickets_9: bound: declared FOR VALUES IN (9), live FOR VALUES IN (8, 9)",
        fixes=False,
    ),
    change(
        "a partition of another value than its name says",
        CLOSED + "alter table luckywalk.tickets attach partition luckywalk.tickets_9 for values in (8);"
        " reset role",
        "luckywalk: table luckywalk.tickets_9: bound: declared FOR VALUES IN (9), live FOR VALUES IN (8)",
        fixes=False,
    ),
    change(
        "a partition of part of a month",
        f"alter table luckywalk.claims detach partition {CLAIMS}; alter table luckywalk.claims"
        f" attach partition {CLAIMS} for values from ('2025-01-02') to ('2025-02-01')",
        f"luckywalk: table {CLAIMS}: bound: declared * live *",
        fixes=False,
    ),
    change(
        "a partition of two days",
        f"select outbox.ensure_day('2031-05-06'); alter table outbox.attempts detach partition {DAY};"
        f" alter table outbox.attempts attach partition {DAY}"
        " for values from ('2031-05-06') to ('2031-05-08')",
        f"outbox: table {DAY}: bound: declared FOR VALUES FROM ('2031-05-06') TO ('2031-05-07'),"
        " live FOR VALUES FROM ('2031-05-06') TO ('2031-05-08')",
        fixes=False,
    ),
    change(
        "a trigger less of a day's partition",
        f"select outbox.ensure_day('2031-05-06'); drop trigger never_truncated on {DAY}",
        f"outbox: trigger never_truncated on {DAY} is missing",
    ),
    change(
        "a check of a partition's key",
        f"alter table {TICKETS} add constraint none_more check (round_no < 0) not valid",
        f"luckywalk: constraint none_more on {TICKETS} is not declared",
    ),
    change(
        "a grant on a column of a partition that the system has",
        f"grant select (ctid) on {TICKETS} to service_role",
        f"luckywalk: column {TICKETS}.ctid: grant to service_role: declared none, live select",
    ),
    change(
        "a partition that was detached",
        f"alter table luckywalk.results_user detach partition {RESULTS}",
        f"luckywalk: table {RESULTS} is not declared",
        fixes=False,
    ),
]


@pytest.fixture(scope="module")
def session(server: Server, module_db: Database) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session in a database that has lived through a lottery week."""
    live_a_week(module_db)
    with server.connect(module_db.name) as connection:
        as_migrated(connection)
        yield connection


def live_a_week(db: Database) -> None:
    """Partitions, a round with claims, its draw and settlement, each by its job."""
    db.clock("2024-12-29 12:30")
    for job in ("make_partitions", "create_new_round"):
        db.run_job(job)
    db.clock("2025-01-02 18:00")
    assert db.call(walker(1), "report_steps", steps=3000).ok
    assert db.call(walker(1), "claim_steps", threshold=1000, numbers=NUMBERS).ok
    assert db.call(walker(1), "claim_steps", threshold=2000).ok
    db.clock("2025-01-04 20:00")
    db.run_job("close_round")
    db.clock("2025-01-04 20:50")
    assert db.call(admin, "enter_draw_result", round_no=ROUND, numbers=NUMBERS).ok
    db.run_job("draw_apply_results")
    db.clock("2025-01-05 12:30")
    for job in ("settle_round", "create_new_round", "make_partitions"):
        run = db.run_job(job)
        assert run is not None
        assert run["status"] == "succeeded"


def test_a_week_of_jobs_claims_and_rounds_is_no_drift(by_hand: psycopg.Connection[Any], find: Find) -> None:
    by_hand.execute("select outbox.make_partitions()")
    made = by_hand.execute(
        "select relname::text from pg_class where relispartition and relkind = 'r' order by relname"
    ).fetchall()
    assert {TICKETS, RESULTS, CLAIMS} <= {f"luckywalk.{name}" for (name,) in made}
    assert len(made) >= 9
    assert [one.sentence for one in find(by_hand)] == []


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.kind)
def test_a_change_to_a_partition_is_found_and_fixed(
    change: Change, by_hand: psycopg.Connection[Any], find: Find
) -> None:
    check(change, by_hand, find)
