"""functions/<app>/lanes.yaml: what an app sends to the outside world, to which hosts, with which secrets."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    field_validator,
    model_validator,
)

from dotbase.errors import DotbaseError
from dotbase.render.declarations import call
from dotbase.render.declarations.durations import Duration, Wait, interval, seconds
from dotbase.render.declarations.errors import Name, Sentence
from dotbase.render.documents import Document, validate

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
PORT = r"(:[1-9][0-9]{0,4})?"
HOST = re.compile(rf"{LABEL}(\.{LABEL})+{PORT}")
# Without TLS to this machine alone, where tests have their server.
LOOPBACK = re.compile(rf"http://(127\.0\.0\.1|localhost|\[::1\]){PORT}")
ADDRESS = re.compile(r"^[0-9.]+(:|$)")
# Those of Standard Webhooks.
DELAYS = ["0s", "5s", "5min", "30min", "2h", "5h", "10h", "14h", "20h", "24h"]
KIBIBYTE = 1024

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
QueryName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
SecretName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]


class Auth(BaseModel):
    """How a request proves who we are. The base of all kinds."""

    model_config = ConfigDict(extra="forbid")

    @property
    def names(self) -> list[str]:
        """The names of the secrets that it needs."""
        return []


class Nothing(Auth):
    """The receiver asks for nothing."""

    kind: Literal["none"]


class OneSecret(Auth):
    """One secret: a bearer token, `user:password`, or the whole URL."""

    kind: Literal["bearer", "basic", "url"]
    secret: SecretName

    @property
    def names(self) -> list[str]:
        """The name of the secret."""
        return [self.secret]


class Header(Auth):
    """A secret in a header of its own."""

    kind: Literal["header"]
    name: HeaderName
    secret: SecretName

    @property
    def names(self) -> list[str]:
        """The name of the secret."""
        return [self.secret]


class Query(Auth):
    """A secret in the query."""

    kind: Literal["query"]
    name: QueryName
    secret: SecretName

    @property
    def names(self) -> list[str]:
        """The name of the secret."""
        return [self.secret]


class Google(Auth):
    """A token that is minted from a service account."""

    kind: Literal["google"]
    secret: SecretName
    scope: Annotated[str, StringConstraints(pattern=r"^https://[!-~]+( https://[!-~]+)*$")]

    @property
    def names(self) -> list[str]:
        """The name of the secret."""
        return [self.secret]


class StandardWebhooks(Auth):
    """Signed as standardwebhooks.com has it; two secrets while they are rotated."""

    kind: Literal["standard_webhooks"]
    secrets: Annotated[list[SecretName], Field(min_length=1, max_length=2)]

    @property
    def names(self) -> list[str]:
        """The names of the secrets."""
        return self.secrets


AnyAuth = Annotated[
    Nothing | OneSecret | Header | Query | Google | StandardWebhooks, Field(discriminator="kind")
]


class Lane(BaseModel):
    """A lane: where its messages may go, how they prove who we are, how fast and often, who gets results."""

    model_config = ConfigDict(extra="forbid")
    about: Sentence
    sender: Literal["relay"] = "relay"
    hosts: Annotated[list[str], Field(min_length=1)]
    auth: AnyAuth = Nothing(kind="none")
    response_limit: Annotated[int, Field(ge=1, le=8 * KIBIBYTE * KIBIBYTE)] = 8 * KIBIBYTE
    per_minute: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    ramp: Wait = "0s"
    in_flight: Annotated[int, Field(ge=1, le=1000)] = 10
    connect_timeout: Duration = "5s"
    request_timeout: Duration = "30s"
    lease: Duration = "90s"
    delays: Annotated[list[Wait], Field(min_length=1, max_length=100)] = DELAYS
    keys: Literal["registry", "none"] = "registry"
    pause_on: list[Annotated[int, Field(ge=400, le=599)]] = [401, 403]
    result_function: Name | None = None

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            if not LOOPBACK.fullmatch(host) and (not HOST.fullmatch(host) or ADDRESS.match(host)):
                raise ValueError(
                    f"{host} is no host: write api.example.com or api.example.com:8443, in small letters,"
                    " without `https://`; http://127.0.0.1:8080 is for tests"
                )
        return hosts

    @field_validator("auth", mode="before")
    @classmethod
    def _in_a_word(cls, auth: Any) -> Any:
        return {"kind": auth} if isinstance(auth, str) else auth

    @model_validator(mode="after")
    def _times_in_order(self) -> Self:
        if seconds(self.connect_timeout) > seconds(self.request_timeout):
            raise ValueError("`connect_timeout` is longer than `request_timeout`, of which it is a part")
        if seconds(self.request_timeout) >= seconds(self.lease):
            raise ValueError("`lease` is no longer than `request_timeout`: a message would be sent twice")
        return self

    @model_validator(mode="after")
    def _rate_is_whole(self) -> Self:
        if self.per_minute is None and (self.burst is not None or seconds(self.ramp)):
            raise ValueError("`burst` and `ramp` are of a rate: say `per_minute`, or leave them out")
        return self


class Lanes(RootModel[dict[Name, Lane]]):
    """The lanes of one app by name."""


class AllLanes:
    """The lanes of all apps: a name stands once in all of them."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    def sql(self, app: str, document: Document) -> str:
        """Check an app's lanes.yaml and render it."""
        lanes = validate(Lanes, document).root
        for name in lanes:
            where = document.where(name)
            first = self._taken.setdefault(name, where)
            if first != where:
                raise DotbaseError(
                    f"lane {name} is declared already, at {first}", "rename one of them", where
                )
        return call("outbox.declare_lanes", app, [declared(app, name, lane) for name, lane in lanes.items()])


def declared(app: str, name: str, lane: Lane) -> dict[str, Any]:
    """A lane as `outbox.declare_lanes` takes it."""
    return {
        "name": name,
        "description": lane.about,
        "sender": lane.sender,
        "hosts": lane.hosts,
        "auth": lane.auth.model_dump(),
        "secrets": lane.auth.names,
        "response_limit": lane.response_limit,
        "per_minute": lane.per_minute,
        # A second's worth.
        "burst": lane.burst or max(1, (lane.per_minute or 0) // 60),
        "ramp": interval(lane.ramp),
        "in_flight": lane.in_flight,
        "connect_timeout": interval(lane.connect_timeout),
        "request_timeout": interval(lane.request_timeout),
        "lease": interval(lane.lease),
        "delays": [interval(delay) for delay in lane.delays],
        "has_keys": lane.keys == "registry",
        "pause_on": lane.pause_on,
        "result_function": lane.result_function and f"{app}.{lane.result_function}",
    }
