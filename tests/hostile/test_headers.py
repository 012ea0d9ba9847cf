"""Hostile headers: the proof of a trigger comes from outside as text, and only the exact one is a proof."""

from __future__ import annotations

import hashlib
import hmac
import time

import pytest

from tests.apps.jobs import JOB
from tests.harness.apps import ready
from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.people import anon
from tests.harness.target import OWNER, only_on_postgres
from tests.hostile.answers import Watch

SECRET = "correct horse battery staple"
TIMESTAMPS = {
    "none": None,
    "empty": "",
    "a blank": " ",
    "zero": "0",
    "minus one": "-1",
    "a fraction": "1700000000.5",
    "an exponent": "1e9",
    "hexadecimal": "0x6553f100",
    "over int4": "2147483648",
    "over int8": "9223372036854775808",
    "a hundred thousand digits": "9" * 100_000,
    "NaN": "NaN",
    "infinity": "infinity",
    "now": "now",
    "Arabic digits": "١٧٠٠٠٠٠٠٠٠",
    "full-width digits": "１７００００００００",
    "a line break": "1700000000\n",
    "two": "1700000000, 1700000000",
    "SQL": "1'; drop table jobs.runs; --",
    "JSON": '{"x-cron-timestamp": 1}',
}
SIGNATURES = {
    "none": None,
    "empty": "",
    "a blank": " ",
    "the secret itself": SECRET,
    "zeros": "0" * 64,
    "no hexadecimal": "z" * 64,
    "a megabyte": "a" * 1_000_000,
    "a quote": "'",
    "an astral character": "\U0001f600",
    "JSON": '"null"',
    "null": "null",
}


def sign(slot: str, timestamp: str) -> str:
    text = f"{JOB}|{slot}|{timestamp}"
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def spoiled(right: str) -> dict[str, str]:
    """What is nearly the right signature."""
    return {
        "in capitals": right.upper(),
        "one character less": right[:-1],
        "one character more": f"{right}0",
        "a blank after it": f"{right} ",
        "a line break after it": f"{right}\n",
        "twice": f"{right}, {right}",
        "as bytea": f"\\x{right}",
        "another first character": ("0" if right[0] != "0" else "1") + right[1:],
        "another last character": right[:-1] + ("0" if right[-1] != "0" else "1"),
    }


@pytest.fixture
def guarded(db: Database) -> tuple[Database, str]:
    """A job that may be triggered by signature, its secret set; and a moment for it."""
    slot = str(ready(db, "")["slot"])
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute("select core.set_secret('cron_secret', %s)", [SECRET])
    return db, slot


def test_no_hostile_header_proves_anything(guarded: tuple[Database, str]) -> None:
    db, slot = guarded
    watch = Watch(db)
    now = str(int(time.time()))
    pairs: list[tuple[str, str | None, str | None]] = [
        (kind, timestamp, sign(slot, timestamp or "")) for kind, timestamp in TIMESTAMPS.items()
    ]
    pairs += [(kind, now, signature) for kind, signature in SIGNATURES.items()]
    pairs += [(kind, now, signature) for kind, signature in spoiled(sign(slot, now)).items()]
    wrong = []
    for kind, timestamp, signature in pairs:
        given = {"x_cron_timestamp": timestamp, "x_cron_secret": signature}
        person = anon.sending(**{name: value for name, value in given.items() if value is not None})
        answer = db.call(person, "trigger_job", job=JOB, slot=slot)
        complaint = watch.complaint(answer, [SECRET, slot, signature or ""])
        if answer.status != 401 or complaint:
            wrong.append(f"{kind}: {answer.status}: {complaint}")
    assert wrong == []
    count("hostile headers of triggers", len(pairs))
    right = anon.sending(x_cron_timestamp=now, x_cron_secret=sign(slot, now))
    assert db.call(right, "trigger_job", job=JOB, slot=slot).body["success"] is True


@only_on_postgres("who looks there is no superuser, and cannot log in as another")
@pytest.mark.parametrize("headers", ["", "{}", "null", "[]", '"x"', '{"x-cron-secret": null}'])
def test_nor_do_headers_that_are_none(headers: str, guarded: tuple[Database, str]) -> None:
    """As a session that PostgREST did not set up may have them."""
    db, slot = guarded
    with db.owner.transaction(force_rollback=True):
        db.owner.execute("set local session authorization authenticator")
        db.owner.execute("set local role anon")
        db.owner.execute("select set_config('request.headers', %s, true)", [headers])
        answer = db.owner.execute("select success, code from api.trigger_job(%s, %s)", [JOB, slot])
        assert answer.fetchall() == [{"success": False, "code": "cron_signature_invalid"}]
