"""Making a cluster: directory, master key, initdb, the database; finished even when interrupted."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from dotbase.cluster import binaries, placement, settings, state
from dotbase.cluster.layout import Layout
from dotbase.errors import DotbaseError


def ensure(layout: Layout, port: int) -> str | None:
    """Make the cluster unless it is there; a sentence when it is not the first attempt."""
    found = state.read(layout)
    lost = placement.lost(layout)
    if found is not None and found.ready and not lost:
        return None
    interrupted = layout.data.exists()
    chosen = binaries.for_new_cluster()
    _make_directory(layout)
    state.write(layout, port, ready=False)
    placement.remove(layout)
    if not layout.master_key.exists():
        layout.account.write(layout.master_key, secrets.token_hex(32) + "\n")
    programs = binaries.keep(chosen, layout)
    placement.make(layout)
    _initialise(layout, programs.program("initdb"), programs.program("postgres"))
    state.write(layout, port, ready=True)
    if lost:
        return "The cluster lay in memory, which a reboot empties; it was made anew."
    return "An earlier first start had been interrupted; the cluster was made anew." if interrupted else None


def _make_directory(layout: Layout) -> None:
    directory, account = layout.directory, layout.account
    try:
        if directory.exists() and state.read(layout) is None and any(directory.iterdir()):
            raise DotbaseError(
                f"{directory} is in the way: dotbase did not make it",
                "move it away, or choose another cluster with --cluster",
            )
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)
        if account.switch:
            os.chown(directory, account.uid, account.gid)
    except OSError as error:
        raise DotbaseError(
            f"{directory} cannot be made ({error.strerror})", "make its parent folder writable"
        ) from error


def _initialise(layout: Layout, initdb: Path, postgres: Path) -> None:
    made = layout.account.run(
        initdb,
        f"--pgdata={layout.data}",
        "--username=postgres",
        "--auth-local=peer",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    )
    if made.returncode != 0:
        raise _failed(layout, "initdb", made.stdout)
    configuration = layout.data / "postgresql.conf"
    layout.account.write(configuration, configuration.read_text() + settings.INCLUDES)
    # Before the first real start, so that pg_cron never looks for a database that is not there yet.
    made = layout.account.run(
        postgres,
        "--single",
        "-D",
        layout.data,
        "postgres",
        text_in=f"create database {settings.DATABASE}\n",
    )
    if made.returncode != 0 or "ERROR" in made.stdout:
        raise _failed(layout, "creating the database", made.stdout)


def _failed(layout: Layout, what: str, output: str) -> DotbaseError:
    lines = [line for line in output.splitlines() if "error" in line.lower() or "FATAL" in line]
    reason = " ".join(lines[-2:]) or " ".join(output.splitlines()[-2:])
    return DotbaseError(
        f"{what} failed in {layout.directory}: {reason}", f"put that right and run `{layout.command} start`"
    )
