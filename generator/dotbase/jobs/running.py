"""Running a job by hand: queue it for catch_up, so that the watcher guards it, and wait for its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from dotbase.errors import DotbaseError
from dotbase.jobs.session import Row, Session

ENDED = ("succeeded", "failed", "skipped")
A_WAKE_UP = 70.0  # seconds within which catch_up begins anew, once a minute
POLL = 0.25

STATE = """
select
    r.*,
    h.heartbeat_at,
    coalesce(h.heartbeat_at, '-infinity') > clock_timestamp() - interval '2 minutes' as awake
from jobs.runs as r
left join jobs.heartbeats as h on h.name = 'catch_up'
where r.run_id = %s
"""


def queue(session: Session, name: str, slot: str | None) -> int:
    """The run of this moment, new or as it is; without a moment, of this second."""
    return int(session.value("select run_id from jobs.trigger_job(%s, %s)", name, slot))


def queue_again(session: Session, name: str, run_id: int) -> int:
    """A run that failed or was skipped, for more attempts."""
    found = session.row("select job_name from jobs.runs where run_id = %s", run_id)
    if found is None or found["job_name"] != name:
        raise DotbaseError(f"{name} has no run {run_id}", f"`dotbase jobs history {name}` has its runs")
    return int(session.value("select run_id from jobs.run_again(%s)", run_id))


def state(session: Session, run_id: int) -> Row:
    """The run as it is now."""
    found = session.row(STATE, run_id)
    if found is None:
        raise DotbaseError(f"run {run_id} is gone", "somebody deleted its history")
    return found


def wait(session: Session, run_id: int, seconds: float, say: Callable[[str], None]) -> Row:
    """The run when it has ended; a sentence when it has not within these seconds, or nobody takes it."""
    began = time.monotonic()
    said = ""
    while True:
        run = state(session, run_id)
        if run["status"] != said:
            said = run["status"]
            say(said if not run["reason"] or said == "succeeded" else f"{said} ({run['reason']})")
        if said in ENDED:
            return run
        waited = time.monotonic() - began
        if said != "running" and not run["awake"] and waited >= min(A_WAKE_UP, seconds):
            since = f"since {run['heartbeat_at']:%Y-%m-%d %H:%M:%S %Z}" if run["heartbeat_at"] else "ever"
            raise DotbaseError(
                f"run {run_id} is {said}, and nobody has taken runs off the queue {since}",
                "`dotbase jobs doctor` says why; meanwhile"
                " `dotbase db psql -c 'call jobs.catch_up(0)'` works the queue off",
            )
        if waited >= seconds:
            raise DotbaseError(
                f"run {run_id} is {said} after {waited:.0f} s",
                f"it goes on without you: `dotbase jobs history {run['job_name']}`",
            )
        time.sleep(POLL)
