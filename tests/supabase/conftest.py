"""Fixtures of the tests on a database prepared as Supabase's."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.harness.server import Server, one_process
from tests.supabase import platform
from tests.supabase.platform import SupabaseDatabase


@pytest.fixture(scope="session")
def supabase() -> Server:
    """The cluster prepared as Supabase's; no lock is held between tests, where xdist may wait."""
    with one_process("supabase"):
        return platform.cluster()


@pytest.fixture
def empty(supabase: Server) -> Iterator[SupabaseDatabase]:
    """A database as Supabase hands it over."""
    database = platform.create(supabase, f"handed_over_{os.getpid()}")
    yield database
    platform.drop(database)


@pytest.fixture(scope="module")
def migrated(supabase: Server) -> Iterator[SupabaseDatabase]:
    """A database that dotbase migrated, with a movable clock."""
    database = platform.create(supabase, f"migrated_{os.getpid()}")
    platform.dotbase(database, "migrate", "--target", "supabase", "--clock", "movable")
    yield database
    platform.drop(database)
