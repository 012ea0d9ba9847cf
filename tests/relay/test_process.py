"""A relay's life: how it begins, stops, says that it is alive, and outlives its database."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dotbase.commands.relay import command
from dotbase.errors import DotbaseError
from dotbase.options import GlobalOptions
from tests.harness.databases import Database
from tests.harness.waiting import until
from tests.relay.receiver import Receiver
from tests.relay.relaying import (
    ROLE,
    Relay,
    attempts,
    enqueue,
    enqueue_many,
    lane,
    open_shop,
    relaying,
    state,
)

CUT = """
select pg_terminate_backend(pid)
from pg_stat_activity
where usename = %s and datname = current_database()
"""


@contextmanager
def away(db: Database) -> Iterator[None]:
    """The relay's sessions end, and it gets no new one; others' do."""
    db.owner.execute(f"alter database {db.name} connection limit 0".encode())
    try:
        db.owner.execute(CUT, [ROLE])
        yield
    finally:
        db.owner.execute(f"alter database {db.name} connection limit -1".encode())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_end_and_gives_back_the_rest(
    number: signal.Signals, db: Database, receiver: Receiver
) -> None:
    open_shop(db, lane("letters", receiver, in_flight=3))
    enqueue_many(db, "letters", 20, "/held")
    with relaying(db) as relay:
        until(lambda: len(receiver.requests) == 3, 20)
        relay.signal(number)
        relay.wait_for("stopping")
        receiver.released.set()
        assert relay.ended() == 0, relay.said
    assert len(receiver.requests) == 3
    assert db.value("select count(*) from outbox.attempts where ended = 'delivered'") == 3
    assert db.value("select count(*) from outbox.queue where is_leased") == 0
    assert db.value("select count(*) from outbox.queue where attempts > 0") == 0


def test_a_quick_lane_gives_back_what_it_has_leased_ahead(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, in_flight=50))
    enqueue_many(db, "letters", 5000, "/slow/0.01")
    with relaying(db) as relay:
        until(lambda: len(receiver.requests) > 500, 20)
        relay.stop()
    assert db.value("select count(*) from outbox.queue where is_leased") == 0
    sent = len(receiver.requests)
    assert sent < 5000
    assert db.value("select count(*) from outbox.attempts where ended = 'delivered'") == sent


def test_a_second_signal_ends_it_at_once(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver))
    enqueue(db, "letters", "/hang")
    with relaying(db) as relay:
        until(lambda: receiver.requests, 20)
        relay.signal()
        relay.wait_for("stopping")
        relay.signal()
        assert relay.ended(5) == 1


def test_a_relay_says_that_it_is_alive(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver))
    with relaying(db) as unnamed, relaying(db, "--name", "second"):
        until(lambda: db.value("select count(*) from outbox.relays") == 2, 20)
        names = {row["relay_name"] for row in db.rows("select relay_name from outbox.relays")}
        assert "second" in names
        [name] = names - {"second"}
        host, pid, _ = name.rsplit(":", 2)
        assert (host, int(pid)) == (socket.gethostname()[:60], unnamed.process.pid)


def test_systemd_is_told_of_beginning_and_end(db: Database, receiver: Receiver, tmp_path: Path) -> None:
    open_shop(db, lane("letters", receiver))
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(path)
        channel.settimeout(10)
        with relaying(db, env={"NOTIFY_SOCKET": path}) as relay:
            assert {channel.recv(100), channel.recv(100)} == {b"READY=1", b"WATCHDOG=1"}
            relay.stop()
        assert channel.recv(100) == b"STOPPING=1"


def test_what_was_seen_while_the_database_was_away_is_told_when_it_is_back(
    db: Database, receiver: Receiver
) -> None:
    open_shop(db, lane("letters", receiver, in_flight=3, result_function="take_results"))
    enqueue_many(db, "letters", 10, "/held")
    with relaying(db) as relay:
        until(lambda: len(receiver.requests) == 3, 20)
        with away(db):
            receiver.released.set()
            relay.wait_for("database gone")
            assert db.value("select count(*) from outbox.attempts") == 0
        until(lambda: db.value("select count(*) from shop.results") == 10, 60)
        relay.wait_for("database back")
        relay.stop()
    assert max(receiver.by_key.values()) == 1, "sent again, though it was known"


def test_a_relay_whose_database_is_away_stops_when_its_leases_have_ended(
    db: Database, receiver: Receiver
) -> None:
    open_shop(db, lane("letters", receiver, connect_timeout="1s", request_timeout="1s", lease="3s"))
    enqueue(db, "letters", "/held")
    with relaying(db) as relay:
        until(lambda: receiver.requests, 20)
        with away(db):
            receiver.released.set()
            relay.signal()
            assert relay.ended(20) == 0, relay.said
    [lost] = relay.lines("reports lost")
    assert lost["reports"] == 1


def test_a_message_whose_lease_was_lost_is_sent_again_with_its_key(db: Database, receiver: Receiver) -> None:
    open_shop(db, lane("letters", receiver, connect_timeout="1s", request_timeout="1s", lease="2s"))
    message_id = enqueue(db, "letters", "/first/hang")
    with relaying(db) as relay:
        until(lambda: receiver.requests, 20)
        relay.process.kill()
        relay.ended()
    with relaying(db):
        until(lambda: state(db, message_id) == "delivered", 20)
    assert [a["outcome"] for a in attempts(db, message_id)] == ["unknown", "delivered"]
    assert list(receiver.by_key.values()) == [2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--lane", "nobody"), "the database has no lane nobody for a relay"),
        (("--database-url", "postgresql://dotbase_relay@127.0.0.1:1/x"), "cannot be reached"),
    ],
)
def test_what_cannot_begin_says_why_in_one_sentence(
    arguments: tuple[str, ...], says: str, db: Database, receiver: Receiver
) -> None:
    open_shop(db, lane("letters", receiver))
    env = {"DATABASE_URL": arguments[1]} if arguments[0] == "--database-url" else None
    relay = Relay(db, *(() if env else arguments), env=env)
    try:
        assert relay.ended() == 1
        assert says in relay.said
        assert "Traceback" not in relay.said
    finally:
        relay.close()


def test_without_its_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("dotbase.relay")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    options = GlobalOptions(project=None, database_url="postgresql://127.0.0.1:1/x", cluster="test")
    with pytest.raises(DotbaseError, match=r"aiohttp is missing.*dotbase\[relay\]"):
        command.main([], obj=options, standalone_mode=False)
