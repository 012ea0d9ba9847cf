"""The server that tests run on: this checkout's cluster `test`, or one named by DOTBASE_TEST_SERVER.

With DOTBASE_POSTGRES, clusters are of that version and called after it: `test17`, `torture17`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dotbase import cluster
from tests.harness import bouncer, supabase
from tests.harness.bouncer import Bouncer
from tests.harness.target import SUPABASE, VERSION

ROOT = Path(__file__).resolve().parents[2]
# What tests start; those kept are only stopped at the end of a run, since they hold what took long to build.
CLUSTERS = ("test", "live", "torture", "supabase", "test-supabase", "live-supabase")
KEPT = ("test", "live", "test-supabase", "live-supabase")
# Nothing is synced to disk: that survives every kill -9, but not the machine's own crash. Little is kept of
# what the server says, where each test of an error would leave a statement, and of the log of changes.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "log_checkpoints": "off",
    "log_min_messages": "fatal",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
    "wal_recycle": "off",
    "wal_init_zero": "off",
}


class Server:
    """Where a cluster is, and a connection to it for each login role."""

    def __init__(self, conninfo: str, master_key_file: Path | None = None) -> None:
        self._conninfo = conninfo
        self.master_key_file = master_key_file

    def conninfo(self, database: str, user: str | None = None) -> str:
        """The libpq string for a database, as a superuser or as this role."""
        return make_conninfo(self._conninfo, dbname=database, user=user)

    def connect(
        self, database: str = "postgres", user: str | None = None, application: str = "dotbase tests"
    ) -> psycopg.Connection[Any]:
        """A connection in autocommit; PostgREST's through PgBouncer, with `--pgbouncer`."""
        if Bouncer.on and user == "authenticator":
            return bouncer.before(self).connect(database)
        conninfo = make_conninfo(self.conninfo(database, user), application_name=application)
        return psycopg.connect(conninfo, autocommit=True)


@contextmanager
def one_process(name: str) -> Iterator[None]:
    """Holds a file lock of this checkout, which a killed process loses."""
    path = ROOT / ".dotbase" / f"tests-{name}.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def named(name: str) -> str:
    """The cluster's whole name: each version of the server has clusters of its own."""
    return f"{name}{VERSION or ''}"


def start(name: str = "test") -> Server:
    """The cluster of this name, started if it was not running; `test` is made for speed."""
    given = os.environ.get("DOTBASE_TEST_SERVER")
    if given and name == "test":
        return Server(given)
    name, kind = named(name), name
    if kind == "supabase":
        return _start_as_supabase(name)
    if SUPABASE and kind in ("test", "live"):
        return _start_as_supabase(named(f"{kind}-supabase"))
    with one_process(f"start-{name}"):
        _start_for_tests(name)
    url = cluster.local_url(name, "postgres", root=ROOT)
    return Server(url, cluster.master_key_file(name, ROOT))


def _start_as_supabase(name: str) -> Server:
    """A cluster shaped like Supabase's."""
    with one_process(f"start-{name}"):
        _start_for_tests(name)
        server = Server(cluster.local_url(name, "postgres", root=ROOT))
        supabase.prepare(server)
    return server


def _start_for_tests(name: str) -> None:
    """Start it with our settings. After a reboot it is made anew: it holds nothing but tests' databases."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    mark = ROOT / ".dotbase" / f"tests-{name}.boot"
    if mark.exists() and mark.read_text() != boot:
        cluster.destroy(name, ROOT)
    if cluster.start(name, ROOT).was_running:
        return
    mark.write_text(boot)
    with psycopg.connect(cluster.local_url(name, "postgres", root=ROOT), autocommit=True) as connection:
        if connection.execute("show fsync").fetchone() == ("off",):
            return
        for setting, value in SETTINGS.items():
            connection.execute(sql.SQL("alter system set {} = {}").format(sql.Identifier(setting), value))
        connection.execute("select pg_reload_conf()")
