"""PostgREST's HTTP over the fixture, on the loopback: for proxies, clients and browsers to be tried against.

A pool of sessions answers, tokens are verified, CORS is PostgREST's. It knows what the fixture knows: calls,
reads with equality, order and limit, and writes; what else a query string may say is refused, never ignored.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.harness import tokens
from tests.harness.databases import Database
from tests.harness.people import Person
from tests.harness.postgrest import Postgrest
from tests.harness.responses import Response, own_error

SECRET = "a secret of at least 32 characters"
METHODS = "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"
EXPOSED = (
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, "
    "Transfer-Encoding, Range-Unit"
)


class Front:
    """Where it listens, and the secret that tokens are signed with."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self.secret = secret

    def token(self, person: Person, **claims: object) -> str:
        """The person's token, as an auth service gives it out."""
        return tokens.sign({**person.claims, "role": person.role, **claims}, self.secret)


@contextmanager
def front(
    db: Database, sessions: int = 4, secret: str = "a secret of at least 32 characters"
) -> Iterator[Front]:
    """Listens while it is needed, with this many sessions; who finds none free waits for one."""
    with db.sessions(sessions) as opened:
        pool: queue.SimpleQueue[Postgrest] = queue.SimpleQueue()
        for session in opened:
            pool.put(session)
        handler = type("Handler", (_Handler,), {"pool": pool, "secret": secret})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Front(f"http://127.0.0.1:{server.server_port}", secret)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class UnknownError(ValueError):
    """A part of a query string that the fixture does not know."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "postgrest/14 (a fixture)"
    sys_version = ""
    pool: queue.SimpleQueue[Postgrest]
    secret: str

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PATCH = do_DELETE = do_GET

    def do_OPTIONS(self) -> None:
        """A browser's question before a request of another origin."""
        asked = self.headers.get("Access-Control-Request-Headers")
        allowed = ", ".join(["Authorization", *([asked] if asked else [])])
        self._send(
            Response(
                200,
                None,
                {
                    "access-control-allow-origin": "*",
                    "access-control-allow-methods": METHODS,
                    "access-control-allow-headers": allowed,
                    "access-control-max-age": "86400",
                },
            )
        )

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        session = self.pool.get()
        try:
            answer = self._answer_of(session, body)
        finally:
            self.pool.put(session)
        self._send(answer)

    def _answer_of(self, session: Postgrest, body: bytes) -> Response:
        claims = tokens.verified(self.headers.get("Authorization"), self.secret)
        if isinstance(claims, Response):
            return claims
        role = str(claims.get("role", "anon"))
        cookies = {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie")).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        person = Person(role, role, claims, headers, cookies)
        place = urlsplit(self.path)
        query = dict(parse_qsl(place.query, keep_blank_values=True))
        name = unquote(place.path).removeprefix("/")
        try:
            if name.startswith("rpc/"):
                return self._call(session, person, name.removeprefix("rpc/"), query, body)
            return self._of_relation(session, person, name, query, body)
        except UnknownError as error:
            return own_error(400, "PGRST100", f"the fixture does not know {error}")

    def _call(
        self, session: Postgrest, person: Person, rpc: str, query: Mapping[str, str], body: bytes
    ) -> Response:
        if self.command in ("GET", "HEAD"):
            return session.get(person, rpc, **query)
        if self.command != "POST":
            return own_error(405, "PGRST101", f"Cannot use the {self.command} method on RPC")
        if query:
            raise UnknownError(f"{next(iter(query))} behind a call")
        return session.raw_call(person, rpc, body)

    def _of_relation(
        self, session: Postgrest, person: Person, name: str, query: Mapping[str, str], body: bytes
    ) -> Response:
        words = {key: value for key, value in query.items() if key in ("select", "order", "limit")}
        filters = {key: _equal(key, value) for key, value in query.items() if key not in words}
        if self.command in ("GET", "HEAD"):
            columns = [column for column in words.get("select", "*").split(",") if column != "*"]
            limit = int(words["limit"]) if "limit" in words else None
            return session.select(person, name, columns, filters, words.get("order", ""), limit)
        if words.get("select", "*") != "*" or words.keys() - {"select"}:
            raise UnknownError("a selection of what was written")
        returning = "return=representation" in (self.headers.get("Prefer") or "")
        if self.command == "DELETE":
            return session.delete(person, name, filters, returning=returning)
        try:
            rows = json.loads(body)
        except ValueError:
            return own_error(400, "PGRST102", "Empty or invalid json")
        if self.command == "PATCH":
            return session.update(person, name, rows, filters, returning=returning)
        return session.insert(person, name, rows, returning=returning)

    def _send(self, answer: Response) -> None:
        text = b"" if answer.body is None else json.dumps(answer.body, ensure_ascii=False).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.headers.get("Origin") and "access-control-allow-origin" not in answer.headers:
            self.send_header("access-control-allow-origin", "*")
            self.send_header("access-control-expose-headers", EXPOSED)
        if answer.status != 204:
            self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD" and answer.status != 204:
            self.wfile.write(text)


def _equal(column: str, value: str) -> str | None:
    """The value of a filter by equality."""
    if value == "is.null":
        return None
    operator, dot, wanted = value.partition(".")
    if operator != "eq" or not dot:
        raise UnknownError(f"{column}={value}")
    return wanted
