"""The private memory of the session that closes, draws and settles: how much, and whether it grows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from benchmarks.house import House
from benchmarks.rounds import Round
from benchmarks.samples import Peak

SAMPLE = 0.002  # seconds
FIRST_ROUND = 1100


def measure(house: House, sizes: list[tuple[int, int]], say: Callable[[str], None]) -> list[Peak]:
    """Each step of each size in a fresh session, watched while it runs."""
    peaks: list[Peak] = []
    for number, (tickets, walkers) in enumerate(sizes):
        say(f"memory: {tickets:,} tickets of {walkers:,} walkers")
        week = Round(house, FIRST_ROUND + number, tickets, walkers)
        week.fill()
        peaks.append(Peak("seal", tickets, walkers, _peak(house, week.close)))
        week.enter()
        peaks.append(Peak("draw", tickets, walkers, _peak(house, week.draw)))
        peaks.append(Peak("settle", tickets, walkers, _peak(house, week.settle)))
    return peaks


def _peak(house: House, statement: str) -> int:
    """Kilobytes of anonymous memory, shared buffers apart, at the moment of most."""
    session = house.session()
    status = Path(f"/proc/{session.info.backend_pid}/status")
    done = threading.Event()
    most = [_anonymous(status)]

    def watch() -> None:
        while not done.wait(SAMPLE):
            most[0] = max(most[0], _anonymous(status))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        session.execute(statement.encode())
    finally:
        done.set()
        watcher.join()
        session.close()
    return most[0]


def _anonymous(status: Path) -> int:
    for line in status.read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise LookupError("this kernel does not tell RssAnon")
