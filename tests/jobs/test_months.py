"""A month of schedules with outages: afterwards each slot ran once, or there is one stated reason why not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.clones import Clones
from tests.harness.databases import ZONE
from tests.harness.depth import deeper, depth
from tests.harness.figures import count
from tests.jobs.shop import catch_up, declare, effects, job, stock, watch

BEGIN = datetime(2025, 1, 6, 9, 30, tzinfo=ZONE)
MONTH = timedelta(days=30)
SCHEDULES = ["*/5 * * * *", "0 * * * *", "30 12 * * 0", "10 3 * * *", "0 0 1 * *", "0 9 L * *", "0 18 * * 5L"]
UNACCOUNTED = """
with fates as (
    select r.job_name, r.slot_at
    from jobs.runs as r
    where r.status in ('succeeded', 'failed', 'skipped')
    union all
    select m.job_name, s.slot_at
    from jobs.missed_slots as m
    cross join lateral jobs.slots_between(
        m.job_name, m.first_slot_at - interval '1 second', m.last_slot_at
    ) as s (slot_at)
    where m.job_name like 'job%%'
)

select s.job_name, s.slot_at, count(f.slot_at) as fates
from (
    select j.job_name, l.slot_at
    from jobs.jobs as j
    cross join lateral jobs.slots_between(j.job_name, %s, %s) as l (slot_at)
    where j.removed_at is null
) as s
left join fates as f on f.job_name = s.job_name and f.slot_at = s.slot_at
group by s.job_name, s.slot_at
having count(f.slot_at) <> 1
"""

# The server is up from this minute of the month for so many minutes, now and then.
WINDOWS = st.lists(st.tuples(st.integers(0, 30 * 24 * 60), st.integers(1, 10 * 60)), min_size=1, max_size=4)


@deeper
@settings(
    max_examples=depth(1, 6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    windows=WINDOWS,
    policies=st.lists(st.sampled_from(["skip", "latest", "all"]), min_size=7, max_size=7),
    age=st.sampled_from(["2 hours", "1 day", "40 days"]),
    most=st.sampled_from([1, 5, 40]),
)
def test_after_a_month_with_outages_every_slot_has_one_fate(
    windows: list[tuple[int, int]], policies: list[str], age: str, most: int, clones: Clones
) -> None:
    db = clones.make()
    try:
        stock(db)
        db.clock(BEGIN)
        db.owner.execute("select jobs.set_live(true)")
        jobs: list[dict[str, Any]] = [
            job(
                f"job_{number}",
                schedule,
                routine="shop.work",
                catch_up=policy,
                catch_up_age=age,
                catch_up_count=most,
            )
            for number, (schedule, policy) in enumerate(zip(SCHEDULES, policies, strict=True))
        ]
        declare(db.owner, *jobs, app="month")
        up = [(BEGIN + timedelta(minutes=b), BEGIN + timedelta(minutes=b + n)) for b, n in windows]
        moments = db.rows(
            "select s as slot_at, array_agg(j.job_name) as names from jobs.jobs as j "
            "cross join lateral jobs.slots_between(j.job_name, %s, %s) as s "
            "where j.removed_at is null group by s order by s",
            BEGIN,
            BEGIN + MONTH,
        )
        with db.as_cron() as cron:
            for moment in moments:
                at = moment["slot_at"]
                if not any(start <= at < end for start, end in up):
                    continue
                db.clock(at + timedelta(seconds=2))
                cron.execute("call jobs.watch(0)")
                for name in moment["names"]:
                    cron.execute("call jobs.run(%s)", [name])
                if at.minute == 0:
                    cron.execute("call jobs.catch_up(0)")
        db.clock(BEGIN + MONTH + timedelta(minutes=3))
        watch(db)
        catch_up(db)
        wrong = db.rows(UNACCOUNTED, BEGIN, BEGIN + MONTH)
        count("slots of months lived through", sum(len(m["names"]) for m in moments))
        assert not wrong
        # A row of missed slots names consecutive ones: as many as the schedule has there.
        assert not db.rows(
            "select * from jobs.missed_slots as m where job_name like 'job%' and slots <> (select count(*) "
            "from jobs.slots_between(job_name, first_slot_at - interval '1 second', last_slot_at))"
        )
        assert db.value("select count(*) from jobs.runs where status <> 'succeeded'") == 0
        assert effects(db) == db.value("select count(*) from jobs.runs")
    finally:
        clones.drop(db)
