"""The private local server of a checkout: one directory, one socket, one loopback port a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dotbase.cluster import layout as layouts
from dotbase.cluster import processes, removal, server, settings, state
from dotbase.cluster.server import Started
from dotbase.errors import DotbaseError

__all__ = [
    "Started",
    "Status",
    "destroy",
    "local_url",
    "master_key_file",
    "scratch",
    "start",
    "status",
    "stop",
    "tcp_url",
]

SCRATCH = "-scratch"


@dataclass(frozen=True)
class Status:
    """What there is of a cluster; port and pid are None while it does not exist or does not run."""

    name: str
    exists: bool
    running: bool
    directory: Path
    log: Path
    os_user: str
    port: int | None
    pid: int | None
    url: str | None


def scratch(name: str = "dev") -> str:
    """The name of the cluster beside this one that scratch databases are made in; it keeps nothing."""
    return f"{name.removesuffix(SCRATCH)[: layouts.LONGEST_NAME - len(SCRATCH)]}{SCRATCH}"


def start(name: str = "dev", root: Path | None = None) -> Started:
    """Start the cluster of this name, made first if need be. Starting a running one is fine."""
    return server.start(layouts.locate(name, root))


def stop(name: str = "dev", root: Path | None = None) -> bool:
    """Stop the cluster, and the one beside it for scratch databases; whether it ran."""
    if name != scratch(name):
        stop(scratch(name), root)
    layout = layouts.locate(name, root)
    return server.stop(layout) if layout.directory.exists() else False


def destroy(name: str = "dev", root: Path | None = None) -> bool:
    """Remove the cluster with all its databases, and the one beside it; whether there was one."""
    if name != scratch(name):
        destroy(scratch(name), root)
    return removal.destroy(layouts.locate(name, root))


def status(name: str = "dev", root: Path | None = None) -> Status:
    """What there is of the cluster."""
    layout = layouts.locate(name, root)
    found = state.read(layout) if layout.directory.exists() else None
    pid = processes.postmaster(layout) if found is not None else None
    return Status(
        name=name,
        exists=found is not None,
        running=pid is not None,
        directory=layout.directory,
        log=layout.log,
        os_user=layout.account.name,
        port=found.port if found else None,
        pid=pid,
        url=server.socket_url(layout, found.port, settings.DATABASE) if found and pid else None,
    )


def local_url(
    name: str = "dev", database: str = settings.DATABASE, *, user: str = "postgres", root: Path | None = None
) -> str:
    """The libpq URL of a database of the running cluster, over its socket."""
    layout, port = _running(name, root)
    return server.socket_url(layout, port, database, user)


def tcp_url(
    name: str = "dev", database: str = settings.DATABASE, *, user: str = "postgres", root: Path | None = None
) -> str:
    """The libpq URL of a database of the running cluster, over its loopback port, without password."""
    _, port = _running(name, root)
    return f"postgresql://{user}@127.0.0.1:{port}/{database}"


def master_key_file(name: str = "dev", root: Path | None = None) -> Path:
    """The file that holds the cluster's master key; only the server's OS user and root can read it."""
    return layouts.locate(name, root).master_key


def _running(name: str, root: Path | None) -> tuple[layouts.Layout, int]:
    layout = layouts.locate(name, root)
    found = state.read(layout) if layout.directory.exists() else None
    if found is None or processes.postmaster(layout) is None:
        raise DotbaseError(
            f"the local cluster {name} does not run", f"start it with `{layout.command} start`"
        )
    return layout, found.port
