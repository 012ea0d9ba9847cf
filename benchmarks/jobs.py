"""The runtime's own work beside `select 1`: passes of the watcher and of catch_up with 1,000 jobs, a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.house import House
from benchmarks.rivals import rivals
from benchmarks.samples import Comparison, Run
from dotbase.render.declarations.cron import Job, declared

JOBS = 1_000
SELECTS = 20  # one is too short to be measured
FUNCTION = """
create function floor.nothing() returns jsonb language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
    select '{}'::jsonb;
end
"""
# The minute's slot has come, and nobody has run it.
DUE = (
    "delete from jobs.runs where job_name = 'job_0'",
    """
    update jobs.jobs
    set
        reconciled_until = date_trunc('minute', now()) - interval '1 second',
        next_slot_at = date_trunc('minute', now())
    where job_name = 'job_0'
    """,
)
MEASURED = {
    f"one pass of `jobs.watch` with {JOBS:,} jobs": ("call jobs.watch(0)", ()),
    f"one pass of `jobs.catch_up` with {JOBS:,} jobs": ("call jobs.catch_up(0)", ()),
    "`jobs.run` of an empty function, due": ("call jobs.run('job_0')", DUE),
    "`jobs.run` with nothing due": ("call jobs.run('job_0')", ()),
}


def measure(house: House, runs: int, say: Callable[[str], None]) -> list[Comparison]:
    """Each by turns with `select 1` in the same session; nothing is missed or overdue, as nearly always."""
    say(f"jobs: {JOBS:,} of them")
    house.owner.execute(FUNCTION.encode())
    jobs = [_declared(number) for number in range(JOBS)]
    house.owner.execute("select jobs.declare('floor', %s)", [json.dumps(jobs)])
    house.owner.execute("analyze jobs.jobs")
    samples: dict[str, list[Run]] = {name: [] for name in MEASURED}
    house.seconds(*(statement for statement, _ in MEASURED.values()), "select 1")
    for number in range(runs):
        say(f"jobs: run {number + 1} of {runs}")
        for name, (statement, before) in MEASURED.items():
            for preparing in before:
                house.owner.execute(preparing.encode())
            floor = house.seconds(*["select 1"] * SELECTS) / SELECTS
            samples[name].append(Run(1000 * house.seconds(statement), 1000 * floor))
    due = house.value("select count(*) from jobs.runs where job_name = 'job_0' and status = 'succeeded'")
    assert due == 1, "the empty function has not run"
    ours = [Comparison(name, "`select 1`", " ms", found) for name, found in samples.items()]
    return ours + _beside_rivals(house, runs, say)


def _beside_rivals(house: House, runs: int, say: Callable[[str], None]) -> list[Comparison]:
    samples: dict[str, list[Run]] = {}
    with rivals(house) as others:
        for number in range(runs + 1):
            say(f"jobs: beside others, run {number} of {runs}")
            for name, run in others.items():
                for preparing in DUE:
                    house.owner.execute(preparing.encode())
                pair = Run(1000 * house.seconds("call jobs.run('job_0')"), 1000 * run())
                # The first one loads plans and catalogs.
                samples.setdefault(name, []).extend([pair] if number else [])
    return [
        Comparison("`jobs.run` of an empty function, due", f"{name}'s statements for the same", " ms", found)
        for name, found in samples.items()
    ]


def _declared(number: int) -> dict[str, Any]:
    """A job as the generator declares it: the first each minute, the others once a day, all through it."""
    schedule = "* * * * *" if number == 0 else f"{number % 60} {number // 60 % 24} * * *"
    job = Job(about="Measured.", schedule=schedule, function="nothing", time_limit="60s")
    return declared("floor", f"job_{number}", job, "Asia/Seoul")
