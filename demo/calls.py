"""Calls of RPCs in the shape PostgREST gives them, many at once.

Each call is a transaction of its own: settings (role, verified claims, request) in one select, then the
rpc in one statement that reads its arguments from a JSON body. The calls of a batch are pipelined, so
that a connection does not wait for each answer; a sync between two calls ends the one's transaction and
begins the other's, and an error undoes its own call only.
"""

from __future__ import annotations

import json
import select
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult

from dotbase.errors import DotbaseError

BATCH = 64  # calls; their answers stay well below what a socket buffers
HEADERS = b'{"content-type": "application/json"}'

SETTINGS = b"""
select
    set_config('search_path', '"api", "public"', true),
    set_config('role', 'authenticated', true),
    set_config('transaction_read_only', $4, true),
    set_config('request.jwt.claims', $1, true),
    set_config('request.method', 'POST', true),
    set_config('request.path', $2, true),
    set_config('request.headers', $3, true),
    set_config('request.cookies', '{}', true)
"""

BODY = """(select $1::json as json_data) as pgrst_payload,
        lateral (
            select {names} from json_to_record(pgrst_payload.json_data) as _({typed}) limit 1
        ) as pgrst_body,
        lateral """

CALL = """
with pgrst_source as (select pgrst_call.* from {body}api.{rpc}({arguments}) as pgrst_call)
select
    null::bigint as total_result_set,
    pg_catalog.count(_postgrest_t) as page_total,
    coalesce(json_agg(_postgrest_t), '[]')::text as body,
    nullif(current_setting('response.headers', true), '') as response_headers,
    nullif(current_setting('response.status', true), '') as response_status
from (select * from pgrst_source) as _postgrest_t
"""
BODY_COLUMN = 2

SIGNATURES = """
select
    p.proname,
    p.provolatile <> 'v',
    coalesce(array_agg(a.name order by a.place) filter (where a.name is not null), '{}'),
    coalesce(array_agg(format_type(a.type, null) order by a.place) filter (where a.name is not null), '{}')
from pg_proc as p
left join lateral unnest(p.proargnames[:p.pronargs], p.proargtypes::oid []) with ordinality
    as a (name, type, place) on true
where p.pronamespace = 'api'::regnamespace
group by p.oid
"""


@dataclass(frozen=True)
class Call:
    """One request: who (verified claims), which RPC, its arguments, the error it must meet if any."""

    claims: bytes
    rpc: str
    arguments: dict[str, object] = field(default_factory=dict)
    refused: str | None = None


@dataclass(frozen=True)
class Answer:
    """The rows that an RPC gave, none where it refused as it had to."""

    call: Call
    rows: list[dict[str, Any]]


@dataclass
class Tally:
    """How often each RPC was called, and how often with the refusal that was due."""

    calls: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, answers: Sequence[Answer]) -> None:
        """Count these."""
        self.calls.update(answer.call.rpc for answer in answers)
        self.refused.update(answer.call.refused for answer in answers if answer.call.refused)


class RpcClient:
    """Connections of the authenticator, used side by side as PostgREST's pool is."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], connections: int) -> None:
        self.tally = Tally()
        self._clients = [Client(connect()) for _ in range(connections)]
        self._threads = ThreadPoolExecutor(connections)

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown()
        for client in self._clients:
            client.connection.close()

    def call(self, call: Call) -> list[dict[str, Any]]:
        """One call, alone; its rows."""
        return self.call_all([[call]])[0].rows

    def call_all(self, people: Sequence[Sequence[Call]]) -> list[Answer]:
        """The calls of each person in their order, people side by side."""
        shares: list[list[Call]] = [[] for _ in self._clients]
        for place, calls in enumerate(people):
            shares[place % len(shares)].extend(calls)
        waiting = [
            self._threads.submit(client.send, share)
            for client, share in zip(self._clients, shares, strict=True)
            if share
        ]
        answers = [answer for future in waiting for answer in future.result()]
        self.tally.add(answers)
        return answers


class Client:
    """One connection, with the statements that it has prepared."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._pgconn: PGconn = connection.pgconn
        # An RPC's commit is not waited for on disk: the demo is about the rules, not about its disk.
        connection.execute("set synchronous_commit = off")
        self._signatures = {
            name: (stable, dict(zip(names, types, strict=True)))
            for name, stable, names, types in connection.execute(SIGNATURES)
        }
        self._prepared: set[bytes] = set()
        self._prepare(b"settings", SETTINGS)

    def send(self, calls: Sequence[Call]) -> list[Answer]:
        """Make the calls in order."""
        answers: list[Answer] = []
        for start in range(0, len(calls), BATCH):
            answers += self._send_batch(calls[start : start + BATCH])
        return answers

    def _send_batch(self, calls: Sequence[Call]) -> list[Answer]:
        statements = [self._statement(call) for call in calls]
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        for call, (name, parameters, stable) in zip(calls, statements, strict=True):
            read_only = b"on" if stable else b"off"
            path = b"/rpc/" + call.rpc.encode()
            pgconn.send_query_prepared(b"settings", [call.claims, path, HEADERS, read_only])
            pgconn.send_query_prepared(name, parameters)
            pgconn.pipeline_sync()
        answers = [_answer(call, self._results()) for call in calls]
        pgconn.exit_pipeline_mode()
        return answers

    def _statement(self, call: Call) -> tuple[bytes, list[bytes | None], bool]:
        """The prepared statement for this RPC and these arguments, and its parameters."""
        stable, types = self._signatures[call.rpc]
        names = list(call.arguments)
        name = "/".join([call.rpc, *names]).encode()
        if name not in self._prepared:
            body = BODY.format(names=", ".join(names), typed=", ".join(f"{n} {types[n]}" for n in names))
            arguments = ", ".join(f"{n} := pgrst_body.{n}" for n in names)
            statement = CALL.format(body=body if names else "", rpc=call.rpc, arguments=arguments)
            self._prepare(name, statement.encode())
        return name, [json.dumps(call.arguments).encode()] if names else [], stable

    def _prepare(self, name: bytes, statement: bytes) -> None:
        with self.connection.transaction():
            self.connection.execute("set local role authenticated")
            result = self._pgconn.prepare(name, statement)
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise DotbaseError(_message(result), "run `dotbase migrate`", where=name.decode())
        self._prepared.add(name)

    def _results(self) -> list[PGresult]:
        """The results of one call, up to its sync."""
        results: list[PGresult] = []
        while True:
            while self._pgconn.is_busy():
                select.select([self._pgconn.socket], [], [])
                self._pgconn.consume_input()
            result = self._pgconn.get_result()
            if result is None:  # the end of one statement
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)


def _answer(call: Call, results: list[PGresult]) -> Answer:
    error = next((r for r in results if r.status == pq.ExecStatus.FATAL_ERROR), None)
    if error is None:
        body = results[-1].get_value(0, BODY_COLUMN)
        if call.refused or body is None:
            raise DotbaseError(f"the RPC {call.rpc} let through what it refuses", "report this as an error")
        return Answer(call, json.loads(body))
    message = _message(error)
    if error.error_field(pq.DiagnosticField.SQLSTATE) == b"PGRST":
        message = str(json.loads(message)["code"])
    if message != call.refused:
        raise DotbaseError(
            f"the RPC {call.rpc} refused {call.arguments}: {message}", "look into the server's log"
        )
    return Answer(call, [])


def _message(result: PGresult) -> str:
    text = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY)
    return text.decode() if text else "no message"
