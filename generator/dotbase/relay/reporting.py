"""What was seen of a lane's messages, told to the database: in batches, and again until it is known.

A report that was told twice, or too late, changes nothing there. So it is kept in memory while the database
is gone or slow; the lane claims nothing more meanwhile, so that there are never many.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence

import psycopg

from dotbase.relay.database import Database
from dotbase.relay.lines import Lines
from dotbase.relay.messages import DatabaseGoneError, Lease, Report

LARGEST_BATCH = 500
LARGEST_BATCH_BYTES = 16 * 1024 * 1024
# With more than that untold a lane claims nothing: leases would end before they are reported.
MOST_UNTOLD, MOST_UNTOLD_BYTES = 2 * LARGEST_BATCH, 4 * LARGEST_BATCH_BYTES
GATHERED = 0.05  # seconds: a commit for one report costs as much as for a hundred
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


class Reporter:
    """The reports of one lane."""

    def __init__(self, lane: str, database: Database, lines: Lines) -> None:
        self._lane = lane
        self._database = database
        self._lines = lines
        self._reports: deque[Report] = deque()
        self._leases: deque[Lease] = deque()
        self._changed = asyncio.Event()
        self._full = asyncio.Event()
        self._told = asyncio.Event()
        self._told.set()
        self._being_told = 0
        self._bytes = 0
        self._closing = False
        self._is_failing = False

    def add(self, report: Report) -> None:
        """Something was seen."""
        self._reports.append(report)
        self._bytes += report.size
        self._told.clear()
        self._changed.set()
        if len(self._reports) >= LARGEST_BATCH:
            self._full.set()

    def release(self, lease: Lease) -> None:
        """A lease is not needed: nothing was sent."""
        self._leases.append(lease)
        self._told.clear()
        self._changed.set()

    @property
    def waiting(self) -> int:
        """How many reports and leases the database does not know of yet."""
        return len(self._reports) + len(self._leases) + self._being_told

    @property
    def is_behind(self) -> bool:
        """Whether the database cannot be told, or not as quickly as things are seen."""
        return self._is_failing or self.waiting > MOST_UNTOLD or self._bytes > MOST_UNTOLD_BYTES

    async def flush(self) -> None:
        """Until everything is told."""
        await self._told.wait()

    def close(self) -> None:
        """Nothing comes any more: tell what there is, and end."""
        self._closing = True
        self._full.set()
        self._changed.set()

    async def run(self) -> None:
        """Tell, until closed and all is told."""
        while True:
            await self._changed.wait()
            if not self._closing:
                await self._gather()
            self._changed.clear()
            while self._reports or self._leases:
                await self._tell_some()
            self._told.set()
            if self._closing:
                return

    async def _gather(self) -> None:
        if len(self._reports) < LARGEST_BATCH:
            self._full.clear()
            try:
                await asyncio.wait_for(self._full.wait(), GATHERED)
            except TimeoutError:
                return

    async def _tell_some(self) -> None:
        if self._leases:
            leases = [self._leases.popleft() for _ in range(min(len(self._leases), LARGEST_BATCH))]
            await self._until_told(leases=leases)
        if self._reports:
            await self._until_told(reports=self._batch())

    def _batch(self) -> list[Report]:
        """The next ones; bodies may be megabytes long."""
        batch: list[Report] = []
        size = 0
        while self._reports and len(batch) < LARGEST_BATCH:
            size += self._reports[0].size
            if batch and size > LARGEST_BATCH_BYTES:
                break
            batch.append(self._reports.popleft())
        return batch

    async def _until_told(self, reports: Sequence[Report] = (), leases: Sequence[Lease] = ()) -> None:
        pause = FIRST_PAUSE
        self._being_told = len(reports) + len(leases)
        while True:
            try:
                if leases:
                    await self._database.release(leases)
                else:
                    self._tell_stale(len(reports) - await self._database.report(reports))
            except DatabaseGoneError:
                pass
            except psycopg.DataError as error:
                await self._one_by_one(reports, error)
                return
            except psycopg.Error as error:
                # A migration may be under way. A lease ends by itself, so that waiting loses nothing.
                self._lines.say("report refused", lane=self._lane, sqlstate=error.sqlstate)
            else:
                break
            self._is_failing = True
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(2 * pause, LONGEST_PAUSE)
        self._is_failing = False
        self._being_told = 0
        self._bytes -= sum(report.size for report in reports)

    async def _one_by_one(self, reports: Sequence[Report], error: psycopg.DataError) -> None:
        """One of them is not what a database takes: it holds up no other. Its lease will end by itself."""
        if len(reports) > 1:
            for report in reports:
                await self._until_told([report])
        elif reports:
            self._is_failing = False
            self._being_told = 0
            self._bytes -= reports[0].size
            self._lines.say(
                "report dropped", lane=self._lane, message=reports[0].message_id, sqlstate=error.sqlstate
            )

    def _tell_stale(self, number: int) -> None:
        """The leases had ended: they are too short, or the database was away. Or it is the second time."""
        if number:
            self._lines.say("reports stale", lane=self._lane, reports=number)
