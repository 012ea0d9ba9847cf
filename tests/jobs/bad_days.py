"""What the runtime keeps of bad days: rows in the tables that a good week leaves empty."""

from __future__ import annotations

from tests.harness.databases import Database
from tests.harness.people import anon

TRACES = """
select jobs.record_heartbeat('watch');
insert into jobs.outages values (core.now() - interval '1 hour', core.now());
insert into jobs.missed_slots
values ('create_new_round', core.now(), core.now(), 1, 'down', 'skip', core.now());
insert into jobs.events (happened_at, kind, job_name, details)
values (core.now(), 'missed', 'create_new_round', '{}');
insert into jobs.used_signatures values ('\\x00', core.now());
"""


def live_through_bad_days(db: Database) -> None:
    """An outage, a missed slot with its event, a signature, and a trigger that was refused."""
    db.owner.execute(TRACES)
    assert db.call(anon, "trigger_job", job="create_new_round").status == 401
