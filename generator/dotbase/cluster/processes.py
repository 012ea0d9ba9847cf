"""Whether a cluster's server runs: a process number alone proves nothing after a crash or reboot."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

from dotbase.cluster.layout import Layout
from dotbase.errors import DotbaseError


def postmaster(layout: Layout) -> int | None:
    """The process number of the running server, or None."""
    lines = lock_file_lines(layout)
    if not lines or not lines[0].lstrip("-").isdigit():
        return None
    pid = abs(int(lines[0]))
    return pid if _works_in(pid, layout.data) else None


def ends_within(layout: Layout, seconds: float) -> bool:
    """Whether the server is gone, or goes in this time."""
    deadline = time.monotonic() + seconds
    while postmaster(layout) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def lock_file_lines(layout: Layout) -> list[str]:
    """postmaster.pid: process, data, start time, port, socket directory, address, memory, status."""
    try:
        return (layout.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def clear_leftovers(layout: Layout) -> bool:
    """Remove what a server that is gone left behind; whether there was anything.

    PostgreSQL itself refuses to start while the number in postmaster.pid belongs to any process of
    the same user, which after a reboot it may.
    """
    socket_files = list(layout.directory.glob(".s.PGSQL.*"))
    lock_file = layout.data / "postmaster.pid"
    _end_orphans(layout.data)
    for path in socket_files:
        if not path.name.endswith(".lock") and _goes_on_answering(path):
            raise DotbaseError(
                f"a server that is not on this machine's process list answers at {path}",
                "stop it where it runs: two servers on one data directory destroy it",
            )
    found = lock_file.exists() or bool(socket_files)
    for path in (*socket_files, lock_file):
        path.unlink(missing_ok=True)
    return found


def _works_in(pid: int, data: Path) -> bool:
    """A server's processes all have the data directory as their working directory."""
    try:
        where = Path(f"/proc/{pid}/cwd").readlink()
        program = Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return False
    return program.removesuffix(" (deleted)") == "postgres" and where == data.resolve()


def _end_orphans(data: Path) -> None:
    """Backends that outlived their killed postmaster hold its shared memory; most end by themselves."""
    started = time.monotonic()
    while orphans := [pid for pid in _processes() if _works_in(pid, data)]:
        waited = time.monotonic() - started
        if waited > 20:
            raise DotbaseError(
                f"process {orphans[0]} of the killed server does not end",
                f"look at it with `ps {orphans[0]}`",
            )
        if waited > 2:
            for pid in orphans:
                _signal(pid, signal.SIGKILL if waited > 6 else signal.SIGQUIT)
        time.sleep(0.1 if waited < 2 else 1)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _goes_on_answering(path: Path) -> bool:
    """Whether somebody listens; a dying process does for a moment after it has left the list."""
    deadline = time.monotonic() + 2
    while _answers(path):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.05)
    return False


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
