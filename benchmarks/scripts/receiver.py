"""A receiver of messages in a process of its own: 200 after 30 ms, over connections that are kept.

Says its port; then for each line that it reads, how many requests came since the last one, and when by the
clock of the machine the first and the last of them came.
"""

from __future__ import annotations

import asyncio
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n" + b'{"ok": true}'
WAITED = 0.03


class Counted:
    """What came since somebody asked."""

    number = 0
    first = 0.0
    last = 0.0


class Receiver(asyncio.Protocol):
    """One connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Count a request once its body is here, and answer after a while."""
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = next(
            int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        if len(body) < length:
            return
        self._buffer = body[length:]
        Counted.last = time.time()
        Counted.first = Counted.first or Counted.last
        Counted.number += 1
        asyncio.get_running_loop().call_later(WAITED, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def main() -> None:
    """Serve until nobody asks any more."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Receiver, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(Counted.number, Counted.first, Counted.last, flush=True)
        Counted.number, Counted.first = 0, 0.0


if __name__ == "__main__":
    asyncio.run(main())
