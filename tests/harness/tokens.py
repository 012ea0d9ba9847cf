"""Tokens as an auth service signs them and PostgREST verifies them: HS256, one audience."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping

from tests.harness.responses import Response, error_response

AUDIENCE = "authenticated"
LEEWAY = 30  # seconds that clocks may differ by


def sign(claims: Mapping[str, object], secret: str) -> str:
    """A token with these claims."""
    parts = [json.dumps(part, default=str).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(map(_text, parts))
    return f"{signed}.{_signature(signed, secret)}"


def verified(authorization: str | None, secret: str) -> dict[str, object] | Response:
    """The claims of a request's token, none without one, or PostgREST's refusal."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return {}
    signed, _, signature = token.strip().rpartition(".")
    if token.count(".") != 2:
        return _refused("PGRST301", f"Expected 3 parts in JWT; got {token.count('.') + 1}")
    if not hmac.compare_digest(signature.encode(), _signature(signed, secret).encode()):
        return _refused("PGRST301", "No suitable key was found to decode the JWT")
    try:
        claims: dict[str, object] = json.loads(_bytes(signed.partition(".")[2]))
    except ValueError:
        return _refused("PGRST303", "Parsing claims failed")
    expires = claims.get("exp")
    if isinstance(expires, int | float) and time.time() > expires + LEEWAY:
        return _refused("PGRST303", "JWT expired")
    audience = claims.get("aud", AUDIENCE)
    if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        return _refused("PGRST303", "JWT not in audience")
    return claims


def _refused(code: str, message: str) -> Response:
    said = f'Bearer error="invalid_token", error_description="{message}"'
    return error_response(401, code, message, headers={"www-authenticate": said})


def _signature(signed: str, secret: str) -> str:
    return _text(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
