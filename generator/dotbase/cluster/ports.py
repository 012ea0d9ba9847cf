"""Free loopback ports, the same for a cluster from start to start."""

from __future__ import annotations

import hashlib
import socket
import time

from dotbase.cluster.layout import Layout
from dotbase.errors import DotbaseError

FIRST, COUNT = 15432, 10000  # below the ports that outgoing connections get


def loopback_addresses() -> list[str]:
    """The loopback addresses that this machine has."""
    return ["127.0.0.1", "::1"] if _can_bind("::1", 0) else ["127.0.0.1"]


def is_free(port: int, addresses: list[str]) -> bool:
    """Whether a server could listen on the port."""
    return all(_can_bind(address, port) for address in addresses)


def becomes_free(port: int, addresses: list[str], seconds: float) -> bool:
    """The same, waiting a while for a dying server that still holds it."""
    deadline = time.monotonic() + seconds
    while not is_free(port, addresses):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def choose(layout: Layout, addresses: list[str], refused: int | None = None) -> int:
    """A free port for this cluster, where its name points or the next after it."""
    digest = hashlib.sha256(f"{layout.checkout}\0{layout.name}".encode()).digest()
    start = int.from_bytes(digest[:4], "big")
    for step in range(200):
        port = FIRST + (start + step) % COUNT
        if port != refused and is_free(port, addresses):
            return port
    raise DotbaseError("no free loopback port was found", "stop what listens on ports 15432 to 25431")


def _can_bind(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError:
        return False
    return True
