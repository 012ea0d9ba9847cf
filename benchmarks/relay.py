"""`dotbase relay` over HTTP, its claims and reports included, beside a bare loop of its HTTP client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.house import CLUSTER, ROOT, House
from benchmarks.samples import Comparison, Run
from dotbase import cluster
from dotbase.errors import DotbaseError
from dotbase.render.declarations.lanes import Lane, declared

SCRIPTS = Path(__file__).parent / "scripts"
MESSAGES = 10_000
AT_ONCE = 100
BODY = 400  # bytes
LEAST = 0.6
SECONDS = 120.0
LANE = "floor_messages"
WAITING = f"select count(*) from outbox.queue where lane = '{LANE}'"
FILL = """
    select
        i::text as key,
        $1 ->> 'host' as destination,
        convert_to(repeat('x', ($1 ->> 'size')::integer), 'UTF8') as body
    from generate_series(1, ($1 ->> 'messages')::integer) as i
"""


class Receiver:
    """The process that both send to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.host = f"http://127.0.0.1:{self._answer()}"

    def counted(self) -> tuple[int, float, float]:
        """How many requests came since the last time, and when the first and the last of them came."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        number, first, last = self._answer().split()
        return int(number), float(first), float(last)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise DotbaseError("the receiver of the measurement has ended", "run `make bench` again")
        return answer


def measure(house: House, runs: int, say: Callable[[str], None]) -> list[Comparison]:
    """By turns: the bare loop, and as many messages through the outbox until the last is reported."""
    samples: list[Run] = []
    with _receiver() as receiver:
        _declare(house, receiver.host)
        with _relay(house):
            for number in range(runs + 1):
                say(f"relay: run {number} of {runs}")
                floor = _bare(receiver)
                pair = Run(_through_the_outbox(house, receiver), floor)
                # The first one loads plans and opens connections.
                samples += [pair] if number else []
    name = f"messages through `dotbase relay`, {AT_ONCE} in flight, claims and reports included"
    return [Comparison(name, "a bare loop of its HTTP client", "/s", samples, at_least=LEAST)]


def _bare(receiver: Receiver) -> float:
    command = [sys.executable, str(SCRIPTS / "bare_client.py"), receiver.host]
    subprocess.run([*command, str(MESSAGES), str(AT_ONCE), str(BODY)], check=True)
    number, first, last = receiver.counted()
    assert number == MESSAGES, f"{number} requests arrived"
    return MESSAGES / (last - first)


def _through_the_outbox(house: House, receiver: Receiver) -> float:
    given = {"host": receiver.host, "size": BODY, "messages": MESSAGES}
    house.owner.execute("select outbox.enqueue_from(%s, %s, %s)", [LANE, FILL, json.dumps(given)])
    deadline = time.monotonic() + SECONDS
    while house.value(WAITING):
        assert time.monotonic() < deadline, "the messages do not leave"
        time.sleep(0.05)
    number, first, _ = receiver.counted()
    assert number == MESSAGES, f"{number} requests arrived"
    told = house.value("select extract(epoch from max(at)) from outbox.attempts where ended = 'delivered'")
    return MESSAGES / (float(told) - first)


def _declare(house: House, host: str) -> None:
    lane = Lane.model_validate({"about": "Measured.", "hosts": [host], "in_flight": AT_ONCE, "keys": "none"})
    lanes = [declared("floor", LANE, lane)]
    house.owner.execute("select outbox.declare_lanes('floor', %s)", [json.dumps(lanes)])


@contextmanager
def _receiver() -> Iterator[Receiver]:
    with subprocess.Popen(
        [sys.executable, str(SCRIPTS / "receiver.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Receiver(process)
        assert process.stdin is not None
        process.stdin.close()


@contextmanager
def _relay(house: House) -> Iterator[None]:
    url = cluster.local_url(CLUSTER, house.name, user="dotbase_relay", root=ROOT)
    command = [sys.executable, "-m", "dotbase.cli", "relay", "--loopback-http", "--lane", LANE]
    with subprocess.Popen(
        command, env={**os.environ, "DATABASE_URL": url}, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()
