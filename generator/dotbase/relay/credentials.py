"""Secrets, read at use: kept for a minute at most, shown to nobody.

One is a `SecretStr`, so that no representation, error or traceback has it in clear.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from pydantic import SecretStr

from dotbase.relay.database import Database
from dotbase.relay.lines import Lines
from dotbase.relay.messages import UnsendableError

KEPT = 60.0  # seconds
MISSING_KEPT = 5.0


class Credentials:
    """The secrets of one lane."""

    def __init__(self, database: Database, lane: str, lines: Lines) -> None:
        self._database = database
        self._lane = lane
        self._lines = lines
        self._kept: dict[str, tuple[float, SecretStr | None]] = {}
        self._lock = asyncio.Lock()

    async def get(self, name: str) -> SecretStr:
        """The secret of this name, as it is or was within the last minute."""
        found = self._fresh(name)
        if found is None:
            # A hundred messages that want it at once ask the database once.
            async with self._lock:
                found = self._fresh(name) or await self._read(name)
        if found[1] is None:
            raise UnsendableError("secret_missing")
        return found[1]

    def unusable(self, name: str, why: str) -> UnsendableError:
        """It is there and cannot be what the lane needs: to the lane that is the same."""
        self._lines.say("secret unusable", lane=self._lane, secret=name, why=why)
        return UnsendableError("secret_missing")

    def forget(self) -> None:
        """The receiver did not like them: they may have been changed."""
        self._kept.clear()

    def _fresh(self, name: str) -> tuple[float, SecretStr | None] | None:
        found = self._kept.get(name)
        return found if found is not None and found[0] > monotonic() else None

    async def _read(self, name: str) -> tuple[float, SecretStr | None]:
        text = await self._database.secret(self._lane, name)
        if text is None:
            self._lines.say("secret missing", lane=self._lane, secret=name)
        found = (
            monotonic() + (KEPT if text is not None else MISSING_KEPT),
            None if text is None else SecretStr(text),
        )
        self._kept[name] = found
        return found
