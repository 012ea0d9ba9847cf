"""Lanes as the database declares them: where messages may go, how they prove who we are, limits."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from yarl import URL

from dotbase.relay.messages import UnsendableError

PORTS = {"http": 80, "https": 443}
ONE_SECRET = ("bearer", "basic", "header", "query", "url", "google")


@dataclass(frozen=True)
class Auth:
    """How a request proves who we are. `secrets` are names; `name` is that of a header or parameter."""

    kind: str
    secrets: tuple[str, ...] = ()
    name: str = ""
    scope: str = ""

    @classmethod
    def declared(cls, auth: Mapping[str, Any]) -> Auth:
        """As the database writes it; a ValueError for what this version does not know."""
        kind = str(auth.get("kind"))
        if kind in ONE_SECRET:
            secrets: Sequence[str] = [auth["secret"]]
        elif kind == "standard_webhooks":
            secrets = auth["secrets"]
        elif kind == "none":
            secrets = []
        else:
            raise ValueError(kind)
        return cls(kind, tuple(secrets), str(auth.get("name", "")), str(auth.get("scope", "")))


@dataclass(frozen=True)
class Lane:
    """One lane; times in seconds."""

    name: str
    hosts: tuple[str, ...]
    auth: Auth
    response_limit: int
    in_flight: int
    connect_timeout: float
    request_timeout: float
    lease: float

    @classmethod
    def declared(
        cls,
        name: str,
        hosts: Sequence[str],
        auth: Mapping[str, Any],
        response_limit: int,
        in_flight: int,
        *times: timedelta,
    ) -> Lane:
        """A row of relay_lanes(); a ValueError or KeyError for what this version does not know."""
        seconds = [time.total_seconds() for time in times]
        return cls(name, tuple(hosts), Auth.declared(auth), response_limit, in_flight, *seconds)

    @property
    def margin(self) -> float:
        """What is left of a lease for the report, after the longest request."""
        return min(1.0, (self.lease - self.request_timeout) / 2)

    def seconds_for(self, leased_until: float, now: float) -> float | None:
        """How long a request may take; None when too little of the lease is left to begin one."""
        seconds = min(self.request_timeout, leased_until - now - self.margin)
        return seconds if seconds >= self.request_timeout / 2 else None


def require_host(url: URL, hosts: Sequence[str], loopback_http: bool) -> None:
    """The message leaves for one of these hosts, over TLS, or not at all.

    The database has checked it. Here it is the last look before a connection is made, and the only one at an
    address that is a secret.
    """
    if url.scheme not in PORTS or url.user or url.password or not url.host:
        raise UnsendableError("host_refused")
    if url.scheme == "http" and not (loopback_http and is_loopback(url.host)):
        raise UnsendableError("host_refused")
    if (url.scheme, url.host.lower(), url.port) not in map(_origin, hosts):
        raise UnsendableError("host_refused")


def is_loopback(host: str) -> bool:
    """Whether it is an address of this machine; a name could become another one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(host: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of an entry of the allow-list."""
    url = URL(host if "://" in host else f"https://{host}")
    return url.scheme, url.host.lower() if url.host else None, url.port
