"""Answers as they are reported: capped, as text that a database takes, without the request's secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp

from dotbase.relay.messages import UnsendableError

HEADERS_LIMIT = 32768  # bytes, of all together
LONGEST_RETRY_AFTER = timedelta(days=1)
# A shorter secret is found by chance, too.
SHORTEST_HIDDEN = 8
HIDDEN = "***"


class TooLargeError(UnsendableError):
    """The body is longer than the lane takes; the rest of it was not read."""

    def __init__(self) -> None:
        super().__init__("response_too_large")


async def read_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, if it has at most this many bytes. Otherwise the connection is closed, nothing more read."""
    length = response.content_length
    if length is not None and length > limit:
        response.close()
        raise TooLargeError
    body = bytearray()
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > limit:
            response.close()
            raise TooLargeError
    return bytes(body)


def headers(response: aiohttp.ClientResponse) -> dict[str, str] | None:
    """Names in lower case, values of the same name joined; None when all together are too long to keep."""
    raw = response.raw_headers
    if sum(len(name) + len(value) for name, value in raw) > HEADERS_LIMIT:
        return None
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), _text(value)
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def retry_after(text: str, now: datetime) -> timedelta | None:
    """How long the receiver asks to be left alone: seconds, or a date of HTTP; None for anything else."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta()), LONGEST_RETRY_AFTER)


def without(secrets: Iterable[str], body: bytes) -> bytes:
    """A receiver that repeats what proved us would bring it into tables and result functions."""
    for secret in _longest_first(secrets):
        body = body.replace(secret.encode(), HIDDEN.encode())
    return body


def headers_without(secrets: Iterable[str], found: Mapping[str, str] | None) -> dict[str, str] | None:
    """The same for headers."""
    if found is None:
        return None
    clean = dict(found)
    for secret in _longest_first(secrets):
        clean = {name: value.replace(secret, HIDDEN) for name, value in clean.items()}
    return clean


def _longest_first(secrets: Iterable[str]) -> list[str]:
    return sorted((secret for secret in secrets if len(secret) >= SHORTEST_HIDDEN), key=len, reverse=True)


def _text(value: bytes) -> str:
    """Whatever bytes they are: no text of Postgres has a zero byte, no JSON half a character."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return text.replace("\0", "")
