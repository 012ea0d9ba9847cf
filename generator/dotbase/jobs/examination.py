"""The doctor: what SQL finds by itself, and the one thing it cannot, whether the migrations are applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dotbase.errors import DotbaseError
from dotbase.jobs.session import Row, Session
from dotbase.migrate.plan import read_plan
from dotbase.migrate.run import RunOptions, open_run
from dotbase.options import GlobalOptions

WATCHER = """
select
    h.heartbeat_at,
    round(extract(epoch from clock_timestamp() - h.heartbeat_at))::integer as age_seconds,
    jobs.is_live() as live,
    (select count(*) from jobs.jobs as j where j.removed_at is null) as jobs
from (select) as one
left join jobs.heartbeats as h on h.name = 'watch'
"""


@dataclass
class Examination:
    """What the doctor saw."""

    watcher: Row
    findings: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def examine(options: GlobalOptions, session: Session) -> Examination:
    """Look at everything; findings in the order in which one depends on the other."""
    watcher = session.row(WATCHER)
    assert watcher is not None
    seen = Examination(watcher)
    try:
        pending = _pending(options)
    except DotbaseError as error:
        seen.notes.append(f"whether all migrations are applied is not known: {error.sentence}")
        pending = None
    if pending:
        seen.findings.append(pending)
    seen.findings += session.rows("select finding, detail, remedy from jobs.doctor()")
    return seen


def age(watcher: Row) -> str:
    """How old the watcher's last sign of life is, in one line."""
    seconds: Any = watcher["age_seconds"]
    if seconds is None:
        return "The watcher has never run."
    return f"The watcher was alive {seconds} s ago."


def _pending(options: GlobalOptions) -> Row | None:
    with open_run(options, RunOptions()) as (run, _, _):
        found, _, _ = read_plan(run)
    if found.empty:
        return None
    return {
        "finding": "migrations are pending",
        "detail": f"{len(found.versioned)} versions, {len(found.repeatables)} repeatable steps,"
        f" {len(found.removed)} to remove",
        "remedy": "dotbase plan; dotbase migrate",
    }
