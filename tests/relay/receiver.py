"""Somebody outside: an HTTP server on loopback that answers as its path says, and remembers who asked what.

It speaks HTTP by hand, since what it says is not always HTTP.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from time import monotonic, time
from urllib.parse import parse_qs, urlsplit

TEN_MEGABYTES = 10 * 1024 * 1024
NEVER = 3600.0


@dataclass(frozen=True)
class Request:
    """What arrived, whole, and when."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=monotonic)

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters, the last of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def key(self) -> str:
        """The idempotency key."""
        return self.headers.get("idempotency-key", "")


class Receiver:
    """The server; every method may be called from the test's thread."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.by_key: Counter[str] = Counter()
        self.most_at_once = 0
        self.written = 0
        # For what a test wants to answer by itself: path → (status, headers, body).
        self.answers: dict[str, Callable[[Request], tuple[int, dict[str, str], bytes]]] = {}
        self.released = threading.Event()
        self.port = 0
        self._at_once = 0
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Listen on a port that is free."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        """Close everything, mid-answer or not."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def host(self) -> str:
        """How a lane names it."""
        return f"http://127.0.0.1:{self.port}"

    def got(self, path: str) -> list[Request]:
        """The requests for a path, in order."""
        return [request for request in list(self.requests) if request.path == path]

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read(reader):
                self.requests.append(request)
                self.by_key[request.key] += 1
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                try:
                    goes_on = await self._answer(request, writer)
                finally:
                    self._at_once -= 1
                if not goes_on:
                    return
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return
        finally:
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        kind = request.path.strip("/").split("/")
        if kind[0] == "first":
            # The first attempt of a message gets what comes behind, those after it get 200.
            kind = kind[1:] if self.by_key[request.key] == 1 else ["ok"]
        if request.path in self.answers:
            await _say(writer, *self.answers[request.path](request))
        elif kind[0] == "status" and kind[1] == "204":
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
        elif kind[0] == "status":
            await _say(writer, int(kind[1]), {}, b"said " + kind[1].encode())
        elif kind[0] == "busy":
            await _say(writer, 429, {"Retry-After": kind[1]}, b"")
        elif kind[0] == "busy-until":
            await _say(writer, 503, {"Retry-After": formatdate(time() + int(kind[1]), usegmt=True)}, b"")
        elif kind[0] == "moved":
            await _say(writer, 302, {"Location": f"{self.host}/elsewhere"}, b"")
        elif kind[0] == "echo":
            told = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
            echoed = request.headers.get("authorization", "")
            await _say(writer, 200, {"X-Echo": echoed}, f"{request.target}\n{told}".encode())
        elif kind[0] == "slow":
            await asyncio.sleep(float(kind[1]))
            await _say(writer, 200, {}, b"late")
        elif kind[0] == "held":
            while not self.released.is_set():
                await asyncio.sleep(0.01)
            await _say(writer, 200, {}, b"released")
        elif kind[0] == "hang":
            await asyncio.sleep(NEVER)
        elif kind[0] == "half":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            await writer.drain()
            return False
        elif kind[0] == "close":
            return False
        elif kind[0] == "garbage":
            writer.write(b"\x16\x03\x01 garbage\r\n\xff\xfe\r\n\r\n" * 20)
            await writer.drain()
            return False
        elif kind[0] == "large":
            return await self._pour(writer, is_chunked=kind[1:] == ["chunked"])
        elif kind[0] == "headers":
            await _say(writer, 200, {f"X-{i}": "y" * 1000 for i in range(int(kind[1]))}, b"")
        elif kind[0] == "odd-header":
            writer.write(b"HTTP/1.1 200 OK\r\nX-Odd: caf\xe9\r\nContent-Length: 3\r\n\r\n\xff\x00\xfe")
            await writer.drain()
        else:
            await _say(writer, 200, {}, b'{"ok": true}')
        return True

    async def _pour(self, writer: asyncio.StreamWriter, is_chunked: bool) -> bool:
        size = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % TEN_MEGABYTES
        writer.write(b"HTTP/1.1 200 OK\r\n" + size + b"\r\n\r\n")
        part = b"x" * 65536
        self.written = 0
        for _ in range(TEN_MEGABYTES // len(part)):
            writer.write(b"10000\r\n" + part + b"\r\n" if is_chunked else part)
            await writer.drain()
            self.written += len(part)
        writer.write(b"0\r\n\r\n" if is_chunked else b"")
        return True


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver for the time of a test."""
    receiver = Receiver(tls)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


async def _say(writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: bytes) -> None:
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "\r\n"]).encode() + body)
    await writer.drain()
