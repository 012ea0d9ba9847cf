"""The relay's floor: its HTTP client in a bare loop, with the same requests and as many at a time.

Arguments: address, how many requests, how many at a time, the size of a body.
"""

from __future__ import annotations

import asyncio
import sys
import uuid

import aiohttp
from yarl import URL


async def main(url: str, requests: int, at_once: int, size: int) -> None:
    """Send them all."""
    left = iter(range(requests))
    target = URL(url, encoded=True)
    # What the relay has switched off is off here, too: a floor that does more than it must is none.
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:

        async def work() -> None:
            for _ in left:
                headers = {
                    "User-Agent": "bare",
                    "Idempotency-Key": str(uuid.uuid4()),
                    "Content-Type": "application/json",
                }
                async with session.post(target, data=b"x" * size, headers=headers) as response:
                    await response.read()
                    assert response.status == 200

        await asyncio.gather(*(work() for _ in range(at_once)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
