"""What systemd is told of a service of `Type=notify`, where it asks: ready, alive, stopping."""

from __future__ import annotations

import os
import socket

WATCHDOG = "WATCHDOG=1"
READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(state: str) -> None:
    """One datagram to the socket that systemd names; without one, or when it is gone, nothing."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    address = f"\0{path[1:]}" if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(state.encode(), address)
        except OSError:
            return
