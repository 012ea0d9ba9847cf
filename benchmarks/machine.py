"""What the figures were measured on, in general terms."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.house import House

SETTINGS = ("shared_buffers", "max_wal_size", "work_mem", "fsync", "synchronous_commit", "jit")


def describe(house: House) -> list[str]:
    """Cores, memory, version, and the settings that matter."""
    version = house.value("show server_version").split()[0]
    settings = ", ".join(f"`{name}` {house.value(f'show {name}')}" for name in SETTINGS)
    memory = _memory()
    return [
        f"{os.cpu_count()} cores{f', {memory} GB of memory' if memory else ''}, "
        f"PostgreSQL {version}, the configuration of `dotbase db start` ({settings}).",
        f"Load average when the measurement began: {os.getloadavg()[0]:.1f}.",
    ]


def _memory() -> int | None:
    try:
        kilobytes = Path("/proc/meminfo").read_text().split()[1]
    except OSError:
        return None
    return round(int(kilobytes) / 1024**2)
