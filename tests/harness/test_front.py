"""The HTTP front answers as the fixture does, verifies tokens, and says what it does not know."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness import tokens
from tests.harness.databases import Database
from tests.harness.front import Front, front
from tests.harness.people import Person, admin, anon, walker


@dataclass(frozen=True)
class Answer:
    """What a client of HTTP gets."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        """Decoded."""
        return json.loads(self.text)


@pytest.fixture(scope="module")
def served(module_db: Database) -> Iterator[Front]:
    module_db.clock("2025-01-06 09:00")
    with front(module_db) as served:
        yield served


def ask(served: Front, method: str, path: str, body: object = None, **headers: str) -> Answer:
    connection = HTTPConnection(urlsplit(served.url).netloc, timeout=20)
    try:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        connection.request(method, path, text, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, answer.read().decode())
    finally:
        connection.close()


def bearer(served: Front, person: Person, **claims: object) -> str:
    return f"Bearer {served.token(person, **claims)}"


def test_calls_and_reads_are_the_fixtures(served: Front, module_db: Database) -> None:
    me = bearer(served, walker(1))
    reported = ask(served, "POST", "/rpc/report_steps", {"steps": 1234}, Authorization=me)
    assert (reported.status, reported.body[0]["steps"]) == (200, 1234)
    today = ask(served, "GET", "/rpc/my_today", Authorization=me)
    assert today.body == json.loads(json.dumps(module_db.get(walker(1), "my_today").body))
    assert today.headers["content-range"] == "0-0/*"
    read = ask(served, "GET", "/rounds?select=round_no&order=round_no.desc&limit=1")
    of_fixture = module_db.select(anon, "rounds", ["round_no"], order="round_no.desc", limit=1)
    assert (read.status, read.body) == (200, of_fixture.body)


def test_each_has_the_rights_of_their_token(served: Front) -> None:
    def status_of(**headers: str) -> int:
        body = {"name": "luckywalk.tier1_pot", "value": "no number"}
        return ask(served, "POST", "/rpc/set_setting", body, **headers).status

    assert status_of() == 401
    assert status_of(Authorization=bearer(served, walker(1))) == 403
    assert status_of(Authorization=bearer(served, admin)) == 400


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"exp": time.time() - 60}, "PGRST303", "JWT expired"),
        ({"aud": "somebody else"}, "PGRST303", "JWT not in audience"),
    ],
)
def test_a_token_of_yesterday_or_for_others_is_refused(
    served: Front, changed: dict[str, object], code: str, said: str
) -> None:
    answer = ask(served, "GET", "/rpc/my_today", Authorization=bearer(served, walker(1), **changed))
    assert (answer.status, answer.body["code"], answer.body["message"]) == (401, code, said)
    assert answer.headers["www-authenticate"] == f'Bearer error="invalid_token", error_description="{said}"'


def test_a_forged_token_is_refused(served: Front) -> None:
    forged = tokens.sign({"role": "service_role"}, "another secret of at least 32 letters")
    for token in (forged, "nonsense"):
        answer = ask(served, "GET", "/rounds", Authorization=f"Bearer {token}")
        assert (answer.status, answer.body["code"]) == (401, "PGRST301")


def test_a_browser_of_another_origin_may_ask(served: Front) -> None:
    asked = ask(
        served,
        "OPTIONS",
        "/rpc/my_today",
        Origin="https://app.example.com",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type, x-client-info",
    )
    assert asked.status == 200
    assert asked.headers["access-control-allow-origin"] == "*"
    assert asked.headers["access-control-allow-headers"] == "Authorization, content-type, x-client-info"
    answer = ask(served, "GET", "/rounds", Origin="https://app.example.com")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Content-Range" in answer.headers["access-control-expose-headers"]


def test_what_it_does_not_know_is_refused_and_not_ignored(served: Front) -> None:
    for path in ("/rounds?round_no=gt.1", "/rounds?or=(a.eq.1)"):
        answer = ask(served, "GET", path)
        assert (answer.status, answer.body["code"]) == (400, "PGRST100")
    assert ask(served, "POST", "/rpc/report_steps", "{").body["code"] == "PGRST102"
    assert ask(served, "DELETE", "/rpc/report_steps").body["code"] == "PGRST101"


def test_more_clients_than_sessions_are_all_answered(served: Front) -> None:
    def act(number: int) -> int:
        me = bearer(served, walker(100 + number))
        return int(
            ask(served, "POST", "/rpc/report_steps", {"steps": number}, Authorization=me).body[0]["steps"]
        )

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(act, range(20))) == list(range(20))


def test_a_head_has_the_headers_alone(served: Front) -> None:
    answer = ask(served, "HEAD", "/rounds")
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["content-type"].startswith("application/json")
