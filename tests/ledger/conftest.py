"""Fixtures of the ledger's tests."""

from __future__ import annotations

import pytest

from tests.harness.databases import Database
from tests.ledger.books import open_books


@pytest.fixture
def books(db: Database) -> Database:
    """A database with the tests' chart of accounts, for one test."""
    open_books(db)
    return db


@pytest.fixture(scope="module")
def module_books(module_db: Database) -> Database:
    """The same, shared by the tests of a module that roll back what they do."""
    open_books(module_db)
    return module_db
