"""Names into addresses, in threads of the lane's own: a name server that hangs holds up that lane alone.

The event loop's own threads are few and shared, and a call of getaddrinfo cannot be cancelled.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 2  # a lane has few hosts


class LaneResolver(AbstractResolver):
    """The system's resolver, as every other program here asks it."""

    def __init__(self, lane: str) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"resolver of {lane}")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _addresses, host, port, family
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=found_family,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Wait for no answer any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(
    host: str, port: int, family: socket.AddressFamily
) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [(int(kin), int(kind), proto, name, address) for kin, kind, proto, name, address in found]
