"""Google's tokens: asked for once however many wait, kept, asked for anew when one is refused."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Mapping
from time import monotonic
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt
from pydantic import SecretStr

from dotbase.relay import google_tokens
from dotbase.relay.google_tokens import GoogleTokens
from dotbase.relay.lines import Lines
from dotbase.relay.messages import UnsendableError
from tests.harness.databases import Database
from tests.harness.waiting import until
from tests.relay.receiver import Receiver, Request
from tests.relay.relaying import (
    attempts,
    enqueue,
    enqueue_many,
    keep_secret,
    lane,
    open_shop,
    relaying,
    run_once,
    state,
)

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
ACCOUNT = "push@shop.iam.gserviceaccount.com"


class Google:
    """Its token endpoint and its API, on the receiver."""

    def __init__(
        self, db: Database, receiver: Receiver, in_flight: int = 100, account: Mapping[str, str] | None = None
    ) -> None:
        self.issued: list[str] = []
        self.refuses: set[str] = set()
        self.fails = False
        self.lifetime = 3599
        receiver.answers["/token"] = self._token
        receiver.answers["/push"] = self._push
        auth = {"kind": "google", "secret": "shop.fcm", "scope": SCOPE}
        open_shop(db, lane("pushes", receiver, auth=auth, in_flight=in_flight, keys="none"))
        key = {
            "type": "service_account",
            "client_email": ACCOUNT,
            "private_key_id": "k1",
            "private_key": PRIVATE,
            "token_uri": f"{receiver.host}/token",
            **(account or {}),
        }
        keep_secret(db, "shop.fcm", json.dumps(key))
        self.assertions: list[dict[str, Any]] = []

    def _token(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        if self.fails:
            return 503, {}, b""
        form = parse_qs(request.body.decode())
        [assertion] = form["assertion"]
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        verifier = crypt.RSAVerifier.from_string(PUBLIC)  # type: ignore[no-untyped-call]
        self.assertions.append(jwt.decode(assertion, certs=None, verify=False))  # type: ignore[no-untyped-call]
        signed, _, signature = assertion.rpartition(".")
        padded = signature + "=" * (-len(signature) % 4)
        assert verifier.verify(signed.encode(), base64.urlsafe_b64decode(padded))
        self.issued.append(f"ya29.token-{len(self.issued) + 1}")
        answer = {"access_token": self.issued[-1], "expires_in": self.lifetime, "token_type": "Bearer"}
        return 200, {}, json.dumps(answer).encode()

    def _push(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        token = request.headers["authorization"].removeprefix("Bearer ")
        return (401 if token in self.refuses or token not in self.issued else 200), {}, token.encode()


def test_a_hundred_messages_ask_for_one_token(db: Database, receiver: Receiver) -> None:
    google = Google(db, receiver)
    enqueue_many(db, "pushes", 100, "/push")
    run_once(db)
    assert len(receiver.got("/token")) == 1
    assert len(receiver.got("/push")) == 100
    assert db.value("select count(*) from outbox.attempts where ended = 'delivered'") == 100
    [claims] = google.assertions
    assert (claims["iss"], claims["scope"], claims["aud"]) == (ACCOUNT, SCOPE, f"{receiver.host}/token")
    assert claims["exp"] - claims["iat"] == 3600


def test_a_refused_token_is_replaced_once_and_no_attempt_is_charged(db: Database, receiver: Receiver) -> None:
    google = Google(db, receiver)
    google.refuses.add("ya29.token-1")
    message_id = enqueue(db, "pushes", "/push")
    run_once(db)
    assert [a["outcome"] for a in attempts(db, message_id)] == ["delivered"]
    assert [r.headers["authorization"][-7:] for r in receiver.got("/push")] == ["token-1", "token-2"]
    assert len({request.key for request in receiver.got("/push")}) == 1


def test_a_second_refusal_is_reported_and_pauses_the_lane(db: Database, receiver: Receiver) -> None:
    google = Google(db, receiver)
    google.refuses |= {"ya29.token-1", "ya29.token-2"}
    message_id = enqueue(db, "pushes", "/push")
    run_once(db)
    assert [(a["outcome"], a["status"]) for a in attempts(db, message_id)] == [("paused", 401)]
    assert len(receiver.got("/push")) == 2


def test_without_a_token_nothing_is_sent(db: Database, receiver: Receiver) -> None:
    google = Google(db, receiver, in_flight=1)
    google.fails = True
    enqueue_many(db, "pushes", 5, "/push")
    run_once(db)
    assert receiver.got("/push") == []
    assert len(receiver.got("/token")) == 1, "asked anew for each, at once"
    assert {(r["outcome"], r["error"]) for r in db.rows("select * from outbox.attempts")} == {
        ("failed", "token_failed")
    }


@pytest.mark.parametrize(
    "account",
    [
        {"token_uri": "https://tokens.example.com/token"},
        {"token_uri": "http://169.254.169.254/token"},
        {"private_key": "-----BEGIN PRIVATE KEY-----\nno key\n-----END PRIVATE KEY-----\n"},
    ],
)
def test_an_account_that_is_not_googles_gets_no_token(
    account: dict[str, str], db: Database, receiver: Receiver
) -> None:
    Google(db, receiver, account=account)
    message_id = enqueue(db, "pushes", "/push")
    relay = run_once(db)
    assert receiver.requests == []
    assert [a["error"] for a in attempts(db, message_id)] == ["token_failed"]
    assert "BEGIN" not in relay.said
    assert state(db, message_id) == "waiting"


def test_a_stand_in_for_google_is_for_tests(receiver: Receiver) -> None:
    receiver.answers["/token"] = lambda _: (200, {}, b'{"access_token": "t"}')
    key = {"client_email": ACCOUNT, "private_key": PRIVATE, "token_uri": f"{receiver.host}/token"}
    account = SecretStr(json.dumps(key))

    async def main(loopback_http: bool) -> str:
        tokens = GoogleTokens(Lines(False, stream=io.StringIO()), loopback_http)
        async with aiohttp.ClientSession() as session:
            return (await tokens.get(session, account, SCOPE, None)).value.get_secret_value()

    with pytest.raises(UnsendableError, match="token_failed"):
        asyncio.run(main(loopback_http=False))
    assert receiver.requests == []
    assert asyncio.run(main(loopback_http=True)) == "t"


@pytest.mark.parametrize(("lifetime", "renewed"), [(3600, 55 * 60), (600, 300), (60, 30)])
def test_a_token_is_renewed_five_minutes_before_its_end(lifetime: float, renewed: float) -> None:
    assert google_tokens.renewed_after(lifetime) == renewed


def test_a_token_is_kept_until_it_is_renewed_and_while_there_is_no_new_one(
    db: Database, receiver: Receiver
) -> None:
    google = Google(db, receiver)
    google.lifetime = 16

    def push() -> str:
        message_id = enqueue(db, "pushes", "/push", key=str(len(receiver.requests)))
        until(lambda: state(db, message_id) == "delivered", 20)
        return receiver.got("/push")[-1].headers["authorization"].removeprefix("Bearer ")

    with relaying(db) as relay:
        assert push() == push() == "ya29.token-1"
        minted = monotonic()
        google.fails = True
        until(lambda: monotonic() > minted + 8.5, 20)
        assert push() == "ya29.token-1"
        assert len(receiver.got("/token")) == 2
        google.fails = False
        until(lambda: push() == "ya29.token-2", 20)
        relay.stop()
