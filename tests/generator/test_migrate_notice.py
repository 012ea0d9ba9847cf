"""PostgREST is told after the commit, as well as that goes: any login can fill the queue. Fault 48."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import pq

from dotbase.migrate import migration, rollback
from tests.generator.rig import Rig, versioned

ONE = versioned("0001_shop", "create schema shop;", "drop schema shop cascade;")
TWO = versioned("0002_items", "create table shop.items ();", "drop table shop.items;")
TOLD = ["reload schema", "reload config"]
NOTE = (
    "PostgREST could not be told of the change (too many notifications in the NOTIFY queue): restart it, or"
    " send it `notify pgrst, 'reload schema'; notify pgrst, 'reload config'` later."
)


class FullQueue(psycopg.Connection[Any]):
    """A server whose queue is full: who has notified cannot commit. Such a queue holds 8 GB."""

    notified = False

    def execute(self, query: Any, *arguments: Any, **options: Any) -> psycopg.Cursor[Any]:
        self.notified |= bytes(query, "utf-8").startswith(b"notify") if isinstance(query, str) else False
        self.notified |= isinstance(query, bytes) and query.startswith(b"notify")
        return super().execute(query, *arguments, **options)

    def transaction(self, *arguments: Any, **options: Any) -> Any:
        outermost = self.info.transaction_status == pq.TransactionStatus.IDLE
        return Committing(self, super().transaction(*arguments, **options), outermost=outermost)


class Committing:
    """The commit of a transaction, which fails where something was notified."""

    def __init__(self, connection: FullQueue, inner: Any, *, outermost: bool) -> None:
        self._connection, self._inner, self._outermost = connection, inner, outermost

    def __enter__(self) -> Any:
        return self._inner.__enter__()

    def __exit__(self, *raised: Any) -> Any:
        if self._outermost and self._connection.notified and raised[0] is None:
            self._connection.notified = False
            error = psycopg.errors.ProgramLimitExceeded("too many notifications in the NOTIFY queue")
            self._inner.__exit__(type(error), error, None)
            raise error
        return self._inner.__exit__(*raised)


def heard(rig: Rig, act: Callable[[], object]) -> list[str]:
    with rig.connect() as listening:
        listening.execute("listen pgrst")
        act()
        deadline = time.monotonic() + 10
        found: list[str] = []
        while len(found) < len(TOLD) and time.monotonic() < deadline:
            found += [notice.payload for notice in listening.notifies(timeout=0.2)]
        return found


def test_postgrest_is_told_of_a_migration_and_of_a_rollback(rig: Rig) -> None:
    assert heard(rig, lambda: rig.migrate(ONE, TWO)) == TOLD
    assert heard(rig, lambda: rig.rollback(ONE, TWO)) == TOLD


def test_nobody_is_told_of_nothing(rig: Rig) -> None:
    rig.migrate(ONE)
    with rig.connect() as listening:
        listening.execute("listen pgrst")
        rig.migrate(ONE)
        assert list(listening.notifies(timeout=0.3)) == []


@pytest.mark.parametrize("direction", ["migrate", "rollback"])
def test_a_full_queue_is_a_note_and_what_was_done_stays(rig: Rig, direction: str) -> None:
    rig.migrate(ONE)
    if direction == "rollback":
        rig.migrate(ONE, TWO)
    with FullQueue.connect(rig.server.conninfo(rig.name), autocommit=True) as connection:
        run = rig.run(connection, [ONE, TWO])
        done = migration.migrate(run) if direction == "migrate" else rollback.rollback(run)
    assert NOTE in done.notes
    assert rig.value("select to_regclass('shop.items') is not null") is (direction == "migrate")
    assert rig.plan(ONE, TWO).empty is (direction == "migrate")
