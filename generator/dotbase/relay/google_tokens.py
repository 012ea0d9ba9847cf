"""Tokens of Google: a service account signs for one, which is good for an hour.

google-auth reads the key and signs. The request goes by this relay's own client, with its limits: the
asynchronous transport of google-auth is internal, and its other one would block.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass
from time import monotonic
from typing import Any

import aiohttp
from google.auth import crypt, jwt
from pydantic import SecretStr
from yarl import URL

from dotbase.relay.lanes import is_loopback, require_host
from dotbase.relay.lines import Lines
from dotbase.relay.messages import UnsendableError
from dotbase.relay.responses import read_body

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Where Google's keys say that tokens are to be had.
HOSTS = ("oauth2.googleapis.com", "www.googleapis.com", "accounts.google.com")
LIFETIME = 3600
RENEWED_BEFORE = 300.0  # seconds before its end
FAILED_KEPT = 5.0
ANSWER_LIMIT = 65536
TIMEOUT = 10.0


@dataclass(frozen=True)
class Token:
    """A token, and until when it is good, by the monotonic clock."""

    value: SecretStr
    renew_at: float
    ends_at: float


class GoogleTokens:
    """The tokens of a relay: one for each key and scope, asked for once however many wait for it."""

    def __init__(self, lines: Lines, loopback_http: bool = False) -> None:
        self._lines = lines
        self._loopback_http = loopback_http
        self._kept: dict[str, Token] = {}
        self._failed_until: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[Token]] = {}

    async def get(
        self, session: aiohttp.ClientSession, account: SecretStr, scope: str, proxy: str | None
    ) -> Token:
        """A token that is good for five minutes at least; an older good one when Google gives no new one."""
        name = _name(account, scope)
        now = monotonic()
        kept = self._kept.get(name)
        if kept is not None and now < kept.renew_at:
            return kept
        if self._failed_until.get(name, 0) > now:
            return self._old(kept)
        task = self._asking.get(name)
        if task is None:
            task = asyncio.create_task(self._mint(session, account, scope, proxy))
            self._asking[name] = task
            task.add_done_callback(lambda done: self._answered(name, done))
        try:
            # Whoever waits may give up; the others go on waiting.
            return await asyncio.shield(task)
        except UnsendableError:
            return self._old(kept)

    def forget(self, token: Token) -> bool:
        """Google refused this one. False when it was refused before and another is there already."""
        for name, kept in list(self._kept.items()):
            if kept is token:
                del self._kept[name]
                return True
        return False

    def _old(self, kept: Token | None) -> Token:
        if kept is None or monotonic() >= kept.ends_at:
            raise UnsendableError("token_failed")
        return kept

    def _answered(self, name: str, task: asyncio.Task[Token]) -> None:
        del self._asking[name]
        if task.cancelled() or task.exception() is not None:
            self._failed_until[name] = monotonic() + FAILED_KEPT
        else:
            self._kept[name] = task.result()

    async def _mint(
        self, session: aiohttp.ClientSession, account: SecretStr, scope: str, proxy: str | None
    ) -> Token:
        began = monotonic()
        try:
            uri, assertion = _assertion(account, scope)
            self._require_google(uri)
            answer = await self._ask(session, uri, assertion, proxy)
            lifetime = float(answer.get("expires_in", LIFETIME))
            value = SecretStr(str(answer["access_token"]))
        except (ValueError, KeyError, TypeError, UnsendableError, aiohttp.ClientError, OSError) as error:
            self._lines.say("token failed", error=type(error).__name__)
            raise UnsendableError("token_failed") from None
        return Token(value, began + renewed_after(lifetime), began + lifetime)

    async def _ask(
        self, session: aiohttp.ClientSession, uri: URL, assertion: str, proxy: str | None
    ) -> dict[str, Any]:
        form = {"grant_type": GRANT, "assertion": assertion}
        async with (
            asyncio.timeout(TIMEOUT),
            session.post(uri, data=form, allow_redirects=False, proxy=proxy) as response,
        ):
            body = await read_body(response, ANSWER_LIMIT)
            if response.status != 200:
                self._lines.say("token refused", status=response.status)
                raise UnsendableError("token_failed")
        answer = json.loads(body)
        if not isinstance(answer, dict):
            raise ValueError("no object")
        return answer

    def _require_google(self, uri: URL) -> None:
        """The assertion goes to Google alone, or to a stand-in on loopback where tests allow it."""
        stand_in = uri.host is not None and self._loopback_http and is_loopback(uri.host)
        require_host(uri, [str(uri.origin())] if stand_in else HOSTS, self._loopback_http)


def renewed_after(lifetime: float) -> float:
    """When a token is renewed: five minutes before its end, a short one in the middle of its time."""
    return max(lifetime - RENEWED_BEFORE, lifetime / 2)


def _name(account: SecretStr, scope: str) -> str:
    """One for each key and scope; nothing of the key is in it."""
    return hashlib.sha256(f"{scope}\n{account.get_secret_value()}".encode()).hexdigest()


def _assertion(account: SecretStr, scope: str) -> tuple[URL, str]:
    """Where to ask, and what the account signs: who it is, and what it asks for."""
    info = json.loads(account.get_secret_value())
    uri = str(info["token_uri"])
    issued = int(time.time())
    claims = {
        "iss": info["client_email"],
        "scope": scope,
        "aud": uri,
        "iat": issued,
        "exp": issued + LIFETIME,
    }
    signer = crypt.RSASigner.from_service_account_info(info)  # type: ignore[no-untyped-call]
    signed: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    return URL(uri), signed.decode()
