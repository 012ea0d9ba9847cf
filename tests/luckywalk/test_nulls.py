"""Nothing that a row must say may be left out: each column refuses null, but for those listed here."""

from __future__ import annotations

import psycopg
import pytest

from tests.harness.databases import Database

APPS = ("jobs", "ledger", "luckywalk")
MAY_BE_NULL = {
    "jobs.jobs": {
        *("days_of_month", "months", "days_of_week"),  # null is every value
        *("batch_limit", "backlog_query", "backlog_normal", "backlog_alarm"),  # where it has none
        *("next_slot_at", "removed_at"),  # when none comes; while it is declared
    },
    "jobs.runs": {
        *("started_at", "finished_at", "due_at", "deadline_at", "result"),  # by its status
        *("reason", "requested_by"),  # when all is well; when nobody triggered it
    },
    "jobs.attempts": {
        *("finished_at", "result"),  # while it runs
        "session_began_at",  # of a session that the owner may not see
        *("sqlstate", "message", "detail", "context"),  # where it did not fail
    },
    "jobs.events": {"run_id"},  # of slots that were missed
    "luckywalk.rounds": {
        *("total_tickets", "seal_root", "closed_at"),  # until it is closed
        *("result_no", "winning_mask", "drawn_result_no", "drawn_at", "winners_count"),  # until it is drawn
        *("settled_at", "paid", "remainder"),  # until it is settled
    },
    "luckywalk.draw_results": {"reason"},  # of the first entry
    "luckywalk.claims": {"banked_mask"},  # once it is a ticket
}
COLUMNS = """
    select c.oid::regclass::text as table_name, a.attname as column_name
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace and n.nspname = any (%s)
    inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and a.attidentity = ''
    where c.relkind in ('r', 'p') and not c.relispartition
    order by 1, a.attnum
"""


@pytest.mark.parametrize("app", APPS)
def test_a_column_is_null_only_where_that_means_something(settled_by_hand: Database, app: str) -> None:
    wrong = []
    for row in settled_by_hand.rows(COLUMNS, [app]):
        table, column = row["table_name"], row["column_name"]
        assert settled_by_hand.value(f"select count(*) from {table}") > 0
        try:
            with settled_by_hand.owner.transaction(force_rollback=True):
                settled_by_hand.owner.execute(f"update {table} set {column} = null".encode())
        except psycopg.errors.NotNullViolation:
            continue
        except psycopg.errors.CheckViolation as refusal:
            if refusal.diag.constraint_name is None:  # no partition takes it
                continue
        if column not in MAY_BE_NULL.get(table, set()):
            wrong.append(f"{table}.{column}")
    assert wrong == []
