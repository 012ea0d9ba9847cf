"""Retention: nothing is changed, days go when all of them has ended, a person's bodies can be erased."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from tests.harness.databases import Database
from tests.harness.refusals import refused
from tests.outbox.post import Relay, declare, enqueue, enqueue_many, lane, later, state, told

DAYS = 35


def purge(shop: Database) -> None:
    while shop.value("select outbox.purge_outbox(2) ->> 'more'"):
        pass


def days(shop: Database, table: str = "messages") -> list[str]:
    rows = shop.rows(
        "select right(c.relname, 10) as day from pg_inherits as i "
        "inner join pg_class as c on c.oid = i.inhrelid where i.inhparent = %s::regclass order by 1",
        f"outbox.{table}",
    )
    return [row["day"] for row in rows]


@pytest.mark.parametrize(
    "change",
    [
        "update outbox.messages set path = '/other'",
        "update outbox.messages set body = '[]'",
        "update outbox.messages set made_on = made_on + 1",
        "update outbox.messages set expires_at = null, lane = 'x'",
        "update outbox.messages_2025_01_06 set destination = 'evil.com'",
        "delete from outbox.messages",
        "delete from outbox.messages_2025_01_06",
        "truncate outbox.messages",
        "truncate outbox.attempts",
        "truncate outbox.messages_2025_01_06",
        "truncate outbox.attempts_2025_01_06",
        "update outbox.attempts set outcome = 'failed'",
        "update outbox.attempts set response_body = null",
        "delete from outbox.attempts",
        "delete from outbox.attempts_2025_01_06",
    ],
)
def test_messages_and_attempts_are_never_changed_not_even_by_the_owner(
    change: str, shop: Database, relay: Relay
) -> None:
    enqueue(shop, "letters", "one")
    relay.report(relay.claim("letters"), 200, body=b"ok")
    with refused("outbox_is_immutable"):
        shop.owner.execute(change.encode())


def test_partitions_are_made_nine_days_ahead_and_once(shop: Database) -> None:
    shop.clock("2031-03-01 00:00")
    assert shop.value("select outbox.make_partitions() ->> 'processed'") == "20"
    assert shop.value("select outbox.make_partitions() ->> 'processed'") == "0"
    assert "2031_03_10" in days(shop)
    assert days(shop) == days(shop, "attempts")
    later(shop, days=1)
    assert shop.value("select outbox.make_partitions() ->> 'processed'") == "2"


def test_a_day_goes_with_its_keys_attempts_and_dead_letters(shop: Database, relay: Relay) -> None:
    declare(shop, lane("letters", delays=["0s"]))
    enqueue_many(shop, "letters", 5)
    relay.report(relay.claim("letters"), 503)
    assert shop.value("select count(*) from outbox.dead_letters") == 5
    later(shop, days=DAYS)
    purge(shop)
    assert "2025_01_06" in days(shop), "it is kept for as long as the setting says"
    later(shop, days=1)
    purge(shop)
    assert "2025_01_06" not in days(shop) + days(shop, "attempts")
    assert shop.value("select count(*) from outbox.keys") == 0
    assert shop.value("select count(*) from outbox.dead_letters") == 0
    enqueue(shop, "letters", "1")


def test_a_day_of_which_a_message_has_not_ended_stays(shop: Database, relay: Relay) -> None:
    waiting = enqueue(shop, "letters", "one")
    shop.owner.execute("insert into shop.faults values ('two', 'raise')")
    later(shop, days=1)
    enqueue(shop, "letters", "two")
    relay.report(relay.claim("letters", since=shop.value("select core.now()")), 200)
    later(shop, days=DAYS + 1)
    purge(shop)
    assert days(shop)[:2] == ["2025_01_06", "2025_01_07"], "one waits, one is undigested"
    shop.owner.execute("select outbox.cancel(%s)", [waiting])
    shop.owner.execute("delete from shop.faults")
    shop.value("select outbox.digest_results(10)")
    purge(shop)
    assert not {"2025_01_06", "2025_01_07"} & set(days(shop))


def test_a_key_of_a_later_day_stays_when_an_earlier_day_goes(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    later(shop, days=3)
    enqueue(shop, "letters", "two")
    relay.report(relay.claim("letters"), 200)
    later(shop, days=DAYS - 2)
    purge(shop)
    assert [row["message_key"] for row in shop.rows("select message_key from outbox.keys")] == ["two"]


def test_a_purge_does_not_wait_for_a_long_transaction(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    relay.report(relay.claim("letters"), 200)
    later(shop, days=DAYS + 1)
    with shop.server.connect(shop.name) as session:
        session.execute("begin")
        session.execute("select count(*) from outbox.messages")
        with refused("55P03"):
            purge(shop)
        assert "2025_01_06" in days(shop)
    purge(shop)
    assert "2025_01_06" not in days(shop)


def test_jobs_make_days_and_drop_them(shop: Database, relay: Relay) -> None:
    enqueue(shop, "letters", "one")
    relay.report(relay.claim("letters"), 200)
    shop.owner.execute("select jobs.set_live(true)")
    shop.clock("2025-03-01 03:50")
    for job in ("make_outbox_partitions", "purge_outbox"):
        run = shop.run_job(job)
        assert run is not None
        assert run["status"] == "succeeded", run
    assert days(shop)[0] > "2025_01_06"
    assert "2025_03_08" in days(shop)


def test_old_events_and_relays_that_are_gone_go_too(shop: Database, relay: Relay) -> None:
    relay.connection.execute("select outbox.relay_heartbeat('old', '1')")
    shop.owner.execute("select outbox.record_event('dead', 'letters', '{}')")
    later(shop, days=DAYS - 1)
    purge(shop)
    assert shop.value("select count(*) from outbox.events") == 1
    later(shop, days=2)
    relay.connection.execute("select outbox.relay_heartbeat('new', '1')")
    purge(shop)
    assert shop.value("select count(*) from outbox.events") == 0
    assert [row["relay_name"] for row in shop.rows("select relay_name from outbox.relays")] == ["new"]


def test_what_expires_ends_where_nobody_sends(shop: Database, relay: Relay) -> None:
    soon = shop.value("select core.now()") + timedelta(minutes=5)
    message_id = enqueue(shop, "letters", "one", expires_at=soon)
    leased = enqueue(shop, "pushes", "two", expires_at=soon)
    stays = enqueue(shop, "letters", "three")
    shop.owner.execute("select jobs.set_live(true)")
    later(shop, minutes=4)
    relay.claim("pushes")
    later(shop, minutes=1)
    run = shop.run_job("expire_messages")
    assert run is not None
    assert run["processed"] == 1
    assert [state(shop, one) for one in (message_id, leased, stays)] == ["expired", "leased", "waiting"]
    assert [one["outcome"] for one in told(shop)] == ["expired"]
    later(shop, minutes=1)
    assert shop.value("select outbox.expire_messages(1) ->> 'more'") == "true"
    assert state(shop, leased) == "expired"


def test_a_persons_bodies_are_erased_with_their_responses(shop: Database, relay: Relay) -> None:
    mine, hers = uuid.uuid4(), uuid.uuid4()
    declare(shop, lane("letters", delays=["0s"]))
    ended = enqueue(shop, "letters", "one", b"mine", user_id=mine, headers='{"X-A": "mine"}')
    dead = enqueue(shop, "letters", "two", b"mine", user_id=mine)
    others = enqueue(shop, "letters", "three", b"hers", user_id=hers)
    one, two, three = relay.claim("letters")
    relay.report_each(
        [
            (one, {"status": 200, "body": b"mine", "headers": {"a": "mine"}}),
            (two, {"status": 500, "body": b"mine"}),
        ]
    )
    relay.report(three, 200, body=b"hers")
    waiting = enqueue(shop, "letters", "four", b"mine", user_id=mine)
    assert shop.value("select outbox.erase_bodies(%s)", mine) == 2
    for message_id in (ended, dead):
        [row] = shop.rows("select * from outbox.messages where message_id = %s", message_id)
        assert (row["body"], row["headers"], row["user_id"]) == (None, None, mine)
        assert row["erased_at"] is not None
        assert (
            shop.value("select response_body from outbox.attempts where message_id = %s", message_id) is None
        )
    assert shop.value("select count(*) from outbox.dead_letters") == 0
    assert shop.value("select body from outbox.messages where message_id = %s", others) == b"hers"
    assert shop.value("select body from outbox.messages where message_id = %s", waiting) == b"mine"
    assert "mine" not in str(shop.rows("select * from outbox.attempts"))


@pytest.mark.parametrize("where", ["queue", "undigested", "dead_letters"])
def test_a_body_that_is_still_needed_cannot_be_erased_by_hand(
    where: str, shop: Database, relay: Relay
) -> None:
    declare(shop, lane("letters", delays=["0s"], result_function="take_results"))
    enqueue(shop, "letters", "one")
    if where == "undigested":
        shop.owner.execute("insert into shop.faults values ('one', 'raise')")
    if where != "queue":
        relay.report(relay.claim("letters"), 200 if where == "undigested" else 500)
    assert shop.value(f"select count(*) from outbox.{where}") == 1
    with refused("outbox_is_immutable"):
        shop.owner.execute("update outbox.messages set body = null, erased_at = now()")
