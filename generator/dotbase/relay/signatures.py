"""Standard Webhooks: a signature over id, time and the very bytes that are sent.

https://github.com/standard-webhooks/standard-webhooks, symmetric scheme `v1`. A signature is HMAC-SHA256 with
each secret, so that a receiver may change his while both are good.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"


def key(secret: str) -> bytes:
    """The key in a secret `whsec_<base64>`; a ValueError when it is none."""
    text = secret.removeprefix(PREFIX)
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if not decoded:
        raise ValueError("empty")
    return decoded


def signed(message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The three headers of a signed message."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(k, content, hashlib.sha256)).decode() for k in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
