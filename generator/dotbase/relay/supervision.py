"""The lanes of one relay, each with its loop, sender and reporter. They come and go with migrations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dotbase.relay.credentials import Credentials
from dotbase.relay.database import Database
from dotbase.relay.google_tokens import GoogleTokens
from dotbase.relay.lanes import Lane
from dotbase.relay.lines import Lines, place
from dotbase.relay.loop import LaneLoop
from dotbase.relay.reporting import Reporter
from dotbase.relay.sending import Sender


@dataclass(frozen=True)
class Ways:
    """How requests leave, whichever lane they are of."""

    agent: str
    loopback_http: bool
    proxies: Mapping[str, str]


class RunningLane:
    """One lane at work."""

    def __init__(
        self, lane: Lane, database: Database, tokens: GoogleTokens, ways: Ways, lines: Lines, once: bool
    ) -> None:
        credentials = Credentials(database, lane.name, lines)
        self._sender = Sender(
            lane.name,
            credentials,
            tokens,
            ways.agent,
            loopback_http=ways.loopback_http,
            proxies=ways.proxies,
        )
        self._reporter = Reporter(lane.name, database, lines)
        self._lines = lines
        self.loop = LaneLoop(lane, database, self._sender, self._reporter, lines, once)
        self._telling = asyncio.create_task(self._reporter.run())
        self._working: asyncio.Task[int] | None = None

    def begin(self) -> None:
        """Work until stopped."""
        self._working = asyncio.create_task(self.loop.run())

    async def once(self) -> int:
        """Send what is due, and tell it; how many messages there were."""
        claimed = await self.loop.run()
        await self._reporter.flush()
        return claimed

    async def end(self) -> None:
        """Stop, let what is under way come to its end, tell it."""
        self.loop.stop()
        if self._working is not None:
            await asyncio.gather(self._working, return_exceptions=True)
        self._reporter.close()
        # Without the database it tells in vain, and after that time the leases have ended anyway.
        _, late = await asyncio.wait([self._telling], timeout=self.loop.lane.lease)
        if late:
            self._telling.cancel()
            self._lines.say("reports lost", lane=self.loop.lane.name, reports=self._reporter.waiting)
        await self._sender.close()

    def died(self) -> BaseException | None:
        """What ended its loop or its reporter, which nothing should."""
        for task in (self._working, self._telling):
            if task is not None and task.done() and not task.cancelled() and task.exception() is not None:
                return task.exception()
        return None

    def tell(self) -> None:
        """What was seen since the last time, if anything was."""
        seen, waiting = dict(self.loop.seen), self._reporter.waiting
        self.loop.seen.clear()
        if seen or waiting:
            counts = {name.replace(" ", "_"): number for name, number in sorted(seen.items())}
            self._lines.say(
                "lane", lane=self.loop.lane.name, in_flight=self.loop.in_flight, unreported=waiting, **counts
            )


class Supervisor:
    """Makes the running lanes those that the database declares and this relay is to serve."""

    def __init__(
        self, database: Database, names: Sequence[str], ways: Ways, lines: Lines, once: bool = False
    ) -> None:
        self.lanes: dict[str, RunningLane] = {}
        self._database = database
        self._names = frozenset(names)
        self._ways = ways
        self._lines = lines
        self._once = once
        self._tokens = GoogleTokens(lines, ways.loopback_http)
        self._ending: set[asyncio.Task[None]] = set()

    async def refresh(self) -> None:
        """Ask which lanes there are: begin new ones, end those that are gone, change what has changed."""
        declared = {
            lane.name: lane
            for lane in await self._database.lanes()
            if not self._names or lane.name in self._names
        }
        await self._database.resize(len(declared))
        for name in self.lanes.keys() - declared.keys():
            self._lines.say("lane gone", lane=name)
            self._end(self.lanes.pop(name))
        for name, lane in declared.items():
            running = self.lanes.get(name)
            if running is None:
                self._lines.say("lane begins", lane=name, hosts=", ".join(lane.hosts))
                self.lanes[name] = self._begin(lane)
            elif running.loop.lane != lane:
                self._lines.say("lane changed", lane=name)
                running.loop.lane = lane

    async def once(self) -> int:
        """Every lane until nothing of it is due; how many messages there were."""
        return sum(await asyncio.gather(*(lane.once() for lane in self.lanes.values())))

    def look_after(self) -> None:
        """Tell what the lanes do; a loop that ended by a fault of ours begins anew."""
        for name, running in list(self.lanes.items()):
            running.tell()
            if error := running.died():
                self._lines.say("lane died", lane=name, error=place(error))
                self._end(running)
                self.lanes[name] = self._begin(running.loop.lane)

    async def end(self) -> None:
        """End all lanes: each in its own time, none waiting for another."""
        for running in self.lanes.values():
            self._end(running)
        await asyncio.gather(*self._ending, return_exceptions=True)
        for running in self.lanes.values():
            running.tell()

    def _begin(self, lane: Lane) -> RunningLane:
        running = RunningLane(lane, self._database, self._tokens, self._ways, self._lines, self._once)
        if not self._once:
            running.begin()
        return running

    def _end(self, running: RunningLane) -> None:
        task = asyncio.create_task(running.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
