"""Fixtures of the outbox's tests: a shop with lanes, and relays."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.harness.databases import Database
from tests.outbox.post import Relay, declare, lane, open_shop


@pytest.fixture
def shop(db: Database) -> Database:
    """A database with a small app that sends, at Monday, 6 January 2025, 09:30 in Seoul."""
    open_shop(db)
    db.clock("2025-01-06 09:30")
    declare(
        db,
        lane("letters", result_function="take_results"),
        lane("pushes", keys="none", delays=["0s", "10s", "1min"]),
    )
    return db


@pytest.fixture
def relays(shop: Database) -> Iterator[Callable[[], Relay]]:
    """Makes relays, and closes them."""
    made: list[Relay] = []

    def make() -> Relay:
        made.append(Relay(shop))
        return made[-1]

    yield make
    for relay in made:
        relay.close()


@pytest.fixture
def relay(relays: Callable[[], Relay]) -> Relay:
    """One relay."""
    return relays()
