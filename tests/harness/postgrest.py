"""A client of the database as PostgREST 14 is one: request in, transaction, response out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import psycopg

from tests.harness import hints, statements
from tests.harness.bodies import keys_of, parse_json, response_of
from tests.harness.bouncer import CLIENTS, Bouncer
from tests.harness.figures import count
from tests.harness.people import Person
from tests.harness.responses import Response, from_database_error, own_error
from tests.harness.schema_cache import HOISTED, Routine, SchemaCache, load

Connect = Callable[[], "psycopg.Connection[Any]"]


class RetriedWithoutEnd(AssertionError):
    """The database said 40001, which PostgREST before 16 retries for ever."""


class Postgrest:
    """One connection of PostgREST's pool, logged in as `authenticator`.

    Arguments and rows pass as one JSON body. `schema_cache` is read at the first request, as
    PostgREST reads it at its start: call `reload()` after a change of the schema.
    """

    def __init__(self, connect: Connect, schema_cache: SchemaCache | None = None) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None
        self._others: list[psycopg.Connection[Any]] = []
        self._schema_cache = schema_cache

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The authenticator's connection, opened on first use."""
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            self._connection.autocommit = True
            # What the server logs, a failing test shows: pytest captures it.
            self._connection.add_notice_handler(_show_log)
            if not Bouncer.on:  # which can neither keep statements nor settings for a client
                self._connection.prepare_threshold = 0  # PostgREST prepares every statement
                self._connection.execute("set client_min_messages = log")
        return self._connection

    @property
    def schema_cache(self) -> SchemaCache:
        """What is known of schema `api`."""
        if self._schema_cache is None:
            self._schema_cache = load(self.connection)
        return self._schema_cache

    def reload(self) -> None:
        """Forget the schema cache, as on `notify pgrst, 'reload schema'`."""
        self._schema_cache = None

    def close(self) -> None:
        """Close the connection, with PgBouncer all of them."""
        for connection in (self._connection, *self._others):
            if connection is not None:
                connection.close()

    def _for_request(self) -> psycopg.Connection[Any]:
        """The connection; through PgBouncer another client at each request, on a shared server connection."""
        if not Bouncer.on:
            return self.connection
        if self._connection is not None:
            count(f"requests through PgBouncer, of {CLIENTS} clients by turns")
            self._others.append(self._connection)
            self._connection = self._others.pop(0) if len(self._others) == CLIENTS else None
        return self.connection

    def call(self, person: Person, rpc: str, /, **arguments: object) -> Response:
        """POST /rpc/<rpc> with these arguments."""
        return self.raw_call(person, rpc, json.dumps(arguments, default=str, ensure_ascii=False))

    def raw_call(self, person: Person, rpc: str, body: str | bytes) -> Response:
        """POST /rpc/<rpc> with this body; bytes where it is no text."""
        try:
            if isinstance(body, bytes):
                body = body.decode()  # UTF-8 and no byte order mark, where Python would guess
            payload = parse_json(body) if body else {}
        except ValueError:
            return own_error(400, "PGRST102", "Empty or invalid json")
        keys = keys_of(payload)
        if keys is None:
            return own_error(400, "PGRST102", "All object keys must match")
        if not isinstance(payload, dict | list):
            body = "[]"
        routine = self._find(rpc, keys, post=True)
        if isinstance(routine, Response):
            return routine
        statement = statements.call_with_body(self.schema_cache.schema, routine, keys, body or "{}")
        return self._run_call(person, "POST", routine, statement, read_only=routine.volatility != "v")

    def get(self, person: Person, rpc: str, /, **arguments: object) -> Response:
        """GET /rpc/<rpc>?…, always read only."""
        query = {name: statements.text(value) for name, value in arguments.items()}
        routine = self._find(rpc, set(query), post=False)
        if isinstance(routine, Response):
            return routine
        statement = statements.call_with_query(self.schema_cache.schema, routine, query)
        return self._run_call(person, "GET", routine, statement, read_only=True)

    def select(
        self,
        person: Person,
        view: str,
        columns: Sequence[str] = (),
        filters: Mapping[str, object] | None = None,
        order: str = "",
        limit: int | None = None,
    ) -> Response:
        """GET /<view>: filters by equality (None: is null), order as `closes_at.desc,round_no`."""
        if view not in self.schema_cache.relations:
            return self._no_relation(view)
        schema = self.schema_cache.schema
        statement = statements.read(schema, view, columns, filters or {}, order, limit)
        return self._run(person, "GET", f"/{quote(view)}", statement, read_only=True, success=200)

    def insert(
        self,
        person: Person,
        view: str,
        rows: Mapping[str, object] | Sequence[Mapping[str, object]],
        *,
        returning: bool = True,
    ) -> Response:
        """POST /<view> with one row or several."""
        body = json.dumps(rows, default=str, ensure_ascii=False)
        types = self._column_types(view, keys_of(json.loads(body)) or set())
        if isinstance(types, Response):
            return types
        statement = statements.insert(self.schema_cache.schema, view, types, body, returning)
        answer = self._run(person, "POST", f"/{quote(view)}", statement, read_only=False, success=201)
        return _as_preferred(answer, returning)

    def update(
        self,
        person: Person,
        view: str,
        values: Mapping[str, object],
        filters: Mapping[str, object],
        *,
        returning: bool = True,
    ) -> Response:
        """PATCH /<view>?<filters>."""
        body = json.dumps(values, default=str, ensure_ascii=False)
        types = self._column_types(view, set(values))
        if isinstance(types, Response):
            return types
        statement = statements.update(self.schema_cache.schema, view, types, body, filters, returning)
        success = 200 if returning else 204
        answer = self._run(person, "PATCH", f"/{quote(view)}", statement, read_only=False, success=success)
        return _as_preferred(answer, returning)

    def delete(
        self, person: Person, view: str, filters: Mapping[str, object], *, returning: bool = True
    ) -> Response:
        """DELETE /<view>?<filters>."""
        if view not in self.schema_cache.relations:
            return self._no_relation(view)
        statement = statements.delete(self.schema_cache.schema, view, filters, returning)
        success = 200 if returning else 204
        answer = self._run(person, "DELETE", f"/{quote(view)}", statement, read_only=False, success=success)
        return _as_preferred(answer, returning)

    def _find(self, rpc: str, keys: set[str], *, post: bool) -> Routine | Response:
        """The one routine of this name that takes these argument names."""
        named = self.schema_cache.routines.get(rpc, [])
        found = [r for r in named if not (r.takes_whole_body and r.parameters) and r.accepts(keys)]
        if not found and post:
            found = [r for r in named if r.takes_whole_body]
        if len(found) == 1:
            return found[0]
        schema = self.schema_cache.schema
        if found:
            signatures = ", ".join(
                f"{schema}.{r.name}({', '.join(f'{p.name} => {p.type}' for p in r.parameters)})"
                for r in found
            )
            return own_error(
                300,
                "PGRST203",
                f"Could not choose the best candidate function between: {signatures}",
                hint="Try renaming the parameters or the function itself in the database so function "
                "overloading can be resolved",
            )
        names = ", ".join(sorted(keys))
        message = f"({names})" if keys else " without parameters"
        searched = f" with parameter{'s' if len(keys) > 1 else ''} {names}" if keys else " without parameters"
        whole = " or with a single unnamed json/jsonb parameter" if post else ""
        return own_error(
            404,
            "PGRST202",
            f"Could not find the function {schema}.{rpc}{message} in the schema cache",
            f"Searched for the function {schema}.{rpc}{searched}{whole}, but no matches were found in the "
            "schema cache.",
            hints.of_call(self.schema_cache, rpc, keys),
        )

    def _column_types(self, view: str, names: set[str]) -> dict[str, str] | Response:
        columns = self.schema_cache.relations.get(view)
        if columns is None:
            return self._no_relation(view)
        for name in sorted(names - set(columns)):
            message = f"Could not find the '{name}' column of '{view}' in the schema cache"
            return own_error(400, "PGRST204", message)
        return {name: type_ for name, type_ in columns.items() if name in names}

    def _no_relation(self, view: str) -> Response:
        place = f"{self.schema_cache.schema}.{view}"
        hint = hints.of_relation(self.schema_cache, view)
        message = f"Could not find the table '{place}' in the schema cache"
        return own_error(404, "PGRST205", message, hint=hint)

    def _run_call(
        self,
        person: Person,
        method: str,
        routine: Routine,
        statement: statements.Statement,
        *,
        read_only: bool,
    ) -> Response:
        success = 204 if routine.returns_void else 200
        path = f"/rpc/{quote(routine.name)}"
        own = {name: value for name, value in routine.settings.items() if name in HOISTED}
        isolation = routine.settings.get("default_transaction_isolation")
        return self._run(
            person,
            method,
            path,
            statement,
            read_only=read_only,
            success=success,
            own=own,
            isolation=isolation,
        )

    def _run(
        self,
        person: Person,
        method: str,
        path: str,
        statement: statements.Statement,
        *,
        read_only: bool,
        success: int,
        own: Mapping[str, str] | None = None,
        isolation: str | None = None,
    ) -> Response:
        """One transaction: settings in one select, the request in one statement, commit."""
        role_settings = dict(self.schema_cache.role_settings.get(person.role, {}))
        role_isolation = role_settings.pop("default_transaction_isolation", None)
        pairs = [
            ("search_path", f'"{self.schema_cache.schema}", ""'),  # with `db-extra-search-path = ""`
            *role_settings.items(),
            ("role", person.role),
            ("request.jwt.claims", json.dumps({**person.claims, "role": person.role}, default=str)),
            ("request.method", method),
            ("request.path", path),
            ("request.headers", json.dumps(dict(person.headers))),
            ("request.cookies", json.dumps(dict(person.cookies))),
            *(own or {}).items(),
        ]
        connection = self._for_request()
        begin = f"begin isolation level {isolation or role_isolation or 'read committed'} " + (
            "read only" if read_only else "read write"
        )
        try:
            connection.execute(begin.encode())
            connection.execute(*statements.settings(pairs))
            row = connection.execute(*statement).fetchone()
            connection.execute("commit")
        except psycopg.Error as error:
            if connection.closed or error.sqlstate is None:
                raise
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.execute("rollback")
            if error.sqlstate == "40001":
                raise RetriedWithoutEnd(f"{method} {path}: {error}") from error
            return from_database_error(error, anonymous=person.role == "anon")
        assert row is not None
        return response_of(row, success)


def _as_preferred(answer: Response, returning: bool) -> Response:
    """What the client preferred is said on success, unless the answer says it otherwise."""
    preference = f"return={'representation' if returning else 'minimal'}"
    headers = {"preference-applied": preference, **answer.headers} if answer.ok else answer.headers
    return replace(answer, headers=headers)


def _show_log(notice: psycopg.errors.Diagnostic) -> None:
    if notice.severity_nonlocalized == "LOG":
        print("server log:", notice.message_primary)
