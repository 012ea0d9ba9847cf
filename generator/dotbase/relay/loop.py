"""The loop of a lane: claim what is due, send it, hand what was seen to the reporter.

Nothing here waits for another lane.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from datetime import datetime
from time import monotonic

import psycopg

from dotbase.relay.database import Database, is_declared
from dotbase.relay.lanes import Lane
from dotbase.relay.lines import Lines, place
from dotbase.relay.messages import DatabaseGoneError, Lease, Message, Report
from dotbase.relay.reporting import Reporter
from dotbase.relay.sending import Sender

LARGEST_CLAIM = 500
REST = 1.0  # seconds between two looks at a quiet lane
UNBOUNDED = 5.0  # seconds after which the low mark is left out
BEHIND = 0.1  # seconds between two looks whether the reports are told
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0


class LaneLoop:
    """One lane, until it is stopped; with `once`, until nothing is due, or the database is gone."""

    def __init__(
        self, lane: Lane, database: Database, sender: Sender, reporter: Reporter, lines: Lines, once: bool
    ) -> None:
        self.lane = lane
        self.seen: Counter[str] = Counter()
        self._database = database
        self._sender = sender
        self._reporter = reporter
        self._lines = lines
        self._once = once
        self._waiting: deque[Message] = deque()
        self._sending: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._stopping = asyncio.Event()
        self._pause = FIRST_PAUSE
        self._mark: datetime | None = None
        self._unbounded_at = float("-inf")
        self._ends: deque[float] = deque()

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._sending)

    def stop(self) -> None:
        """Claim nothing any more, give back what waits; what is under way comes to its end."""
        self._stopping.set()
        self._ended.set()
        while self._waiting:
            self._give_back(self._waiting.popleft())

    async def run(self) -> int:
        """Until stopped; with `once`, until nothing is due. How many messages were claimed."""
        claimed = 0
        while not self._stopping.is_set():
            wanted = self._wanted()
            if wanted == 0:
                await self._until_one_ends()
                continue
            got = await self._claim(wanted)
            if got is None:
                if self._once:
                    break
                await self._rest(self._pause)
                self._pause = min(2 * self._pause, LONGEST_PAUSE)
                continue
            self._pause = FIRST_PAUSE
            claimed += got
            if self._begin():
                # A claim took longer than the lease allows: the database is slow, so it is not asked at once.
                await self._rest(REST)
            if got == wanted:
                continue
            if self._once:
                if got == 0 and not self._sending and not self._waiting:
                    break
                await self._until_one_ends()
            else:
                await self._rest(REST)
        while self._sending:
            await self._until_one_ends()
        return claimed

    def _wanted(self) -> int:
        """How many messages to claim now; 0 while there are enough.

        A quick lane leases some ahead, as many as end within a second, and asks for many at a time; a slow
        one leases none that it cannot begin.
        """
        if self._reporter.is_behind:
            return 0
        second_ago = monotonic() - 1
        while self._ends and self._ends[0] < second_ago:
            self._ends.popleft()
        ahead = min(self.lane.in_flight, len(self._ends))
        room = self.lane.in_flight + ahead - len(self._sending) - len(self._waiting)
        if room < max(1, ahead // 2):
            return 0
        return min(room, LARGEST_CLAIM)

    async def _claim(self, wanted: int) -> int | None:
        """Lease messages; None when that was not possible."""
        before = monotonic()
        is_bounded = not self._once and before - self._unbounded_at < UNBOUNDED
        since = self._mark if is_bounded else None
        try:
            messages = await self._database.claim(self.lane, wanted, since, before + self.lane.lease)
        except DatabaseGoneError:
            if self._once:
                raise
            return None
        except psycopg.Error as error:
            # The lane has just been removed, or the database is being migrated.
            what = error.diag.message_detail if is_declared(error) else None
            self._lines.say("claim refused", lane=self.lane.name, sqlstate=error.sqlstate, why=what)
            return None
        if since is None:
            self._unbounded_at = before
        for message in messages:
            self._mark = max(self._mark or message.due_at, message.due_at)
        self._waiting.extend(messages)
        return len(messages)

    def _begin(self) -> int:
        """Send what waits, as far as there is room; how many had too little left of their lease."""
        late = 0
        while self._waiting and len(self._sending) < self.lane.in_flight:
            message = self._waiting.popleft()
            seconds = self.lane.seconds_for(message.leased_until, monotonic())
            if seconds is None or self._stopping.is_set():
                self._give_back(message)
                late += 1
                continue
            task = asyncio.create_task(self._send(message, seconds))
            self._sending.add(task)
            task.add_done_callback(self._end)
        return late

    async def _send(self, message: Message, seconds: float) -> None:
        began = monotonic()
        try:
            report = await self._sender.send(self.lane, message, seconds)
        except DatabaseGoneError:
            self._give_back(message)
            return
        except Exception as error:
            # Whatever it is, it is this message's alone, and the database counts it.
            self._lines.say(
                "attempt failed", lane=self.lane.name, message=message.message_id, error=place(error)
            )
            report = Report(message.message_id, message.lease_no, error="relay_failed")
        self.seen[report.error or f"{(report.status or 0) // 100}xx"] += 1
        self._lines.detail(
            "attempt",
            lane=self.lane.name,
            message=message.message_id,
            lease=message.lease_no,
            status=report.status,
            error=report.error,
            ms=round(1000 * (monotonic() - began)),
        )
        self._reporter.add(report)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._ends.append(monotonic())
        self._begin()
        self._ended.set()

    def _give_back(self, message: Message) -> None:
        self.seen["given back"] += 1
        self._reporter.release(Lease(message.message_id, message.lease_no))

    async def _until_one_ends(self) -> None:
        self._ended.clear()
        if self._sending:
            await self._ended.wait()
        else:
            # Only a reporter that is behind holds the lane up now.
            await self._rest(BEHIND)

    async def _rest(self, seconds: float) -> None:
        """A while, by chance somewhat shorter or longer, so that relays do not ask all at once; or a stop."""
        try:
            await asyncio.wait_for(self._stopping.wait(), random.uniform(0.75, 1.25) * seconds)
        except TimeoutError:
            return
