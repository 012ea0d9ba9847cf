"""What a request says of who we are: the header, parameter or whole address that a lane's `auth` asks for."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from multidict import CIMultiDict
from yarl import URL

from dotbase.relay import signatures
from dotbase.relay.credentials import Credentials
from dotbase.relay.google_tokens import Token
from dotbase.relay.lanes import Lane
from dotbase.relay.messages import Message, UnsendableError

# They say where a request ends, or are ours: a message that brings them is refused.
NOT_A_MESSAGES = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
UNFIT = "holds a line break or another control character, or is not ASCII"


@dataclass(slots=True)
class Outgoing:
    """A request, and the secrets in it, by which they are known again in an answer."""

    method: str
    url: URL = field(repr=False)
    headers: CIMultiDict[str] = field(repr=False)
    body: bytes = field(repr=False)
    secrets: list[str] = field(repr=False)
    token: Token | None = field(default=None, repr=False)


def prepared(message: Message, agent: str) -> Outgoing:
    """The request as the message has it, without any proof yet."""
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in message.headers.items():
        if name.lower() in NOT_A_MESSAGES or not isinstance(value, str) or not _is_plain(name + value):
            raise UnsendableError("request_invalid")
        headers[name] = value
    headers["User-Agent"] = agent
    # As it is: a body that unpacks to a thousand times its size would be read before it is measured.
    headers["Accept-Encoding"] = "identity"
    headers["Idempotency-Key"] = str(message.idempotency_key)
    if message.body or message.method not in ("GET", "DELETE"):
        headers["Content-Type"] = message.content_type
    return Outgoing(message.method, address(message.url), headers, message.body, [])


async def authorise(lane: Lane, outgoing: Outgoing, message: Message, credentials: Credentials) -> None:
    """Add the proof; Google's is added by `bear`, for it can be refused and tried again."""
    auth = lane.auth
    if auth.kind in ("none", "google"):
        return
    if auth.kind == "standard_webhooks":
        keys = [await _key(credentials, name) for name in auth.secrets]
        now = int(time.time())
        outgoing.headers.update(signatures.signed(str(message.idempotency_key), now, message.body, keys))
        return
    [name] = auth.secrets
    secret = (await credentials.get(name)).get_secret_value()
    outgoing.secrets.append(secret)
    if auth.kind == "basic":
        encoded = base64.b64encode(secret.encode()).decode()
        outgoing.secrets.append(encoded)
        # The password alone would be told, too.
        outgoing.secrets.append(secret.partition(":")[2])
        outgoing.headers["Authorization"] = f"Basic {encoded}"
        return
    if not secret or not _is_plain(secret):
        raise credentials.unusable(name, UNFIT)
    if auth.kind == "bearer":
        outgoing.headers["Authorization"] = f"Bearer {secret}"
    elif auth.kind == "header":
        outgoing.headers[auth.name] = secret
    elif auth.kind == "query":
        encoded = quote(secret, safe="")
        outgoing.secrets.append(encoded)
        url = message.url
        outgoing.url = address(f"{url}{'&' if '?' in url else '?'}{quote(auth.name, safe='')}={encoded}")
    else:
        outgoing.url = _secret_url(secret, credentials.unusable, name)
        # A path alone is what an error page repeats.
        outgoing.secrets.append(outgoing.url.raw_path_qs)


def bear(outgoing: Outgoing, token: Token) -> None:
    """A token as the proof, instead of one before."""
    value = token.value.get_secret_value()
    outgoing.token = token
    outgoing.secrets.append(value)
    outgoing.headers["Authorization"] = f"Bearer {value}"


def address(text: str) -> URL:
    """The very address, nothing quoted anew; what is none is refused without being repeated."""
    try:
        url = URL(text, encoded=True)
        fits = _is_plain(text) and " " not in text and "\\" not in text and bool(url.host) and "#" not in text
        _ = url.port
    except ValueError:
        fits = False
    if not fits:
        raise UnsendableError("request_invalid")
    return url


async def _key(credentials: Credentials, name: str) -> bytes:
    secret = await credentials.get(name)
    try:
        return signatures.key(secret.get_secret_value())
    except ValueError as error:
        raise credentials.unusable(name, f"is no whsec_ key: {error}") from None


def _secret_url(secret: str, unusable: Callable[[str, str], UnsendableError], name: str) -> URL:
    try:
        return address(secret)
    except UnsendableError:
        raise unusable(name, "is no address") from None


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
