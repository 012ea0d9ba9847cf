"""The jobs' runtime in the tests of all apps: a job that has run, and one that may be triggered."""

from __future__ import annotations

from tests.harness.apps import AppTests, Call
from tests.harness.databases import Database
from tests.jobs.bad_days import live_through_bad_days

JOB = "purge_job_history"
PROOFS = ["service_role", "administrator", "signature"]
NOW = "Without a moment it is this second's."
CONSTRAINTS = ("tests/luckywalk/test_constraints.py", "tests/luckywalk/test_nulls.py")


def fill(db: Database) -> None:
    """A run, and what the runtime keeps of bad days."""
    db.clock("2024-12-29 04:40")
    assert db.run_job(JOB)
    live_through_bad_days(db)


def ready(db: Database, rpc: str) -> None:
    """No job of the apps may be triggered from outside yet: this one may, by everybody with a proof."""
    db.owner.execute("update jobs.jobs set triggered_by = %s where job_name = %s", [PROOFS, JOB])


TESTS = AppTests(
    fill=fill,
    ready=ready,
    # It asks for a person, or for a signature.
    calls={"trigger_job": Call(not_signed_in="cron_signature_invalid")},
    samples={"job": JOB, "slot": None},
    found={"slot": """select to_char(core.now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""},
    traces={"cron_signature_invalid": "jobs.refused_triggers"},
    accepted={("trigger_job", "slot"): {"null": NOW, "missing": NOW}},
    functions={
        "lock_place": "'x'",
        "unlock_place": "1",
        "lock_job": f"'{JOB}'",
        "unlock_job": "0",
        "lease_due": f"'{JOB}'",
        "lease_waiting": "",
        "work": "1",
        "requeue_run": "1, '0'",
        "reconcile_overdue": "",
        "record_heartbeat": "'watch'",
        "cancel_overdue": "",
        "mark_crashed": "",
        "declared_lines": "",
        "sync_pg_cron": "",
    },
    forbidden=(
        "update jobs.switch set live = false",
        "update jobs.jobs set routine = 'public.mine'",
        f"select jobs.set_enabled('{JOB}', false)",
        "select jobs.set_live(false)",
    ),
    likely={"schema/jobs/": CONSTRAINTS},
    # A search that is slow to say yes.
    slow=("test_gmt_schedule.py",),
)
