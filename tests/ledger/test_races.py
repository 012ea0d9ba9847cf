"""Many sessions at once: no balance below zero, nothing posted twice, nobody waits for ever."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg

from tests.harness.databases import Database
from tests.harness.refusals import declared_errors
from tests.ledger.books import (
    CREDIT,
    HOUSE,
    PURSE,
    VAULT,
    Order,
    balance,
    broken_rules,
    person,
    post,
    post_many,
    race,
    session,
)

ME = person(1)


def outcome(connection: psycopg.Connection[Any], *orders: Order) -> str:
    """How many were new, or the name of the refusal."""
    try:
        return str(post_many(connection, orders))
    except psycopg.Error as error:
        for entry in declared_errors("ledger").values():
            if error.sqlstate == entry.sqlstate or error.diag.constraint_name in entry.constraints:
                return entry.name
        raise


def test_fifty_sessions_that_spend_one_balance_never_bring_it_below_zero(books: Database) -> None:
    post(books.owner, ME, "prize", HOUSE, PURSE, 100)
    results = race(books, 50, lambda one, number: outcome(one, (ME, f"spend {number}", PURSE, HOUSE, 7)))
    assert results.count("1") == 14
    assert results.count("overdraft") == 36
    assert balance(books, ME) == 100 - 14 * 7
    assert broken_rules(books) == set()


def test_fifty_sessions_with_one_key_post_one_transfer(books: Database) -> None:
    results = race(books, 50, lambda one, _: outcome(one, (ME, "prize", HOUSE, PURSE, 5)))
    assert sorted(results) == ["0"] * 49 + ["1"]
    assert balance(books, ME) == 5


def test_one_key_with_different_amounts_is_won_by_one_of_them(books: Database) -> None:
    results = race(books, 20, lambda one, number: outcome(one, (ME, "prize", HOUSE, PURSE, 1 + number)))
    assert sorted(results) == ["1"] + ["transfer_key_reused"] * 19
    assert balance(books, ME) == 1 + results.index("1")


def test_batches_in_opposite_directions_and_orders_do_not_deadlock(books: Database) -> None:
    people = [person(number) for number in range(20)]
    post_many(books.owner, [(p, f"seed {a}", HOUSE, a, 1000) for p in people for a in (PURSE, VAULT)])

    def act(one: psycopg.Connection[Any], number: int) -> int:
        done = 0
        for turn in range(10):
            there, back = (PURSE, VAULT) if (number + turn) % 2 else (VAULT, PURSE)
            orders = [(p, f"{number}.{turn}", there, back, 1 + turn) for p in people]
            done += post_many(one, orders if number % 3 else orders[::-1])
        return done

    assert race(books, 12, act) == [200] * 12
    assert broken_rules(books) == set()
    assert sum(balance(books, p, a) for p in people for a in (PURSE, VAULT)) == 40 * 1000


def test_first_transfers_of_new_people_do_not_deadlock_with_spending(books: Database) -> None:
    """Some balances are there and some are not: they are locked in one order nevertheless."""
    spender = person(10_000)
    post(books.owner, spender, "seed", HOUSE, PURSE, 10_000)

    def act(one: psycopg.Connection[Any], number: int) -> int:
        done = 0
        for turn in range(15):
            fresh = [person(turn * 10 + p) for p in range(10)]
            orders: list[Order] = [(p, f"{number}", HOUSE, PURSE, 5) for p in fresh]
            change = (PURSE, HOUSE) if number % 2 else (HOUSE, PURSE)
            orders.append((spender, f"{number}.{turn}", *change, 1))
            done += post_many(one, orders)
        return done

    assert race(books, 10, act) == [15 * 11] * 10
    assert broken_rules(books) == set()


def wait_until_waiting(books: Database, one: psycopg.Connection[Any], running: Future[Any]) -> None:
    """Until this session waits for a lock."""
    query = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"
    deadline = time.monotonic() + 10
    while not books.value(query, one.info.backend_pid):
        assert not running.done(), running.result()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_batch_that_raises_and_one_that_lowers_take_their_locks_in_one_order(books: Database) -> None:
    first, second, third = person(1), person(2), person(3)
    post_many(books.owner, [(p, "seed", HOUSE, PURSE, 100) for p in (second, third)])
    with session(books) as blocker, session(books) as raising, session(books) as lowering:
        blocker.execute("begin")
        post(blocker, second, "hold", HOUSE, PURSE, 1)
        with ThreadPoolExecutor(2) as pool:
            raised = pool.submit(
                post_many, raising, [(p, "raised", HOUSE, PURSE, 1) for p in (first, second, third)]
            )
            wait_until_waiting(books, raising, raised)
            lowered = pool.submit(
                post_many,
                lowering,
                [(first, "new", HOUSE, PURSE, 1), (third, "lowered", PURSE, HOUSE, 1)],
            )
            wait_until_waiting(books, lowering, lowered)
            blocker.execute("commit")
            assert (raised.result(timeout=20), lowered.result(timeout=20)) == (3, 2)
    assert [balance(books, p) for p in (first, second, third)] == [2, 102, 100]


def test_a_transfer_waits_for_a_concurrent_one_and_counts_it(books: Database) -> None:
    post(books.owner, ME, "prize", HOUSE, PURSE, 10)
    with session(books) as first, session(books) as second, ThreadPoolExecutor(1) as pool:
        first.execute("begin")
        post(first, ME, "one", PURSE, HOUSE, 6)
        waiting = pool.submit(outcome, second, (ME, "two", PURSE, HOUSE, 6))
        wait_until_waiting(books, second, waiting)
        first.execute("rollback")
        assert waiting.result(timeout=10) == "1"
    assert balance(books, ME) == 4


def test_overdrawable_accounts_take_concurrent_debits_too(books: Database) -> None:
    results = race(books, 20, lambda one, number: outcome(one, (ME, f"{number}", CREDIT, HOUSE, 3)))
    assert results == ["1"] * 20
    assert balance(books, ME, CREDIT) == -60
