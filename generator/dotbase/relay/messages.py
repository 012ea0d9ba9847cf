"""What a relay handles: a leased message, what it saw of an attempt, a lease that it gives back.

Bodies, headers and addresses are left out of every representation: they may hold what nobody else may see.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Message:
    """A message that this relay has leased.

    leased_until: by the monotonic clock, measured from before the claim, so that it is never too late.
    """

    message_id: int
    lease_no: int
    due_at: datetime
    idempotency_key: UUID
    method: str
    url: str = field(repr=False)
    content_type: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    leased_until: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen of one attempt.

    status:   of the whole response, else None.
    error:    a code, where none came or something is wrong with it.
    was_sent: whether the receiver may have got the request.
    """

    message_id: int
    lease_no: int
    status: int | None = None
    error: str | None = None
    was_sent: bool = True
    retry_after: timedelta | None = None
    headers: dict[str, str] | None = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """About how many bytes it takes to say it."""
        return 200 + len(self.body or b"") + sum(len(k) + len(v) for k, v in (self.headers or {}).items())


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that is given back, since nothing was sent."""

    message_id: int
    lease_no: int


class UnsendableError(Exception):
    """A message cannot be sent, or not now: the code says why, and nothing of the message is in it."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class DatabaseGoneError(Exception):
    """The database cannot be asked now. Whoever asked tries again."""
