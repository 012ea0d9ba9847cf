"""What there is to know of jobs: overview, one job, its slots, its history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dotbase.errors import DotbaseError
from dotbase.jobs.session import Row, Session

RUNS = """
select * from (
    select r.*
    from jobs.runs as r
    where r.job_name = %s
    order by coalesce(r.finished_at, r.started_at, r.queued_at) desc, r.run_id desc
    limit %s
) as r
order by coalesce(r.finished_at, r.started_at, r.queued_at), r.run_id
"""
ATTEMPTS = "select a.* from jobs.attempts as a where a.run_id = any (%s) order by a.run_id, a.attempt_no"
MISSED = """
select m.first_slot_at, m.last_slot_at, m.slots, m.cause, m.reason, m.noted_at
from jobs.missed_slots as m
where m.job_name = %s
order by m.first_slot_at desc
limit %s
"""
EVENTS = """
select e.happened_at, e.kind, e.run_id, e.details
from jobs.events as e
where e.job_name = %s
order by e.event_id desc
limit %s
"""
# When a clock first shows a time: the hour that comes twice is the first of the two, as in a schedule.
FIRST_INSTANT = """
select to_char(min(i) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
from (select %s::timestamp as local_time, %s as zone) as g
cross join lateral jobs.instants(
    g.local_time,
    jobs.zone_offset(date_trunc('day', g.local_time) at time zone 'UTC' - interval '15 hours', g.zone),
    jobs.zone_offset(date_trunc('day', g.local_time) at time zone 'UTC' + interval '37 hours', g.zone),
    g.zone, true
) as i
"""


def overview(session: Session) -> list[Row]:
    """One row a job."""
    return session.rows("select * from jobs.overview()")


def job(session: Session, name: str) -> Row:
    """The job's row in the registry, or a sentence that it is not there."""
    found = session.row("select * from jobs.jobs where job_name = %s and removed_at is null", name)
    if found is None:
        raise DotbaseError(f"there is no job {name}", "`dotbase jobs list` has them all")
    return found


def next_slots(session: Session, name: str, count: int) -> list[datetime]:
    """The next moments of the schedule, whether or not the job is on."""
    rows = session.rows("select s as slot_at from jobs.next_slots(%s, %s) as s", name, count)
    return [row["slot_at"] for row in rows]


def history(session: Session, name: str, count: int) -> dict[str, list[Row]]:
    """The job's last runs with their attempts, its missed slots, its events; the newest last."""
    runs = session.rows(RUNS, name, count)
    by_run: dict[int, list[Row]] = {run["run_id"]: [] for run in runs}
    for attempt in session.rows(ATTEMPTS, list(by_run)):
        by_run[attempt["run_id"]].append(attempt)
    for run in runs:
        run["attempts_made"] = by_run[run["run_id"]]
    return {"runs": runs, "missed": missed(session, name, count), "events": events(session, name, count)}


def missed(session: Session, name: str, count: int) -> list[Row]:
    """Ranges of slots that did not run, the newest last."""
    return session.rows(MISSED, name, count)[::-1]


def events(session: Session, name: str, count: int) -> list[Row]:
    """Failures, what did not run, recoveries; the newest last."""
    return session.rows(EVENTS, name, count)[::-1]


def as_slot(session: Session, given: str, zone: str) -> str:
    """A moment as trigger_job takes it, from one with an offset, or one on the job's own clock.

    A time that the clock shows twice is the first of the two; one that it skips is refused.
    """
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise DotbaseError(
            f"{given} is no moment", "write 2025-01-06T00:00:00Z, or 2025-01-06T09:00 in the job's zone"
        ) from None
    if at.tzinfo is not None:
        return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    written: Any = session.value(FIRST_INSTANT, at.isoformat(), zone)
    if written is None:
        raise DotbaseError(
            f"{given} never comes in {zone}: the clock is put forward past it",
            "name a moment before or after that, or write it with an offset: 2025-01-06T00:00:00Z",
        )
    return str(written)


def is_slot(session: Session, name: str, moment: str) -> bool:
    """Whether the job's schedule names this moment."""
    found: Any = session.value(
        "select exists (select from jobs.slots_between(%s, %s::timestamptz - interval '1 microsecond', %s))",
        name,
        moment,
        moment,
    )
    return bool(found)
