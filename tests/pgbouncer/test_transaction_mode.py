"""Behind PgBouncer in transaction mode: one server connection, many people, and none sees another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from tests.harness import bouncer
from tests.harness.bouncer import Bouncer
from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.people import Person, admin, anon, service, walker
from tests.harness.postgrest import Postgrest
from tests.harness.server import Server

PEOPLE = [walker(1), anon, walker(2), admin, service]
SESSION_STATE = """
select
    pg_backend_pid() as process,
    session_user::text as session_role,
    current_user::text as role,
    nullif(current_setting('request.jwt.claims', true), '') as claims,
    nullif(current_setting('request.headers', true), '') as headers,
    current_setting('search_path') as search_path,
    current_setting('transaction_read_only') as read_only,
    (select count(*) from pg_prepared_statements) as prepared,
    (select count(*) from pg_cursors) as cursors,
    (select count(*) from pg_class where relnamespace = pg_my_temp_schema()) as temporary,
    (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory') as locks,
    (select count(*) from pg_listening_channels()) as channels,
    (select array_agg(name) from pg_settings where source = 'session' and setting <> '') as settings
"""


@pytest.fixture(scope="module")
def pool(server: Server) -> Iterator[Bouncer]:
    """One server connection a database and role, for everybody."""
    with bouncer.pool(server, pool_size=1) as pool:
        yield pool


@pytest.fixture
def clients(db: Database, pool: Bouncer, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Postgrest]]:
    """A client of PostgREST for each of PEOPLE, and one more, which only looks."""
    monkeypatch.setattr(Bouncer, "on", True)
    db.clock("2025-01-06 09:00")
    with ExitStack() as stack:
        clients = []
        for _ in (*PEOPLE, None):
            client = Postgrest(lambda: pool.connect(db.name), db.schema_cache)
            stack.callback(client.close)
            clients.append(client)
        yield clients


def session_state(client: Postgrest) -> dict[str, Any]:
    """What a client finds in the server session that it is given."""
    cursor = client.connection.execute(SESSION_STATE)
    row = cursor.fetchone()
    assert row is not None
    assert cursor.description is not None
    return dict(zip([column.name for column in cursor.description], row, strict=True))


def test_two_people_by_turns_over_one_server_connection_are_each_themselves(
    clients: list[Postgrest],
) -> None:
    one, other = clients[:2]
    assert one.call(walker(1), "report_steps", steps=1000).status == 200
    assert other.call(walker(2), "report_steps", steps=2500).status == 200
    for _ in range(3):
        assert one.call(walker(1), "my_today").row["steps"] == 1000
        assert other.call(walker(2), "my_today").row["steps"] == 2500
        assert other.call(anon, "my_today").status == 401
    assert session_state(one)["process"] == session_state(other)["process"]


def test_nobody_finds_claims_role_or_anything_else_of_who_came_before(clients: list[Postgrest]) -> None:
    """Every RPC, by everybody, whether it answers or refuses: the session is as before."""
    *people, observer = clients
    untouched = session_state(observer)
    assert untouched["role"] == untouched["session_role"] == "authenticator"
    assert (untouched["claims"], untouched["prepared"], untouched["locks"]) == (None, 0, 0)
    for rpc, routines in sorted(observer.schema_cache.routines.items()):
        for person, client in zip(PEOPLE, people, strict=True):
            arguments: dict[str, object] = dict.fromkeys((p.name for p in routines[0].parameters), None)
            client.call(person, rpc, **arguments)
            assert session_state(observer) == untouched, f"after {rpc}"
            count("sessions looked at behind PgBouncer after somebody's call")


def test_an_unfinished_request_of_one_is_not_continued_by_another(
    clients: list[Postgrest], db: Database, pool: Bouncer
) -> None:
    """A client that dies inside of its transaction: the next one gets a session without its claims."""
    dying = pool.connect(db.name)
    dying.execute("begin")
    dying.execute("set local role authenticated")
    dying.execute("select set_config('request.jwt.claims', '{\"sub\": \"x\"}', true)")
    dying.pgconn.finish()
    found = session_state(clients[0])
    assert (found["role"], found["claims"]) == ("authenticator", None)


def as_person(connection: psycopg.Connection[Any], person: Person) -> None:
    connection.execute("select set_config('request.jwt.claims', %s, false)", [str(person.claims)])


def test_what_is_set_for_the_session_would_be_found(clients: list[Postgrest], db: Database) -> None:
    """The look sees a leak where there is one: what PostgREST would do wrong with a session's setting."""
    before = session_state(clients[0])
    as_person(clients[1].connection, walker(1))
    after = session_state(clients[0])
    assert after["claims"] == str(walker(1).claims)
    assert after != before
