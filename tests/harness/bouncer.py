"""PgBouncer between the tests' clients and their server: many clients share few server connections.

`--pgbouncer` puts it, in transaction mode, before every connection of `authenticator`.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

if TYPE_CHECKING:
    from tests.harness.server import Server

PROGRAM = Path("/usr/sbin/pgbouncer")
PORT = 6432  # of the socket's name; no TCP
POOL_SIZE = 2  # two, so that of two requests at once neither waits for the other's commit
CLIENTS = 3  # connections that a client of PostgREST takes by turns
TIMEOUT = 20  # seconds

CONFIGURATION = """\
[databases]
* = host={host} port={port} connect_query='set client_min_messages = log'
[pgbouncer]
listen_addr =
listen_port = {own_port}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {pool_size}
max_client_conn = 1000
query_wait_timeout = {timeout}
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
"""


class Bouncer:
    """A running PgBouncer before a server; its folder lets only its own OS user and root in."""

    on = False

    def __init__(self, server: Server, mode: str = "transaction", pool_size: int = POOL_SIZE) -> None:
        self._server = server
        self._folder = Path(tempfile.mkdtemp(prefix="dotbase-pgbouncer-", dir="/tmp"))
        parts = conninfo_to_dict(server.conninfo("postgres"))
        text = CONFIGURATION.format(
            host=parts["host"],
            port=parts["port"],
            own_port=PORT,
            folder=self._folder,
            mode=mode,
            pool_size=pool_size,
            timeout=TIMEOUT,
        )
        (self._folder / "ini").write_text(text)
        (self._folder / "users").write_text('"authenticator" ""\n"dotbase_relay" ""\n"postgres" ""\n')
        # It ends with us, even when we are killed; and it refuses to run as root.
        command = ["/usr/bin/setpriv", "--pdeathsig", "TERM"]
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            for path in (self._folder, *self._folder.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
            command += ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]
        command += [str(PROGRAM), "-q", str(self._folder / "ini")]
        self._process = subprocess.Popen(
            command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait_until_it_listens()

    def conninfo(self, database: str, user: str = "authenticator") -> str:
        """The libpq string for a database, through the pool."""
        own = self._server.conninfo(database, user)
        return make_conninfo(own, host=str(self._folder), port=PORT)

    def connect(self, database: str, user: str = "authenticator") -> psycopg.Connection:
        """A client in autocommit that prepares nothing: what is prepared belongs to one server session."""
        return psycopg.connect(self.conninfo(database, user), autocommit=True, prepare_threshold=None)

    def close(self) -> None:
        """End it, and every connection through it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(TIMEOUT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not (self._folder / f".s.PGSQL.{PORT}").exists():
            log = self._folder / "log"
            said = log.read_text() if log.exists() else "nothing"
            assert self._process.poll() is None, f"PgBouncer ended; it said: {said}"
            assert time.monotonic() < deadline, f"PgBouncer does not listen; it said: {said}"
            time.sleep(0.01)


@contextmanager
def pool(server: Server, mode: str = "transaction", pool_size: int = POOL_SIZE) -> Iterator[Bouncer]:
    """A PgBouncer for one test or module."""
    bouncer = Bouncer(server, mode, pool_size)
    try:
        yield bouncer
    finally:
        bouncer.close()


def process_of(connection: psycopg.Connection[Any]) -> int:
    """The number of the server process that the connection's transaction runs in: a pool makes one up."""
    if not Bouncer.on:
        return connection.info.backend_pid
    row = connection.execute("select pg_catalog.pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


_of_servers: dict[Server, Bouncer] = {}


def before(server: Server) -> Bouncer:
    """The one that this process's tests share with `--pgbouncer`."""
    if server not in _of_servers:
        _of_servers[server] = Bouncer(server)
        atexit.register(_of_servers[server].close)
    return _of_servers[server]
