"""The outbox in the tests of all apps: of each walker a message that waits, one refused and one dead."""

from __future__ import annotations

from tests.harness.apps import AppTests, Call
from tests.harness.databases import Database
from tests.harness.people import Person, walker
from tests.outbox.post import HOST, declare, enqueue, lane

LANE = "any_letters"
TIMES = (
    "a number", "infinity", "minus infinity", "a leap second", "without a zone", "a word for a day",
    "before Christ", "the epoch", "an ambiguous day", "an array of arrays of different lengths",
)  # fmt: skip
WALKERS = (walker(1), walker(2))


def fill(db: Database) -> None:
    """A message in each state for each walker, and a result that its function did not take."""
    declare(db, lane(LANE, delays=["0s"]), app="tests_of_all_apps")
    for person in WALKERS:
        for status in (404, 503):
            _enqueue(db, person, str(status))
            db.owner.execute(
                "select outbox.report_results(array[row("
                "c.message_id, c.lease_no, %s, null, true, null, null, null)::outbox.report]) "
                "from outbox.claim_messages(%s, 1) as c",
                [status, LANE],
            )
    for person in WALKERS:
        _enqueue(db, person, "waits")
    db.owner.execute("select outbox.relay_heartbeat('relay', '1')")
    db.owner.execute(
        "insert into outbox.undigested "
        "select a.message_id, a.made_on, m.lane, a.lease_no, 'infinity', 1, 'P0001', 'closed' "
        "from outbox.attempts as a inner join outbox.messages as m using (message_id) "
        "where a.ended = 'refused' limit 1"
    )


def _enqueue(db: Database, person: Person, key: str) -> None:
    enqueue(db, LANE, f"{key} {person.name}", user_id=person.user_id)


TESTS = AppTests(
    fill=fill,
    # The first message that is dead; the first that waits, when four have ended before it.
    calls={"replay_outbox_message": Call({"message_id": 2})},
    samples={"message_id": 5, "lane": LANE, "died_from": None, "died_before": None},
    accepted={
        ("replay_outbox_lane", argument): {
            **dict.fromkeys(("null", "missing"), "Without it, any time of death is meant."),
            **dict.fromkeys(TIMES, "Postgres reads it as a time; the answer is how many died then."),
        }
        for argument in ("died_from", "died_before")
    },
    later=("select outbox.make_partitions()",),
    functions={
        "relay_lanes": "",
        "relay_secret": f"'{LANE}', 'x'",
        "claim_messages": f"'{LANE}', 1",
        "report_results": "'{}'",
        "release_leases": "'{}'",
        "relay_heartbeat": "'relay', '1'",
    },
    forbidden=(
        f"insert into outbox.queue values (1, current_date, '{LANE}', now())",
        "update outbox.messages set user_id = auth.uid()",
        "delete from outbox.dead_letters",
        f"select outbox.enqueue('{LANE}', 'x', '{HOST}', '')",
        f"select outbox.enqueue_from('{LANE}', 'select 1')",
        "select outbox.declare_lanes('x', '[]')",
        f"select outbox.relay_secret('{LANE}', 'x')",
        f"select outbox.claim_messages('{LANE}', 1)",
        "select outbox.cancel(1)",
        "select outbox.erase_bodies(auth.uid())",
        "select outbox.purge_outbox(1)",
    ),
)
