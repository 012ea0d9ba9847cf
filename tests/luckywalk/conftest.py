"""A database in its open week that tests share, and people whom no other test has met."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.harness.databases import Database
from tests.harness.people import Person, walker
from tests.harness.server import one_process
from tests.harness.target import OWNER
from tests.jobs.bad_days import live_through_bad_days
from tests.luckywalk.by_hand import make_rounds
from tests.luckywalk.weeks import LOSING, WINNING, buy, draw_week, open_week, settle_week

_numbers = itertools.count(1_000_000)


@pytest.fixture
def person() -> Person:
    """A walker of this test's own."""
    return walker(next(_numbers))


@pytest.fixture
def people() -> Callable[[int], list[Person]]:
    """Makes walkers of this test's own."""
    return lambda count: [walker(next(_numbers)) for _ in range(count)]


@pytest.fixture(scope="module")
def week_db(module_db: Database) -> Database:
    """A database of the module, its round open: for tests that leave clock and round alone."""
    open_week(module_db)
    return module_db


@pytest.fixture(scope="module")
def every_state(module_db: Database) -> Database:
    """A database of the module with a round in every state, long after all of their times."""
    make_rounds(module_db)
    return module_db


@pytest.fixture
def owner(every_state: Database) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """The owner by hand, in a transaction that leaves nothing."""
    with every_state.owner.transaction(force_rollback=True):
        every_state.owner.execute(f"set local role {OWNER}".encode())
        yield every_state.owner


@pytest.fixture
def many_sessions() -> Iterator[None]:
    """A server has room for the sessions of one such test at a time."""
    with one_process("sessions"):
        yield


@pytest.fixture(scope="module")
def settled_by_hand(module_db: Database) -> Database:
    """A settled week, every table with rows; its superuser's session writes past all triggers."""
    open_week(module_db)
    assert module_db.call(walker(1), "save_walker_profile", nickname="one").ok
    buy(module_db, walker(1), WINNING, LOSING)
    draw_week(module_db)
    settle_week(module_db)
    live_through_bad_days(module_db)
    module_db.owner.execute("set session_replication_role = replica")
    return module_db
