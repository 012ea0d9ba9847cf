"""The process of a relay: its lanes, its heartbeat, and its end by signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import psycopg
from yarl import URL

from dotbase.errors import DotbaseError
from dotbase.relay import systemd
from dotbase.relay.database import Database
from dotbase.relay.lines import Lines, place
from dotbase.relay.messages import DatabaseGoneError
from dotbase.relay.supervision import Supervisor, Ways

LANES_EVERY = 5.0
HEARTBEAT_EVERY = 10.0
# What becomes of requests under way and of reports when there is no time any more.
KILLED = 1


@dataclass(frozen=True)
class Options:
    """How a relay was started."""

    conninfo: str
    lanes: tuple[str, ...]
    once: bool
    name: str
    connections: int | None
    loopback_http: bool
    proxies: Mapping[str, str]


def default_name() -> str:
    """Host, process and start: no other relay is called so, and neither is this one after a restart."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{int(time.time())}"


def version() -> str:
    """Of dotbase."""
    return metadata.version("dotbase")


def checked_proxies(proxies: Mapping[str, str]) -> dict[str, str]:
    """Those that can be used; what is none is not repeated, since it may hold a password."""
    for scheme, proxy in proxies.items():
        try:
            fits = scheme == "no" or (URL(proxy).scheme in ("http", "https") and bool(URL(proxy).host))
        except ValueError:
            fits = False
        if not fits:
            raise DotbaseError(
                f"the proxy that the environment names for {scheme} cannot be used",
                "write it as http://host:port, or do without --environment-proxies",
            )
    return dict(proxies)


class Relay:
    """A relay from its first connection to its last report."""

    def __init__(self, options: Options, lines: Lines) -> None:
        self._options = options
        self._lines = lines
        self._database = Database(options.conninfo, lines, options.connections)
        self._version = version()
        ways = Ways(f"dotbase-relay/{self._version}", options.loopback_http, options.proxies)
        self._supervisor = Supervisor(self._database, options.lanes, ways, lines, options.once)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until a signal; with `once`, until nothing is due."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unforeseen)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        await self._database.open()
        try:
            await self._begin()
            heartbeat = asyncio.create_task(self._heartbeats())
            work = asyncio.create_task(self._once() if self._options.once else self._keep_lanes())
            stop = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
            systemd.notify(systemd.STOPPING)
            await self._supervisor.end()
            for task in (heartbeat, stop, work):
                task.cancel()
            await asyncio.gather(heartbeat, stop, return_exceptions=True)
            if work.done() and not work.cancelled():
                work.result()
        finally:
            await self._database.close()
        self._lines.say("ended", name=self._options.name)

    async def _begin(self) -> None:
        try:
            await self._supervisor.refresh()
        except DatabaseGoneError:
            raise DotbaseError("the database went away", "start the relay again") from None
        missing = sorted(set(self._options.lanes) - self._supervisor.lanes.keys())
        if missing:
            await self._supervisor.end()
            raise DotbaseError(
                f"the database has no lane {', '.join(missing)} for a relay",
                "lanes are declared in functions/<app>/lanes.yaml and made by `dotbase migrate`",
            )
        lanes = len(self._supervisor.lanes)
        self._lines.say("ready", name=self._options.name, version=self._version, lanes=lanes)
        systemd.notify(systemd.READY)

    async def _keep_lanes(self) -> None:
        told = time.monotonic()
        while True:
            await asyncio.sleep(LANES_EVERY)
            await self._tried(self._supervisor.refresh())
            if time.monotonic() - told >= 2 * LANES_EVERY:
                told = time.monotonic()
                self._supervisor.look_after()

    async def _once(self) -> None:
        """Again while there was something: a result function may enqueue, into a lane that was done."""
        try:
            while await self._supervisor.once() and not self._stopping.is_set():
                continue
        except DatabaseGoneError:
            raise DotbaseError("the database went away", "start the relay again") from None

    async def _heartbeats(self) -> None:
        while True:
            await self._tried(self._database.heartbeat(self._options.name, self._version))
            # That this loop goes round is what systemd is told; the database may be away.
            systemd.notify(systemd.WATCHDOG)
            await asyncio.sleep(HEARTBEAT_EVERY)

    async def _tried(self, call: Awaitable[None]) -> None:
        """What is done again in a while, whatever comes of it."""
        try:
            await call
        except DatabaseGoneError:
            return
        except psycopg.Error as error:
            self._lines.say("database refused", sqlstate=error.sqlstate)
        except Exception as error:
            self._lines.say("unforeseen", error=place(error))

    def _signalled(self, number: int) -> None:
        name = signal.Signals(number).name
        if self._stopping.is_set():
            self._lines.say("killed", signal=name)
            os._exit(KILLED)
        self._lines.say("stopping", signal=name)
        self._stopping.set()

    def _unforeseen(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Instead of asyncio's own line, which has the exception's text."""
        error = context.get("exception")
        self._lines.say("unforeseen", error=place(error) if error else None)


def run(options: Options, lines: Lines) -> None:
    """Run a relay to its end."""

    async def main() -> None:
        await Relay(options, lines).run()

    asyncio.run(main())
