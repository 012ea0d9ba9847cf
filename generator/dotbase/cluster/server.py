"""Starting and stopping a cluster's server, from whatever state its last life left."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg

from dotbase.catalog.server import databases
from dotbase.cluster import binaries, creation, ports, processes, reasons, settings, state
from dotbase.cluster.layout import Layout
from dotbase.errors import DotbaseError

LONGEST_START = 180  # seconds, recovery included
STATE_OFFSET = 16  # bytes: behind system identifier, version, catalog version
SHUT_DOWN = 1  # DB_SHUTDOWNED
LARGEST_LOG = 10_000_000  # bytes; then one older log is kept beside it
RECOVERED = (
    "Recovered: the server had not been shut down (kill -9, crash or power cut); "
    "everything that was committed is there."
)


@dataclass(frozen=True)
class Started:
    """What a start did; notes are sentences for a person."""

    layout: Layout
    port: int
    was_running: bool
    notes: list[str] = field(default_factory=list)


def socket_url(layout: Layout, port: int, database: str, user: str = "postgres") -> str:
    """The libpq URL of a database over the socket."""
    host = quote(str(layout.directory), safe="")
    return f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}?host={host}&port={port}"


def start(layout: Layout) -> Started:
    """Start the server unless it runs; make the cluster first when there is none."""
    with state.lock(layout):
        found = state.read(layout)
        if found is not None and found.ready and _runs_on(layout, found.port):
            return Started(layout, found.port, was_running=True)
        notes: list[str] = []
        addresses = ports.loopback_addresses()
        port = found.port if found is not None else ports.choose(layout, addresses)
        if note := creation.ensure(layout, port):
            notes.append(note)
        left_over = processes.clear_leftovers(layout)
        if _was_killed(layout) or left_over:
            notes.append(RECOVERED)
        if not ports.becomes_free(port, addresses, seconds=2 if left_over else 0):
            port = _another_port(layout, port, addresses, notes)
        if not layout.master_key.exists():
            notes.append(f"{layout.master_key} is gone: secrets cannot be read until it is back.")
        port = _launch(layout, port, addresses, notes)
        _ensure_database(layout, port)
        return Started(layout, port, was_running=False, notes=notes)


def _runs_on(layout: Layout, port: int) -> bool:
    """Whether the server runs, and goes on running: one that was just killed is there for a moment."""
    if processes.postmaster(layout) is None:
        return False
    try:
        _ensure_database(layout, port)
    except DotbaseError:
        if processes.ends_within(layout, seconds=2):
            return False
        raise
    return True


def stop(layout: Layout) -> bool:
    """Stop the server; whether it ran."""
    with state.lock(layout):
        return stop_locked(layout)


def stop_locked(layout: Layout) -> bool:
    """Stop the server while the caller holds the lock; whether it ran."""
    if processes.postmaster(layout) is None:
        return False
    pg_ctl = binaries.of_cluster(layout).program("pg_ctl")
    stopped = layout.account.run(pg_ctl, "stop", "-D", layout.data, "-m", "fast", "-w", "-t", "60")
    if stopped.returncode != 0 and processes.postmaster(layout) is not None:
        raise DotbaseError(
            f"the server of cluster {layout.name} does not stop: {stopped.stdout.strip()}",
            f"look into {layout.log}",
        )
    return True


def _another_port(layout: Layout, taken: int, addresses: list[str], notes: list[str]) -> int:
    port = ports.choose(layout, addresses, refused=taken)
    notes.append(f"Port {taken} is taken by another program; the server now listens on {port}.")
    return port


def _was_killed(layout: Layout) -> bool:
    """By the state in pg_control, which stands at the same place in every version so far."""
    try:
        control = (layout.data / "global" / "pg_control").read_bytes()
    except FileNotFoundError:
        return False  # The server will say what it misses.
    state: int = struct.unpack_from("=i", control, STATE_OFFSET)[0]
    return state != SHUT_DOWN


def _launch(layout: Layout, port: int, addresses: list[str], notes: list[str]) -> int:
    """Start on this port, or on another one if somebody takes it at this very moment."""
    for _ in range(3):
        settings.write(layout, port, addresses, binaries.of_cluster(layout).preloaded())
        _run_pg_ctl(layout)
        # The sixth line is the first address that the server could bind, or empty.
        listening = [*processes.lock_file_lines(layout), *[""] * 6][5]
        if listening == addresses[0]:
            state.write(layout, port, ready=True)
            return port
        stop_locked(layout)
        port = _another_port(layout, port, addresses, notes)
    raise DotbaseError("no loopback port stayed free for the server", f"look into {layout.log}")


def _run_pg_ctl(layout: Layout) -> None:
    log = layout.log
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.rename(log.with_name("server.log.1"))
    said_before = log.stat().st_size if log.exists() else 0
    pg_ctl = binaries.of_cluster(layout).program("pg_ctl")
    started = layout.account.run(
        pg_ctl, "start", "-D", layout.data, "-l", log, "-w", "-t", str(LONGEST_START)
    )
    if started.returncode == 0:
        return
    if processes.postmaster(layout) is not None:
        raise DotbaseError(
            f"the server of cluster {layout.name} has been starting for {LONGEST_START} s",
            f"wait, look at `{layout.command} status` and into {log}",
        )
    said = ""
    if log.exists():
        with log.open("rb") as file:
            file.seek(said_before)
            said = file.read().decode(errors="replace")
    reason = reasons.of_failed_start(said or started.stdout)
    raise DotbaseError(f"the server of cluster {layout.name} cannot start: {reason}", f"read {log}")


def _ensure_database(layout: Layout, port: int) -> None:
    """Wait until the server answers; its first database may have been dropped meanwhile."""
    deadline = time.monotonic() + LONGEST_START
    while True:
        try:
            connection = psycopg.connect(
                socket_url(layout, port, "postgres"), autocommit=True, connect_timeout=10
            )
            break
        except psycopg.OperationalError as error:
            if "starting up" not in str(error) or time.monotonic() > deadline:
                reason = reasons.of_refused_connection(error)
                raise DotbaseError(
                    f"the server of cluster {layout.name} runs but does not let us in: {reason}",
                    f"restart it with `{layout.command} stop` and `{layout.command} start`",
                ) from error
            time.sleep(0.1)
    with connection:
        if settings.DATABASE not in databases(connection):
            connection.execute(f"create database {settings.DATABASE}")
