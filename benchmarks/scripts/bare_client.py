"""The relay's floor: its HTTP client in a bare loop, with the same requests and as many at a time.

Arguments: address, how many requests, how many at a time, the size of a body.
"""

from __future__ import annotations

import asyncio
import sys
import uuid

import aiohttp


async def main(url: str, requests: int, at_once: int, size: int) -> None:
    """Send them all."""
    left = iter(range(requests))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for _ in left:
                headers = {
                    "User-Agent": "bare",
                    "Idempotency-Key": str(uuid.uuid4()),
                    "Content-Type": "application/json",
                }
                async with session.post(url, data=b"x" * size, headers=headers) as response:
                    await response.read()
                    assert response.status == 200

        await asyncio.gather(*(work() for _ in range(at_once)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
