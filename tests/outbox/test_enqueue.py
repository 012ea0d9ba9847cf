"""Enqueueing: a message is part of the caller's transaction, and a key stands for one message."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.harness.databases import Database
from tests.harness.refusals import refused
from tests.outbox.post import HOST, Relay, declare, enqueue, enqueue_many, lane, later, queued, state

NOW = datetime(2025, 1, 6, 0, 30, tzinfo=UTC)
SAME = f"select 'k' as key, '{HOST}' as destination, '\\x7b7d'::bytea as body"


def messages(db: Database) -> int:
    return int(db.value("select count(*) from outbox.messages"))


def test_a_message_that_is_rolled_back_never_was(shop: Database) -> None:
    with shop.owner.transaction(force_rollback=True):
        enqueue(shop, "letters", "one")
    assert messages(shop) == shop.value("select count(*) from outbox.queue") == 0
    enqueue(shop, "letters", "one")
    assert messages(shop) == 1


def test_a_message_has_all_that_it_was_given(shop: Database, relay: Relay) -> None:
    person = uuid.uuid4()
    enqueue(
        shop, "letters", "one", b"\x00\xff", path="/v1/send?to=a%20b", method="PUT",
        content_type="text/plain", headers='{"X-Trace": "a b"}', user_id=person,
        expires_at=NOW + timedelta(days=1),
    )  # fmt: skip
    [claimed] = relay.claim("letters")
    assert claimed.body == b"\x00\xff"
    assert (claimed.method, claimed.url) == ("PUT", f"https://{HOST}/v1/send?to=a%20b")
    assert (claimed.content_type, claimed.headers) == ("text/plain", {"X-Trace": "a b"})
    assert shop.value("select user_id from outbox.messages") == person
    assert claimed.idempotency_key == shop.value("select idempotency_key from outbox.messages")


def test_the_same_key_again_gives_the_first_message(shop: Database) -> None:
    first = enqueue(shop, "letters", "one")
    later(shop, days=1)
    assert enqueue(shop, "letters", "one", expires_at=NOW + timedelta(days=9)) == first
    assert enqueue(shop, "letters", "two") != first
    assert messages(shop) == 2


def test_a_key_is_a_lanes_own(shop: Database) -> None:
    declare(shop, lane("letters"), lane("parcels"))
    assert enqueue(shop, "letters", "one") != enqueue(shop, "parcels", "one")


@pytest.mark.parametrize(
    "other",
    [
        {"body": b"[]"},
        {"path": "/other"},
        {"method": "PUT"},
        {"content_type": "text/plain"},
        {"headers": '{"X-A": "b"}'},
        {"user_id": uuid.uuid4()},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_content_under_the_same_key_is_refused(other: dict[str, Any], shop: Database) -> None:
    enqueue(shop, "letters", "one")
    with refused("outbox_message_key_reused"):
        enqueue(shop, "letters", "one", **other)
    query = ", ".join(
        f"%s::{'uuid' if n == 'user_id' else 'jsonb' if n == 'headers' else 'text'} as {n}" for n in other
    )
    if "body" not in other:
        with refused("outbox_message_key_reused"), shop.owner.cursor() as cursor:
            given = psycopg.ClientCursor(shop.owner).mogrify(
                f"select 'one' as key, '{HOST}' as destination, '{{}}'::bytea as body, {query}",
                list(other.values()),
            )
            cursor.execute("select outbox.enqueue_from('letters', %s)", [given])


def test_a_lane_without_keys_takes_the_same_key_twice(shop: Database) -> None:
    assert enqueue(shop, "pushes", "one") != enqueue(shop, "pushes", "one")
    assert shop.value("select count(*) from outbox.keys") == 0


def test_twenty_sessions_that_race_for_a_key_get_one_message(shop: Database) -> None:
    def act(number: int) -> int:
        with shop.server.connect(shop.name) as session:
            row = session.execute("select outbox.enqueue('letters', 'one', %s, '{}')", [HOST]).fetchone()
            assert row is not None
            return int(row[0])

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(act, range(20)))) == 1
    assert messages(shop) == 1


def test_who_cannot_see_the_first_message_is_told_so(shop: Database) -> None:
    with shop.server.connect(shop.name) as session, refused("40001"):
        session.execute("begin isolation level repeatable read")
        session.execute("select 1")
        enqueue(shop, "letters", "one")
        session.execute("select outbox.enqueue('letters', 'one', %s, '{}')", [HOST])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com", "api.example.com:444", "API.example.com", "http://api.example.com",
        "api.example.com@evil.com", "api.example.com/", "", "127.0.0.1", "169.254.169.254",
    ],
)  # fmt: skip
def test_a_host_that_the_lane_does_not_name_is_refused(host: str, shop: Database) -> None:
    with refused("outbox_host_refused"):
        enqueue(shop, "letters", "one", destination=host)
    query = SAME.replace(HOST, host)
    with refused("outbox_host_refused"):
        shop.value("select outbox.enqueue_from('letters', %s)", query)
    assert messages(shop) == 0


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("path", "no-slash"), ("path", "/a b"), ("path", "/a\r\nX: y"), ("path", "/#part"),
        ("path", "/\\evil.com"),
        ("path", "/경로"), ("path", "/" + "a" * 2000), ("path", ""),
        ("method", "TRACE"), ("method", "post"), ("method", "GET /x"),
        ("content_type", "text/plain\r\nX: y"), ("content_type", "text"), ("content_type", ""),
        ("headers", '{"Host": "evil.com"}'), ("headers", '{"authorization": "x"}'),
        ("headers", '{"A": "b\\nC: d"}'),
        ("headers", '{"A b": "c"}'), ("headers", '{"A": 1}'), ("headers", '["A"]'), ("headers", '"A"'),
        ("headers", '{"Webhook-Id": "x"}'), ("headers", '{"": "x"}'), ("headers", '{"Content-Length": "1"}'),
        ("expires_at", NOW), ("expires_at", NOW - timedelta(days=1)),
        ("key", ""), ("key", "x" * 201), ("body", b"x" * 1048577),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused(word: str, value: object, shop: Database) -> None:
    given: dict[str, object] = {"key": "one", "body": b"{}", word: value}
    with refused("outbox_message_invalid"):
        enqueue(shop, "letters", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("path", "/a?b=c&d=%20'!()*+,;:@[]~"), ("path", "/" + "a" * 1999), ("key", "x" * 200), ("key", "키"),
        ("body", b""), ("body", b"x" * 1048576), ("content_type", "application/json; charset=utf-8"),
        ("headers", "{}"), ("headers", '{"X-A": ""}'), ("method", "GET"),
    ],
)  # fmt: skip
def test_what_can_be_sent_is_taken(word: str, value: object, shop: Database) -> None:
    given: dict[str, object] = {"key": "one", "body": b"{}", word: value}
    assert enqueue(shop, "letters", **given)  # type: ignore[arg-type]


def test_an_unknown_or_removed_lane_is_refused(shop: Database) -> None:
    with refused("outbox_lane_not_found"):
        enqueue(shop, "nowhere", "one")
    message_id = enqueue(shop, "letters", "one")
    declare(shop, lane("pushes", keys="none"))
    with refused("outbox_lane_not_found"):
        enqueue(shop, "letters", "two")
    with refused("outbox_lane_not_found"):
        shop.value("select outbox.enqueue_from('letters', %s)", SAME)
    assert state(shop, message_id) == "waiting"
    declare(shop, lane("letters"))
    assert enqueue(shop, "letters", "two")


def test_not_before_and_the_lanes_first_delay_say_when_it_is_due(shop: Database) -> None:
    declare(shop, lane("slow", delays=["5min", "1h"]))
    assert queued(shop, enqueue(shop, "slow", "a"))["due_at"] == NOW + timedelta(minutes=5)
    when = NOW + timedelta(hours=1)
    assert queued(shop, enqueue(shop, "slow", "b", not_before=when))["due_at"] == when
    assert queued(shop, enqueue(shop, "slow", "c", not_before=NOW))["due_at"] == NOW + timedelta(minutes=5)


def test_a_query_adds_many_messages_in_one_statement(shop: Database, relay: Relay) -> None:
    query = (
        f"select 'n' || i as key, '{HOST}' as destination, convert_to($1 ->> 'text', 'UTF8') as body, "
        "'/p' as path, 'PUT' as method, 'text/plain' as content_type, "
        "jsonb_build_object('X-I', i::text) as headers, gen_random_uuid() as user_id, "
        "now() + interval '1 day' as expires_at, null::timestamptz as not_before "
        "from generate_series(1, 5) as i"
    )
    count = "select outbox.enqueue_from('pushes', %s, %s)"
    assert shop.value(count, query.replace("now()", "core.now()"), '{"text": "안녕"}') == 5
    claimed = relay.claim("pushes")
    assert {one.headers["X-I"] for one in claimed} == {"1", "2", "3", "4", "5"}
    assert {(one.body.decode(), one.method, one.url) for one in claimed} == {
        ("안녕", "PUT", f"https://{HOST}/p")
    }


def test_a_query_that_is_run_again_adds_what_is_new(shop: Database) -> None:
    def query(count: int, body: str = "one") -> str:
        return (
            f"select i::text as key, '{HOST}' as destination, '{body}'::bytea as body "
            f"from generate_series(1, {count}) as i"
        )

    add = "select outbox.enqueue_from('letters', %s)"
    assert shop.value(add, query(3)) == 3
    assert shop.value(add, query(5)) == 2
    assert shop.value(add, query(5)) == 0
    assert messages(shop) == shop.value("select count(*) from outbox.queue") == 5
    with refused("outbox_message_key_reused"):
        shop.value(add, query(5, "two"))


def test_a_key_that_a_query_gives_twice_is_one_message_when_both_are_the_same(shop: Database) -> None:
    add = "select outbox.enqueue_from('letters', %s)"
    assert shop.value(add, f"{SAME} union all {SAME}") == 1
    other = SAME.replace("'k'", "'j'")
    with refused("outbox_message_key_reused"):
        shop.value(add, f"{other} union all {other.replace('7b7d', '00')}")


def test_one_wrong_message_of_a_query_leaves_none(shop: Database) -> None:
    for wrong, says in (
        (SAME.replace(HOST, "evil.com").replace("'k'", "'j'"), "outbox_host_refused"),
        (SAME.replace("'k'", "''"), "outbox_message_invalid"),
    ):
        with refused(says):
            shop.value("select outbox.enqueue_from('letters', %s)", f"{SAME} union all {wrong}")
    headers = (
        "select 'a' as key, '{}' as destination, ''::bytea as body, '{{\"Host\": \"x\"}}'::jsonb as headers"
    )
    with refused("outbox_message_invalid"):
        shop.value("select outbox.enqueue_from('letters', %s)", headers.format(HOST))
    assert messages(shop) == 0


def test_a_column_that_no_message_has_is_refused_before_the_query_runs(shop: Database) -> None:
    with refused("22023") as refusal:
        shop.value("select outbox.enqueue_from('letters', %s)", f"{SAME}, pg_sleep(600) as expire_at")
    assert "expire_at" in refusal.message
    with refused("22023"):
        shop.value("select outbox.enqueue_from('letters', %s)", "select 'k' as key")


def test_the_first_message_of_a_day_makes_its_partitions(shop: Database) -> None:
    shop.clock("2031-05-06 23:59:59")
    enqueue(shop, "letters", "one")
    shop.clock("2031-05-07 00:00")
    enqueue_many(shop, "pushes", 3)
    assert shop.value("select count(*) from outbox.messages_2031_05_06") == 1
    assert shop.value("select count(*) from outbox.messages_2031_05_07") == 3
    assert shop.value("select to_regclass('outbox.attempts_2031_05_07') is not null")


def test_twenty_thousand_messages_are_one_statement(shop: Database) -> None:
    enqueue_many(shop, "pushes", 20_000)
    assert shop.value("select count(*) from outbox.queue where lane = 'pushes'") == 20_000
