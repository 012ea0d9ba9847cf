"""How others run one due periodic job, by their own statements: graphile-worker and procrastinate."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module, util
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.house import CLUSTER, ROOT, House
from dotbase import cluster
from dotbase.errors import DotbaseError

SCRIPT = Path(__file__).parent / "scripts" / "graphile.mjs"
Rival = Callable[[], float]  # runs one job; the seconds that its statements took


@contextmanager
def rivals(house: House) -> Iterator[dict[str, Rival]]:
    """Both, ready, in the measured database, each in a session of its own."""
    url = cluster.local_url(CLUSTER, house.name, root=ROOT)
    with ExitStack() as stack:
        yield {
            "graphile-worker": stack.enter_context(_graphile(url)),
            "procrastinate": stack.enter_context(_procrastinate(url)),
        }


@contextmanager
def _graphile(url: str) -> Iterator[Rival]:
    """Its own worker and scheduler: insert what is due, take a job, delete it."""
    if not (ROOT / "node_modules" / "graphile-worker").is_dir():
        raise DotbaseError("graphile-worker is not installed", "run `make node-packages`")
    with subprocess.Popen(
        ["node", SCRIPT, ROOT, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None

        def say(line: str) -> str:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(line)
            worker.stdin.flush()
            answer = worker.stdout.readline().strip()
            if not answer:
                raise DotbaseError("graphile-worker's worker has ended", "run `make bench` again")
            return answer

        assert say("") == "ready"
        yield lambda: float(say("\n")) / 1000
        worker.stdin.close()


@contextmanager
def _procrastinate(url: str) -> Iterator[Rival]:
    """Its own three statements: defer what is due, fetch a job, finish it."""
    if util.find_spec("procrastinate") is None:
        raise DotbaseError("procrastinate is not installed", "run `make setup`")
    queries: dict[str, str] = import_module("procrastinate.sql").queries
    schema: str = import_module("procrastinate.schema").SchemaManager.get_schema()
    with psycopg.connect(url, autocommit=True) as session:
        # As its own connector does.
        session.execute(schema.replace("%%", "%").encode())
        registered = session.execute(queries["register_worker"].encode()).fetchone()
        assert registered is not None
        moments = iter(range(1, 1_000_000))

        def query(name: str, **arguments: Any) -> Any:
            row = session.execute(queries[name].encode(), arguments).fetchone()
            assert row is not None
            return row[0]

        def run() -> float:
            started = time.perf_counter()
            due = {"task_name": "nothing", "periodic_id": "measured", "args": "{}", "priority": 0}
            query(
                "defer_periodic_job",
                **due,
                queue="default",
                lock=None,
                queueing_lock=None,
                defer_timestamp=next(moments),
            )
            job_id = query("fetch_job", queues=None, worker_id=registered[0])
            query("finish_job", job_id=job_id, status="succeeded", delete_job=False)
            return time.perf_counter() - started

        yield run
