"""A planted secret is in no table, log, line, error or list of processes; only in what was sent."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from dotbase import cluster
from dotbase.relay.authorisation import Outgoing, prepared
from dotbase.relay.lines import place
from dotbase.relay.messages import Message, Report
from tests.harness.databases import Database
from tests.harness.server import ROOT, named
from tests.harness.target import only_on_postgres
from tests.harness.waiting import until
from tests.relay.receiver import Receiver
from tests.relay.relaying import enqueue, keep_secret, lane, open_shop, relaying

PLANT = "pl4nted"
SECRETS = {
    "shop.bearer": f"{PLANT}-bearer-token",
    "shop.basic": f"user:{PLANT}-password",
    "shop.header": f"{PLANT}-header-key",
    "shop.query": f"{PLANT}-query-key&=",
    "shop.signing": "whsec_" + base64.b64encode(f"{PLANT}-signing-key".encode()).decode(),
    "shop.broken": f"{PLANT}-broken\nkey",
}
# What of them could be seen: as they are, and as a request has them.
SEEN = [
    PLANT,
    base64.b64encode(SECRETS["shop.basic"].encode()).decode(),
    SECRETS["shop.signing"],
]
# Every row of every table that is not a system's, as text; the secrets' own store has ciphertext.
TABLES = """
select c.oid::regclass::text as name
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
"""


def _lanes(receiver: Receiver) -> list[dict[str, Any]]:
    return [
        lane(
            "bearer",
            receiver,
            auth={"kind": "bearer", "secret": "shop.bearer"},
            result_function="take_results",
        ),
        lane(
            "basic", receiver, auth={"kind": "basic", "secret": "shop.basic"}, result_function="take_results"
        ),
        lane(
            "header", receiver, auth={"kind": "header", "name": "Authorization-Key", "secret": "shop.header"}
        ),
        lane("query", receiver, auth={"kind": "query", "name": "key", "secret": "shop.query"}),
        lane("url", receiver, auth={"kind": "url", "secret": "shop.url"}),
        lane(
            "nowhere", receiver, hosts=["http://127.0.0.1:1"], auth={"kind": "url", "secret": "shop.nowhere"}
        ),
        lane("signing", receiver, auth={"kind": "standard_webhooks", "secrets": ["shop.signing"]}),
        lane("broken", receiver, auth={"kind": "bearer", "secret": "shop.broken"}),
    ]


@only_on_postgres("the cluster's own log is read")
def test_a_planted_secret_is_found_nowhere(db: Database, receiver: Receiver) -> None:
    log = _log()
    before = log.stat().st_size
    open_shop(db, *_lanes(receiver))
    for name, value in SECRETS.items():
        keep_secret(db, name, value)
    keep_secret(db, "shop.url", f"{receiver.host}/echo/{PLANT}-path?token={PLANT}-token")
    keep_secret(db, "shop.nowhere", f"http://127.0.0.1:1/{PLANT}-path")
    lanes = [row["lane"] for row in db.rows("select lane from outbox.lanes")]
    for name in lanes:
        # The receiver says what it was told, in its body and a header; the rest fails in one way or another.
        for path in ("/echo", "/first/status/500", "/close", "/garbage", "/large", "/hang"):
            enqueue(db, name, path)
    places = {}
    with relaying(db) as relay:
        until(lambda: len(receiver.got("/hang")) == 5, 20)
        until(lambda: db.value("select count(*) from outbox.attempts where status = 200") >= 5, 20)
        places["processes"] = _processes()
        places["sessions"] = str(db.rows("select query, application_name from pg_stat_activity"))
        relay.signal()
        relay.wait_for("stopping")
        relay.signal()
        relay.ended()
        places["lines"] = relay.said
    with log.open("rb") as file:
        file.seek(before)
        places["log"] = file.read().decode(errors="replace")
    places |= _tables(db)

    assert len({request.path for request in receiver.requests}) > 6, "nothing was sent"
    assert any(PLANT in request.headers.get("authorization", "") for request in receiver.requests)
    bodies = db.value(
        "select count(*) from outbox.attempts where position('***' in encode(response_body, 'escape')) > 0"
    )
    assert bodies >= 4, "the receiver repeated them, and they were not taken out"
    assert {name: text for name, text in places.items() if any(seen in text for seen in SEEN)} == {}


def test_no_representation_has_a_secret() -> None:
    message = Message(
        message_id=1,
        lease_no=1,
        due_at=None,  # type: ignore[arg-type]
        idempotency_key="k",  # type: ignore[arg-type]
        method="POST",
        url=f"https://example.com/{PLANT}",
        content_type="text/plain",
        headers={"X-Key": PLANT},
        body=PLANT.encode(),
        leased_until=0,
    )
    outgoing: Outgoing = prepared(message, "agent")
    outgoing.secrets.append(PLANT)
    report = Report(1, 1, body=PLANT.encode(), headers={"x": PLANT})
    for value in (message, outgoing, report, SecretStr(PLANT), [message], {"a": report}):
        assert PLANT not in repr(value)
        assert PLANT not in f"{value}"


def test_an_error_that_nobody_foresaw_is_told_by_its_place() -> None:
    try:
        json.loads(f"{{{PLANT}")
    except ValueError as error:
        told = place(error)
    assert re.fullmatch(r"JSONDecodeError in json\.decoder:\d+", told)


def _log() -> Path:
    return cluster.master_key_file(named("test"), ROOT).parent / "server.log"


def _processes() -> str:
    """The command lines of all processes, as `ps` shows them."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)


def _tables(db: Database) -> dict[str, str]:
    """Every table's rows as text, with bytes spelt out."""
    db.owner.execute("set bytea_output = 'escape'")
    return {
        row["name"]: "\n".join(
            str(found["line"]) for found in db.rows(f"select t::text as line from {row['name']} as t")
        )
        for row in db.rows(TABLES)
    }
