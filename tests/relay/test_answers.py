"""What the receiver answers, or does instead, is what the database comes to know."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from dotbase.relay import responses
from tests.harness.databases import Database
from tests.relay.receiver import Receiver
from tests.relay.relaying import attempts, enqueue, lane, open_shop, run_once, state

# Path → what the attempt came to, its status and error, and where the message is then.
ANSWERS = {
    "/ok": ("delivered", 200, None, "delivered"),
    "/status/204": ("delivered", 204, None, "delivered"),
    "/status/404": ("refused", 404, None, "refused"),
    "/status/410": ("refused", 410, None, "refused"),
    "/status/422": ("refused", 422, None, "refused"),
    "/moved": ("refused", 302, None, "refused"),
    "/busy/7": ("failed", 429, None, "waiting"),
    "/busy-until/600": ("failed", 503, None, "waiting"),
    "/status/500": ("failed", 500, None, "waiting"),
    "/close": ("unknown", None, "connection_lost", "waiting"),
    "/half": ("unknown", None, "connection_lost", "waiting"),
    "/garbage": ("unknown", None, "response_invalid", "waiting"),
    "/hang": ("unknown", None, "timeout", "waiting"),
    "/slow/30": ("unknown", None, "timeout", "waiting"),
    "/large": ("refused", 200, "response_too_large", "refused"),
    "/large/chunked": ("refused", 200, "response_too_large", "refused"),
    "/odd-header": ("delivered", 200, None, "delivered"),
}


def test_each_answer_is_known_for_what_it_is(db: Database, receiver: Receiver) -> None:
    about = {
        "connect_timeout": "1s",
        "request_timeout": "2s",
        "lease": "20s",
        "in_flight": 20,
        "result_function": "take_results",
    }
    open_shop(db, lane("letters", receiver, **about))
    messages = {path: enqueue(db, "letters", path) for path in ANSWERS}
    run_once(db)
    found = {}
    for path, message_id in messages.items():
        [attempt] = attempts(db, message_id)
        found[path] = (attempt["outcome"], attempt["status"], attempt["error"], state(db, message_id))
    assert found == ANSWERS
    assert receiver.got("/elsewhere") == [], "a redirect was followed"
    assert receiver.written < 4 * 1024 * 1024, "it went on reading what it will not take"


def test_retry_after_is_told_in_seconds_and_as_a_date(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver))
    in_seconds, as_date = enqueue(db, "letters", "/busy/7"), enqueue(db, "letters", "/busy-until/600")
    run_once(db)
    assert attempts(db, in_seconds)[0]["retry_after"] == timedelta(seconds=7)
    asked = attempts(db, as_date)[0]["retry_after"]
    assert timedelta(seconds=590) < asked <= timedelta(seconds=600)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("99999999999999999999", 86400),
        ("Mon, 06 Jan 2025 00:00:30 GMT", 30),
        ("Mon, 06 Jan 2025 09:00:30 +0900", 30),
        ("Sun, 05 Jan 2025 23:59:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_retry_after_is_read_with_care(text: str, seconds: int | None) -> None:
    found = responses.retry_after(text, datetime(2025, 1, 6, tzinfo=UTC))
    assert found == (None if seconds is None else timedelta(seconds=seconds))


def test_the_result_function_gets_the_whole_answer(db: Database, receiver: Receiver) -> None:
    body = bytes(range(256)) * 40
    receiver.answers["/whole"] = lambda _: (201, {"X-One": "1", "Set-Cookie": "a=b"}, body)
    open_shop(db, lane("letters", receiver, response_limit=len(body), result_function="take_results"))
    enqueue(db, "letters", "/whole")
    run_once(db)
    [result] = db.rows("select * from shop.results")
    assert (result["outcome"], result["status"], result["body"]) == ("delivered", 201, body)
    assert result["headers"] == {"x-one": "1", "set-cookie": "a=b", "content-length": str(len(body))}


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(db: Database, receiver: Receiver) -> None:
    receiver.answers["/fits"] = lambda _: (200, {}, b"x" * 100)
    receiver.answers["/over"] = lambda _: (200, {}, b"x" * 101)
    open_shop(db, lane("letters", receiver, response_limit=100))
    fits, over = enqueue(db, "letters", "/fits"), enqueue(db, "letters", "/over")
    run_once(db)
    assert (state(db, fits), state(db, over)) == ("delivered", "refused")


def test_a_packed_body_is_not_unpacked(db: Database, receiver: Receiver) -> None:
    """A few bytes of it may be gigabytes; it was not asked for, either."""
    packed = gzip.compress(bytes(1_000_000))
    receiver.answers["/packed"] = lambda _: (200, {"Content-Encoding": "gzip"}, packed)
    open_shop(db, lane("letters", receiver, result_function="take_results"))
    enqueue(db, "letters", "/packed")
    run_once(db)
    assert db.value("select body from shop.results") == packed


def test_headers_that_are_too_long_are_left_out(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, result_function="take_results"))
    enqueue(db, "letters", "/headers/20")
    enqueue(db, "letters", "/headers/40")
    run_once(db)
    kept = {row["message_key"]: row["headers"] for row in db.rows("select * from shop.results")}
    assert len(kept["/headers/20"]) == 21
    assert kept["/headers/40"] is None


def test_what_is_not_there_was_not_sent(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, hosts=["http://127.0.0.1:1"]))
    message_id = enqueue(db, "letters", "/ok")
    run_once(db)
    [attempt] = attempts(db, message_id)
    assert (attempt["outcome"], attempt["error"]) == ("failed", "connect_failed")


def test_a_name_that_nobody_has_was_not_sent(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, hosts=["no-such-host.invalid"]))
    message_id = enqueue(db, "letters", "/ok")
    run_once(db)
    [attempt] = attempts(db, message_id)
    assert (attempt["outcome"], attempt["error"]) == ("failed", "dns_failed")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_the_client_sends_nothing_twice_by_itself(db: Database, receiver: Receiver, method: str) -> None:
    """Over a kept connection it would repeat an idempotent method, uncounted."""
    open_shop(db, lane("letters", receiver, in_flight=1))
    enqueue(db, "letters", "/ok", key="opens the connection")
    enqueue(db, "letters", "/close", method=method)
    run_once(db)
    assert len(receiver.got("/close")) == 1
