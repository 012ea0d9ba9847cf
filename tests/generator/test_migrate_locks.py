"""Migrations beside others: one at a time, never in front of the world, safe beside another database's."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dotbase.errors import DotbaseError
from dotbase.migrate import locks, migration
from tests.generator.rig import EAGER, Rig, routines, versioned

ONE = versioned(
    "0001_shop",
    "create schema shop; create table shop.items (item_id bigint primary key);",
    "drop schema shop cascade;",
)
TWO = versioned(
    "0002_price",
    "alter table shop.items add column price bigint;",
    "alter table shop.items drop column price;",
)
INDEX = versioned(
    "0003_idx",
    "create index concurrently items_idx on shop.items (item_id);",
    "drop index concurrently if exists shop.items_idx;",
    transactional=False,
)


def test_two_migrations_of_one_database_take_turns(rig: Rig) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: rig.migrate(ONE, TWO, INDEX), range(4)))
    assert sorted(len(outcome.versions) for outcome in outcomes) == [0, 0, 0, 3]


def test_who_waits_is_told_for_whom(rig: Rig) -> None:
    rig.migrate(ONE)
    with rig.connect() as holder:
        holder.execute("select pg_advisory_lock(%s, %s)", locks.LOCK)
        with rig.connect() as connection:
            run = rig.run(connection, [ONE])
            thread = threading.Thread(target=migration.migrate, args=[run])
            thread.start()
            while "Waiting for another migration of this database (process" not in rig.told:
                time.sleep(0.01)
            # A crash releases the lock.
            with rig.connect() as killer:
                killer.execute("select pg_terminate_backend(%s)", [holder.info.backend_pid])
            thread.join()


def test_a_migration_does_not_queue_the_world_behind_it(rig: Rig) -> None:
    rig.migrate(ONE)
    with rig.connect() as reader:
        reader.execute("begin; select from shop.items")
        with ThreadPoolExecutor(1) as pool:
            migration = pool.submit(rig.migrate, ONE, TWO)
            while "another session holds a lock" not in rig.told:
                time.sleep(0.01)
            # While it pauses, others read.
            with rig.connect() as other:
                other.execute("set statement_timeout = '1s'; select from shop.items")
            reader.execute("commit")
            assert migration.result().versions == ["shop.0002_price"]
    assert "attempt 1 of 3 again in" in rig.told


def test_a_migration_gives_up_with_one_sentence(rig: Rig) -> None:
    rig.migrate(ONE)
    before = rig.catalog()
    with rig.connect() as reader:
        reader.execute("begin; select from shop.items")
        with pytest.raises(DotbaseError) as caught:
            rig.migrate(ONE, TWO)
    assert (
        "another session holds a lock that is needed, 4 times in a row (oldest transaction: process"
        in str(caught.value)
    )
    assert str(caught.value).endswith("; try again at a quieter time, or raise --lock-timeout or --retries.")
    assert rig.catalog() == before


def test_a_deadlock_is_tried_again(rig: Rig) -> None:
    rig.migrate(ONE)
    raised = routines("raised", "select 1; /* raises once */")
    with rig.connect() as connection:
        connection.execute("create sequence public.tries; grant usage on sequence public.tries to public")
    once = versioned(
        "0002_once",
        """
        do $$ begin
            if nextval('public.tries') = 1 then raise exception 'cycle' using errcode = '40P01'; end if;
        end $$;
        """,
        "select 1;",
    )
    assert rig.migrate(ONE, once, raised).versions == ["shop.0002_once"]
    assert "a deadlock with another session was broken" in rig.told
    with rig.connect() as connection:
        connection.execute("drop sequence public.tries")


def test_a_step_outside_of_a_transaction_is_tried_again_whole(migrator: str, rig: Rig) -> None:
    """One whose lock holds writers up: what was begun is undone, and made once more."""
    plain = replace(INDEX, sql=INDEX.sql.replace("concurrently ", ""))
    rig.migrate(ONE)
    with rig.connect() as writer:
        writer.execute("begin; insert into shop.items values (1)")
        with ThreadPoolExecutor(1) as pool:
            migration = pool.submit(rig.migrate, ONE, plain, user=migrator)
            while not migration.done() and "another session holds a lock" not in rig.told:
                time.sleep(0.01)
            writer.execute("commit")
            assert migration.result().versions == ["shop.0003_idx"]
    assert "was started before and did not end: undone first" in rig.told
    assert rig.value("select indisvalid from pg_index where indexrelid = 'shop.items_idx'::regclass")


def test_the_session_is_left_as_it_was(rig: Rig) -> None:
    with rig.connect() as connection:
        settings = (
            "select current_user, current_setting('lock_timeout'), current_setting('statement_timeout')"
        )
        before = connection.execute(settings).fetchone()
        migration.migrate(rig.run(connection, [ONE, INDEX]))
        assert connection.execute(settings).fetchone() == before
        held = connection.execute(
            "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        ).fetchone()
        assert held == (0,)


def test_databases_of_one_cluster_are_bootstrapped_side_by_side(new_rig: Rig, rig: Rig) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert all(outcome.changed for outcome in pool.map(lambda one: one.migrate(ONE), (rig, new_rig)))


def test_an_index_made_concurrently_waits_for_as_long_as_it_takes(rig: Rig) -> None:
    """Fault 9. The lock_timeout killed it while a writer was open, though it holds up nobody."""
    table = "create schema shop; create table shop.items (a int);"
    shop = versioned("0001_shop", table, "drop schema shop cascade;")
    index = versioned(
        "0002_index",
        "create index concurrently items_a_idx on shop.items (a);",
        "drop index concurrently shop.items_a_idx;",
        boundary="index",
        transactional=False,
    )
    rig.migrate(shop)
    for act in (rig.migrate, rig.rollback):
        with rig.connect() as other:
            other.execute("begin; insert into shop.items values (1)")
            timer = threading.Timer(8 * EAGER.lock_timeout, other.execute, ["commit"])
            timer.start()
            act(shop, index)
            timer.join()
            assert "attempt" not in rig.told
