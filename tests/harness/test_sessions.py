"""Servers that runs of the tests started are stopped by the last run; those that ran before run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dotbase import cluster
from tests.cluster.checkouts import new_checkout
from tests.harness.server import named
from tests.harness.sessions import Session


@pytest.fixture
def checkout() -> Iterator[Path]:
    with new_checkout() as checkout:
        yield checkout
        for name in ("test", "torture"):
            cluster.destroy(named(name), checkout)


def running(checkout: Path) -> set[str]:
    """Which of the two clusters that these tests start run; both have their own place."""
    return {name for name in ("test", "torture") if cluster.status(named(name), checkout).running}


def test_the_last_of_two_runs_stops_what_both_began_with(checkout: Path) -> None:
    first = Session(checkout)
    cluster.start(named("test"), checkout)
    second = Session(checkout)
    cluster.start(named("torture"), checkout)
    assert first.close() == []
    assert running(checkout) == {"test", "torture"}
    assert sorted(second.close()) == sorted([named("test"), named("torture")])
    assert running(checkout) == set()
    # The one holds what took long to build, the other nothing.
    assert cluster.status(named("test"), checkout).exists
    assert not cluster.status(named("torture"), checkout).exists


def test_what_ran_before_the_first_run_is_left_and_a_killed_run_changes_nothing(checkout: Path) -> None:
    cluster.start(named("test"), checkout)
    killed = Session(checkout)
    cluster.start(named("torture"), checkout)
    killed._file.close()  # what is left of it: no lock, but its list
    assert Session(checkout).close() == [named("torture")]
    assert running(checkout) == {"test"}
    assert Session(checkout).close() == []
    assert running(checkout) == {"test"}
