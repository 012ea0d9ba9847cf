"""What no writer gets past: the checks of the outbox's tables, at the last value and the first beyond it."""

from __future__ import annotations

import psycopg
import pytest

from tests.harness.databases import Database
from tests.outbox.post import Relay, declare, enqueue, lane

LANES, STATES = "outbox.lanes", "outbox.lane_states"
PAUSED = "pauses = 1, paused_until = now(), pause_reason = 'x'"
PROBE = "probe_until = now(), probe_message_id = 1, probe_lease_no = 1"

ALLOWED = [
    (LANES, "response_limit = 1"),
    (LANES, "response_limit = 8388608"),
    (LANES, "in_flight = 1"),
    (LANES, "in_flight = 1000"),
    (LANES, "per_minute = 1, burst = 1, ramp = '0'"),
    (LANES, "connect_timeout = '1s', request_timeout = '1s', lease = '2s'"),
    (LANES, "delays = array_fill(interval '0', array[100])"),
    (STATES, "outcomes = repeat('1', 50)::varbit"),
    (STATES, f"{PAUSED}, {PROBE}"),
    (STATES, "tokens = 0"),
    ("outbox.queue", "leases = 0, attempts = 0"),
    ("outbox.undigested", "tries = 1"),
    *[("outbox.dead_letters", f"what = '{what}'") for what in ("delivery", "result")],
    *[
        ("outbox.events", f"kind = '{kind}'")
        for kind in ("paused", "resumed", "dead", "replayed", "cancelled")
    ],
    ("outbox.relays", "relay_name = repeat('x', 100), version = repeat('x', 100)"),
]
REFUSED = [
    (LANES, "lane = 'Letters'", "lanes_lane_is_snake_case"),
    (LANES, "sender = 'pigeon'", "lanes_sender_known"),
    (LANES, "hosts = '{}'", "lanes_hosts_not_empty"),
    (LANES, "response_limit = 0", "lanes_response_limit_in_bounds"),
    (LANES, "response_limit = 8388609", "lanes_response_limit_in_bounds"),
    (LANES, "per_minute = 0", "lanes_rate_is_positive"),
    (LANES, "burst = 0", "lanes_rate_is_positive"),
    (LANES, "ramp = '-1s'", "lanes_rate_is_positive"),
    (LANES, "in_flight = 0", "lanes_in_flight_in_bounds"),
    (LANES, "in_flight = 1001", "lanes_in_flight_in_bounds"),
    (LANES, "connect_timeout = '0'", "lanes_times_in_order"),
    (LANES, "connect_timeout = '31s'", "lanes_times_in_order"),
    (LANES, "lease = '30s'", "lanes_times_in_order"),
    (LANES, "delays = '{}'", "lanes_delays_in_bounds"),
    (LANES, "delays = array[interval '-1s']", "lanes_delays_in_bounds"),
    (LANES, "delays = array_fill(interval '0', array[101])", "lanes_delays_in_bounds"),
    (STATES, "pauses = -1", "lane_states_pauses_not_negative"),
    (STATES, "pauses = 1", "lane_states_paused_with_a_reason"),
    (STATES, "pauses = 1, paused_until = now()", "lane_states_paused_with_a_reason"),
    (STATES, "pause_reason = 'x', paused_until = now()", "lane_states_paused_with_a_reason"),
    (STATES, "probe_until = now()", "lane_states_probe_is_whole"),
    (STATES, "probe_message_id = 1, probe_lease_no = 1", "lane_states_probe_is_whole"),
    (STATES, "tokens = -0.1", "lane_states_tokens_not_negative"),
    ("outbox.queue", "leases = -1", "queue_counts_not_negative"),
    ("outbox.queue", "attempts = -1", "queue_counts_not_negative"),
    ("outbox.undigested", "tries = 0", "undigested_tries_is_positive"),
    ("outbox.dead_letters", "what = 'x'", "dead_letters_what_known"),
    ("outbox.events", "kind = 'x'", "events_kind_known"),
    ("outbox.relays", "relay_name = ''", "relays_text_lengths"),
]
ATTEMPT = (
    "insert into outbox.attempts (message_id, made_on, lease_no, at, outcome, ended, is_stale, is_charged, "
    "response_body)"
)
REFUSED_ATTEMPTS = [
    ("'x', null, false, false, null", "attempts_outcome_known"),
    ("'failed', 'failed', false, false, null", "attempts_ended_known"),
    ("'failed', 'dead', true, false, null", "attempts_stale_ends_nothing"),
    ("'failed', null, true, true, null", "attempts_stale_ends_nothing"),
    ("'failed', null, false, true, 'x'", "attempts_response_of_the_last"),
]


@pytest.fixture
def filled(shop: Database, relay: Relay) -> Database:
    """A row in every table that is not immutable."""
    declare(shop, lane("letters", delays=["0s"], result_function="take_results"))
    shop.owner.execute("insert into shop.faults values ('one', 'raise')")
    enqueue(shop, "letters", "one")
    relay.report(relay.claim("letters"), 200)
    enqueue(shop, "letters", "two")
    relay.report(relay.claim("letters"), 500)
    enqueue(shop, "letters", "three")
    relay.connection.execute("select outbox.relay_heartbeat('relay', '1')")
    return shop


def test_each_check_lets_its_last_value_pass(filled: Database) -> None:
    for table, change in ALLOWED:
        where = " where lane = 'letters'" if table in (LANES, STATES) else ""
        with filled.owner.transaction(force_rollback=True):
            assert filled.owner.execute(f"update {table} set {change}{where}".encode()).rowcount, table


def test_each_check_refuses_the_first_value_beyond(filled: Database) -> None:
    for table, change, constraint in REFUSED:
        with pytest.raises(psycopg.errors.CheckViolation) as caught, filled.owner.transaction():
            filled.owner.execute(f"update {table} set {change}".encode())
        assert caught.value.diag.constraint_name == constraint, change


def test_an_attempt_says_what_an_attempt_can_say(filled: Database) -> None:
    for values, constraint in REFUSED_ATTEMPTS:
        with pytest.raises(psycopg.errors.CheckViolation) as caught, filled.owner.transaction():
            filled.owner.execute(f"{ATTEMPT} values (1, '2025-01-06', 99, now(), {values})".encode())
        assert caught.value.diag.constraint_name == constraint, values
