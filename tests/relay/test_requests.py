"""What arrives at the receiver is what the message says, with the proof that the lane asks for."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from dotbase.relay import process, signatures
from dotbase.relay.authorisation import NOT_A_MESSAGES, prepared
from dotbase.relay.messages import Message, UnsendableError
from tests.harness.databases import Database
from tests.harness.waiting import until
from tests.relay.receiver import Receiver
from tests.relay.relaying import (
    attempts,
    declare,
    enqueue,
    enqueue_many,
    keep_secret,
    lane,
    open_shop,
    relaying,
    run_once,
    state,
)

SECRET = "s3cret/with+signs&more=1"
OLD, NEW = (f"whsec_{base64.b64encode(text * 8).decode()}" for text in (b"old!", b"new!"))


def test_a_request_is_the_message(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver))
    path = "/ok/%EA%B0%80%2f..//x;y?b=2&a=1&a=%20+"
    body = b"\x00\xff not a text \r\n"
    enqueue(
        db,
        "letters",
        path,
        body,
        method="PUT",
        content_type="application/octet-stream",
        headers='{"X-Shop": "one", "User-Agent": "other"}',
    )
    run_once(db)
    [request] = receiver.requests
    assert (request.method, request.target, request.body) == ("PUT", path, body)
    assert request.headers["content-type"] == "application/octet-stream"
    assert request.headers["x-shop"] == "one"
    assert request.headers["user-agent"] == f"dotbase-relay/{process.version()}"
    assert request.headers["accept-encoding"] == "identity"
    assert request.key == str(db.value("select idempotency_key from outbox.messages"))
    assert "authorization" not in request.headers


def test_a_request_without_a_body_has_none(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver))
    enqueue(db, "letters", "/ok", b"", method="GET")
    run_once(db)
    [request] = receiver.requests
    assert request.headers.keys().isdisjoint({"content-type", "content-length", "transfer-encoding"})


@pytest.mark.parametrize(
    ("auth", "secret", "header", "value"),
    [
        ({"kind": "bearer"}, SECRET, "authorization", f"Bearer {SECRET}"),
        (
            {"kind": "basic"},
            "me:péss",
            "authorization",
            "Basic " + base64.b64encode("me:péss".encode()).decode(),
        ),
        ({"kind": "header", "name": "X-Key"}, SECRET, "x-key", SECRET),
    ],
)
def test_a_header_proves_who_we_are(
    auth: dict[str, str], secret: str, header: str, value: str, db: Database, receiver: Receiver
) -> None:
    open_shop(db, lane("letters", receiver, auth={**auth, "secret": "shop.key"}))
    keep_secret(db, "shop.key", secret)
    enqueue(db, "letters", "/ok")
    run_once(db)
    assert receiver.requests[0].headers[header] == value


@pytest.mark.parametrize("path", ["/ok", "/ok?a=1"])
def test_a_parameter_proves_who_we_are(path: str, db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, auth={"kind": "query", "name": "key", "secret": "shop.key"}))
    keep_secret(db, "shop.key", SECRET)
    enqueue(db, "letters", path)
    run_once(db)
    assert receiver.requests[0].query["key"] == SECRET
    assert receiver.requests[0].target.startswith(path)


def test_an_address_may_be_the_secret(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("alarms", receiver, auth={"kind": "url", "secret": "shop.hook"}))
    keep_secret(db, "shop.hook", f"{receiver.host}/services/T0/B0/xyz?a=1")
    enqueue(db, "alarms", "/")
    run_once(db)
    assert [request.target for request in receiver.requests] == ["/services/T0/B0/xyz?a=1"]


def test_an_address_that_is_a_secret_leads_to_the_lanes_hosts_alone(db: Database, receiver: Receiver) -> None:
    open_shop(
        db, lane("alarms", receiver, hosts=["hooks.example.com"], auth={"kind": "url", "secret": "shop.hook"})
    )
    keep_secret(db, "shop.hook", f"{receiver.host}/services")
    message_id = enqueue(db, "alarms", "/")
    run_once(db)
    assert receiver.requests == []
    assert [(a["outcome"], a["error"]) for a in attempts(db, message_id)] == [("refused", "host_refused")]


def test_a_signature_is_one_that_the_standards_own_library_accepts(db: Database, receiver: Receiver) -> None:
    signing = {"kind": "standard_webhooks", "secrets": ["shop.new", "shop.old"]}
    open_shop(db, lane("hooks", receiver, auth=signing))
    keep_secret(db, "shop.new", NEW)
    keep_secret(db, "shop.old", OLD)
    enqueue(db, "hooks", "/ok", '{"price": 1.10, "이름": "é"}'.encode())
    run_once(db)
    [request] = receiver.requests
    for secret in (NEW, OLD):
        Webhook(secret).verify(request.body, request.headers)
    assert request.headers["webhook-id"] == request.key
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(request.body + b" ", request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(f"whsec_{base64.b64encode(b'else' * 8).decode()}").verify(request.body, request.headers)


def test_a_repeat_has_the_key_of_the_first_and_a_time_of_its_own(db: Database, receiver: Receiver) -> None:
    signing = {"kind": "standard_webhooks", "secrets": ["shop.new"]}
    open_shop(db, lane("hooks", receiver, auth=signing, delays=["0s", "1s"]))
    keep_secret(db, "shop.new", NEW)
    message_id = enqueue(db, "hooks", "/first/status/500")
    with relaying(db) as relay:
        until(lambda: state(db, message_id) == "delivered", 20)
        relay.stop()
    first, second = receiver.requests
    assert first.key == second.key
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    Webhook(NEW).verify(second.body, second.headers)


def test_a_hundred_messages_ask_for_a_secret_once(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, auth={"kind": "bearer", "secret": "shop.key"}, in_flight=100))
    keep_secret(db, "shop.key", SECRET)
    db.owner.execute(f"alter database {db.name} set track_functions = 'pl'".encode())
    enqueue_many(db, "letters", 100)
    run_once(db)
    assert len(receiver.requests) == 100
    calls = "select sum(calls) from pg_stat_user_functions where funcname = 'relay_secret'"
    until(lambda: db.value(calls), 10)
    assert db.value(calls) == 1


@pytest.mark.parametrize(
    "headers",
    [*({name.title(): "x"} for name in sorted(NOT_A_MESSAGES)), {"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "é"}],
)
def test_a_message_brings_no_header_that_is_the_relays(headers: dict[str, str]) -> None:
    """The database refuses them, too."""
    message = Message(
        message_id=1,
        lease_no=1,
        due_at=datetime.now(UTC),
        idempotency_key=UUID(int=1),
        method="POST",
        url="https://api.example.com/",
        content_type="text/plain",
        headers=headers,
        body=b"",
        leased_until=0,
    )
    with pytest.raises(UnsendableError, match="request_invalid"):
        prepared(message, "agent")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_=%", "no base64!"])
def test_a_signing_secret_has_a_key_in_it(secret: str) -> None:
    with pytest.raises(ValueError, match=r"empty|base64"):
        signatures.key(secret)


@pytest.mark.parametrize(
    ("auth", "secret"),
    [
        ({"kind": "bearer", "secret": "shop.key"}, None),
        ({"kind": "bearer", "secret": "shop.key"}, "two\r\nX-Lines: 1"),
        ({"kind": "header", "name": "X-Key", "secret": "shop.key"}, "café"),
        ({"kind": "url", "secret": "shop.key"}, "not an address"),
        ({"kind": "standard_webhooks", "secrets": ["shop.key"]}, "no base64!"),
    ],
)
def test_a_secret_that_cannot_be_used_pauses_the_lane(
    auth: dict[str, str], secret: str | None, db: Database, receiver: Receiver
) -> None:
    open_shop(db, lane("letters", receiver, auth=auth))
    if secret is not None:
        keep_secret(db, "shop.key", secret)
    message_id = enqueue(db, "letters", "/ok")
    relay = run_once(db)
    assert receiver.requests == []
    [attempt] = attempts(db, message_id)
    assert (attempt["outcome"], attempt["error"], attempt["is_charged"]) == (
        "paused",
        "secret_missing",
        False,
    )
    assert db.value("select pause_reason from outbox.lane_states") == "secret_missing"
    assert relay.lines("secret missing") or relay.lines("secret unusable")


def test_a_changed_secret_is_used_as_soon_as_the_old_one_is_refused(db: Database, receiver: Receiver) -> None:
    def answer(request: object) -> tuple[int, dict[str, str], bytes]:
        good = receiver.requests[-1].headers["authorization"] == "Bearer second secret"
        return (200 if good else 401), {}, b""

    receiver.answers["/guarded"] = answer
    open_shop(db, lane("letters", receiver, auth={"kind": "bearer", "secret": "shop.key"}))
    keep_secret(db, "shop.key", "first secret")
    message_id = enqueue(db, "letters", "/guarded")
    with relaying(db) as relay:
        until(lambda: attempts(db, message_id), 20)
        keep_secret(db, "shop.key", "second secret")
        db.owner.execute("update outbox.lane_states set paused_until = now()")
        db.owner.execute("update outbox.queue set due_at = now()")
        until(lambda: state(db, message_id) == "delivered", 20)
        relay.stop()
    assert [r.headers["authorization"] for r in receiver.got("/guarded")] == [
        "Bearer first secret",
        "Bearer second secret",
    ]


def test_a_message_for_a_host_that_was_taken_off_the_list_is_refused(
    db: Database, receiver: Receiver
) -> None:
    open_shop(db, lane("letters", receiver))
    message_id = enqueue(db, "letters", "/ok")
    declare(db, lane("letters", receiver, hosts=["elsewhere.example.com"]))
    run_once(db)
    assert receiver.requests == []
    assert state(db, message_id) == "refused"


def test_what_a_relay_does_is_told_without_bodies_and_queries(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, result_function="take_results"))
    enqueue(db, "letters", "/ok?customer=hidden-one", b'{"name": "hidden-two"}')
    enqueue(db, "letters", "/status/500?customer=hidden-three")
    relay = run_once(db)
    assert len(relay.lines("attempt")) == 2
    assert "hidden" not in relay.said
    assert Path(f"/proc/{relay.process.pid}").exists() is False
