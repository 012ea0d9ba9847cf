"""Kill -9 at a random instant: a client process, or the server process of a session.

A server process killed so takes every session of its cluster down and Postgres through crash
recovery. Such tests therefore have a cluster of their own, `torture`, one test at a time.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.harness import templates
from tests.harness.clones import Clones
from tests.harness.databases import Database
from tests.harness.server import ROOT, Server, one_process, start

RECOVERY = 60.0  # seconds that crash recovery may take


@dataclass(frozen=True)
class Kill:
    """What came of it: after how many seconds, and whether the victim had finished before."""

    after: float
    finished: bool
    output: str = ""


class Torture:
    """The cluster `torture` with a clone of the template in it, and random instants from a seed."""

    def __init__(self, server: Server, database: Database, seed: int) -> None:
        self.server = server
        self.database = database
        self._random = random.Random(seed)

    def kill_client(
        self, command: Sequence[str], within: float, env: Mapping[str, str] | None = None
    ) -> Kill:
        """Run a command, kill -9 it at a random instant within these seconds; its session is gone after."""
        after = self._random.uniform(0, within)
        environment = {**os.environ, **(env or {})}
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=after)
            finished = True
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            finished = False
        self.wait_until_alone()
        return Kill(after, finished, output)

    def kill_backend(self, user: str, statement: str, within: float) -> Kill:
        """Execute a statement as this role, kill -9 its server process at a random instant."""
        after = self._random.uniform(0, within)
        victim = self.server.connect(self.database.name, user=user)
        process = victim.info.backend_pid
        assert "postgres" in Path(f"/proc/{process}/comm").read_text(), "not a server on this machine"
        canary = self.server.connect("postgres")
        failed = threading.Event()

        def execute() -> None:
            try:
                victim.execute(statement.encode())
            except psycopg.Error:
                failed.set()

        thread = threading.Thread(target=execute)
        thread.start()
        thread.join(timeout=after)
        os.kill(process, signal.SIGKILL)
        thread.join()
        self._wait_until_recovered(canary)
        victim.close()
        return Kill(after, finished=not failed.is_set())

    def crash(self, user: str) -> None:
        """Kill -9 a server process of this role's sessions, if it has one, else any: the cluster recovers."""
        canary = self.server.connect("postgres")
        row = canary.execute(
            "select pid from pg_stat_activity where backend_type = 'client backend' "
            "and pid <> pg_backend_pid() order by usename = %s desc limit 1",
            [user],
        ).fetchone()
        process = row[0] if row else canary.info.backend_pid
        assert "postgres" in Path(f"/proc/{process}/comm").read_text(), "not a server on this machine"
        os.kill(process, signal.SIGKILL)
        self._wait_until_recovered(canary)

    def wait_until_alone(self) -> None:
        """Until no session of a killed client is left in the database."""
        deadline = time.monotonic() + RECOVERY
        self.database.close()
        with self.server.connect("postgres") as connection:
            while connection.execute(
                "select from pg_stat_activity where datname = %s", [self.database.name]
            ).rowcount:
                assert time.monotonic() < deadline, "a killed client's session does not end"
                time.sleep(0.01)

    def _wait_until_recovered(self, canary: psycopg.Connection[Any]) -> None:
        """Until the crash has ended the other sessions, then until the server accepts new ones."""
        deadline = time.monotonic() + RECOVERY
        while True:
            try:
                canary.execute("select pg_sleep(0.005)")
            except psycopg.OperationalError:
                break
            assert time.monotonic() < deadline, "the postmaster did not notice the kill"
        self.database.close()
        while True:
            try:
                self.server.connect("postgres").close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "the server does not come back"
                time.sleep(0.01)


@contextmanager
def torture(seed: int) -> Iterator[Torture]:
    """The torture cluster for one test: nobody else's sessions are in it meanwhile."""
    # Looked at only in turn: while somebody else kills in it, it recovers and takes no connection.
    with one_process("torture"):
        server = start("torture")
        with server.connect("postgres") as maintenance:
            template = templates.ensure(server, maintenance, templates.steps(server))
            database = Clones(server, maintenance, template).make()
        try:
            yield Torture(server, database, seed)
        finally:
            database.close()
            with server.connect("postgres") as maintenance:
                Clones(server, maintenance, template)  # drops what its dead maker left: the clone
