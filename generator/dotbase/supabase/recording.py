"""A connection that keeps what a migration did to its database, to be written into files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq

# What a migration does to objects by itself, beside the texts of the steps and the history.
DOES = re.compile(r"\s*(alter|create|drop|grant|revoke|notify)\b")
HISTORY = re.compile(r"\bdotbase\.")


@dataclass(frozen=True)
class Statement:
    """SQL that was run.

    source:      key of the step whose text it is; None for what the migration does by itself.
    transaction: number of the transaction that it was in, or came after.
    inside:      False for a statement that was in none.
    """

    text: str
    source: str | None
    transaction: int
    inside: bool


class Recording(psycopg.Connection[Any]):
    """Remembers the statements that were not rolled back, but for those about the history.

    after_commit: called with the number of each transaction that was committed.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.statements: list[Statement] = []
        self.transactions = 0
        self.after_commit: Callable[[int], None] = lambda number: None

    def record(self, text: str, parameters: Sequence[object] | None, source: str | None) -> None:
        """Keep a text that was run, and the key of the step that it is of."""
        if parameters:
            text = psycopg.ClientCursor(self).mogrify(text.encode(), parameters)
        inside = self.info.transaction_status != pq.TransactionStatus.IDLE
        self.statements.append(Statement(text, source, self.transactions, inside))

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        """Run a statement, and remember it when it changes more than the history."""
        cursor = super().execute(query, params, **options)
        text = query.decode() if isinstance(query, bytes) else query
        if not isinstance(text, str):
            text = text.as_string(self)
        if DOES.match(text) and not HISTORY.search(text):
            self.record(text, params, None)
        return cursor

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        """A transaction or savepoint; what is rolled back is forgotten."""
        mark = len(self.statements)
        outermost = self.info.transaction_status == pq.TransactionStatus.IDLE
        self.transactions += outermost
        try:
            with super().transaction(savepoint_name, force_rollback) as transaction:
                yield transaction
        except BaseException:
            del self.statements[mark:]
            raise
        if force_rollback:
            del self.statements[mark:]
        if outermost:
            self.after_commit(self.transactions)
