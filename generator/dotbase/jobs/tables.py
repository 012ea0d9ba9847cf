"""What `dotbase jobs` prints for people: the overview, one job, its slots, its history."""

from __future__ import annotations

from datetime import datetime

from dotbase.jobs import show
from dotbase.jobs.session import Row
from dotbase.printable import echo, plain

OVERVIEW = (
    "job",
    "state",
    "next slot",
    "zone",
    "last",
    "in a row",
    "p50",
    "p95",
    "late",
    "missed",
    "backlog",
)
SPARE = ("zone", "p50", "p95", "late", "by", "started", "rows")
RUNS = ("run", "slot", "by", "attempt", "status", "started", "took", "rows", "result or error")
DECLARED = (
    "description",
    "schedule",
    "zone",
    "gmt_schedule",
    "routine",
    "time_limit",
    "attempts",
    "retry_on",
    "backoff_cap",
    "catch_up",
    "catch_up_age",
    "catch_up_count",
    "required_settings",
    "required_secrets",
    "triggered_by",
    "batch_limit",
    "backlog_query",
    "backlog_normal",
    "backlog_alarm",
)


def overview(jobs: list[Row]) -> None:
    """One row a job; on a narrow screen without what `show` has, too."""
    show.table(f"{len(jobs)} jobs", OVERVIEW, [_line(job) for job in jobs], spare=SPARE)


def job(declared: Row, done: Row) -> None:
    """A job's declaration, and how it does."""
    name = declared["job_name"]
    show.facts(f"{name}, declared in cron/{declared['app']}.yaml", {key: declared[key] for key in DECLARED})
    now = {key: value for key, value in done.items() if key not in (*DECLARED, "job_name", "app")}
    for moment in ("next_slot_at", "last_slot_at"):
        now[moment] = show.clock_time(now[moment])
    for moment in ("last_started_at", "backlog_oldest_at"):
        now[moment] = show.local(now[moment], declared["zone"])
    show.facts("now", now)


def slots(declared: Row, moments: list[datetime]) -> None:
    """Moments to come."""
    rows = [(show.local(slot, declared["zone"]), show.local(slot, "UTC")) for slot in moments]
    title = f"{declared['job_name']}: {declared['schedule']} in {declared['zone']}"
    show.table(title, ("local", "UTC"), rows)


def history(name: str, zone: str, found: dict[str, list[Row]]) -> None:
    """Runs with their attempts, missed slots, events: those that were asked for."""
    if "runs" in found:
        lines = [line for run in found["runs"] for line in _run_lines(run, zone)]
        show.table(f"{name}: the last runs", RUNS, lines, spare=SPARE)
    _missed(name, found["missed"], zone)
    if found.get("events"):
        rows = [
            (show.local(e["happened_at"], zone), e["kind"], e["run_id"], e["details"] or None)
            for e in found["events"]
        ]
        show.table(f"{name}: events", ("at", "event", "run", "details"), rows)


def _line(job: Row) -> tuple[object, ...]:
    failures, successes = job["failures_in_a_row"], job["successes_in_a_row"]
    backlog = None if job["backlog_state"] is None else f"{job['backlog_state']} ({job['backlog']})"
    return (
        job["job_name"],
        job["state"],
        show.clock_time(job["next_slot_at"]),
        job["zone"],
        job["last_status"],
        f"{failures} failed" if failures else f"{successes} well" if successes else None,
        job["p50"],
        job["p95"],
        job["lateness_p95"],
        job["missed_in_7_days"] or None,
        backlog,
    )


def _run_lines(run: Row, zone: str) -> list[tuple[object, ...]]:
    late = ", late" if run["late"] else ""
    took = run["finished_at"] and run["started_at"] and run["finished_at"] - run["started_at"]
    lines: list[tuple[object, ...]] = [
        (
            run["run_id"],
            show.local(run["slot_at"], zone),
            run["trigger"] + late,
            None,
            run["status"],
            show.local(run["started_at"], zone),
            took,
            run["processed"],
            run["reason"] or run["result"],
        )
    ]
    if len(run["attempts_made"]) == 1 and run["status"] == "succeeded":
        return lines
    for attempt in run["attempts_made"]:
        error = ": ".join(filter(None, (attempt["sqlstate"], attempt["message"], attempt["detail"])))
        worked = attempt["finished_at"] and attempt["finished_at"] - attempt["started_at"]
        lines.append(
            (
                None,
                None,
                attempt["trigger"],
                attempt["attempt_no"],
                attempt["status"],
                show.local(attempt["started_at"], zone),
                worked,
                attempt["processed"],
                error or attempt["result"],
            )
        )
    return lines


def _missed(name: str, missed: list[Row], zone: str) -> None:
    if not missed:
        echo(plain(f"{name}: no slot was missed."))
        return
    rows = [
        (
            show.local(m["first_slot_at"], zone),
            show.local(m["last_slot_at"], zone),
            m["slots"],
            m["cause"],
            m["reason"],
        )
        for m in missed
    ]
    show.table(f"{name}: slots that did not run", ("from", "to", "slots", "cause", "not caught up"), rows)
