"""The project on disk: where it is, which apps it has, in which order they are built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    field_validator,
    model_validator,
)

from dotbase.errors import DotbaseError
from dotbase.render.documents import Document, load, validate

APPS_FILE = "apps.yaml"
# Schemas that are somebody's already.
OF_DOTBASE = ("api", "auth", "dotbase", "extensions", "master_key", "test_clock")
OF_POSTGRES = ("cron", "information_schema", "public")
OF_SUPABASE = ("graphql", "graphql_public", "net", "pgbouncer", "pgmq", "pgsodium", "realtime", "storage")
RESERVED = {*OF_DOTBASE, *OF_POSTGRES, *OF_SUPABASE, "supabase_functions", "supabase_migrations", "vault"}


# Those of every database of dotbase, which the bootstrap names by itself.
OWN_EXTENSIONS = ("pgcrypto", "pg_cron")
OWN_ROLES = ("anon", "authenticated", "service_role", "authenticator", "dotbase_owner", "dotbase_cron")
NOT_A_ROLE = ("public", "postgres", "none", "cron", "administrator", "current_user", "session_user")
# Those that PostgREST switches to on every target, and the login that it switches from.
CLIENT_ROLES = ("anon", "authenticated", "service_role")
CLIENTS_LOGIN = "authenticator"

LIMIT = re.compile(r"([1-9]\d{0,5})(ms|s|min)")
ENDS_THE_WAIT = "lock_timeout is not shorter than statement_timeout, which would end the wait first"
MILLISECONDS = {"ms": 1, "s": 1000, "min": 60_000}


def _limit(text: Any) -> Any:
    if LIMIT.fullmatch(str(text)) is None:
        raise ValueError(f"{text} is no limit; it is a whole number, more than 0, and ms, s or min: 500ms")
    return text


# How long something may take, as Postgres writes it.
Limit = Annotated[str, BeforeValidator(_limit)]


def is_shorter(limit: str, other: str) -> bool:
    """Whether one limit ends before the other."""
    first, second = (LIMIT.fullmatch(one) for one in (limit, other))
    assert first is not None
    assert second is not None
    return int(first[1]) * MILLISECONDS[first[2]] < int(second[1]) * MILLISECONDS[second[2]]


class ClientLimits(BaseModel):
    """How long a call of a client may take: settings of the roles that PostgREST switches to.

    lock_timeout:     waiting for one lock; then the client is told `busy`.
    statement_timeout: all of it; then `timed_out`. An RPC's line may give it more of both.
    idle_in_transaction_session_timeout: a transaction in which nothing is going on.
    """

    model_config = ConfigDict(extra="forbid")
    lock_timeout: Limit = "2s"
    statement_timeout: Limit = "10s"
    idle_in_transaction_session_timeout: Limit = "10s"

    @model_validator(mode="after")
    def _waiting_ends_first(self) -> Self:
        if not is_shorter(self.lock_timeout, self.statement_timeout):
            raise ValueError(ENDS_THE_WAIT)
        return self


class App(BaseModel):
    """One line of apps.yaml: what the app is, the apps and the extensions of Postgres that it needs."""

    model_config = ConfigDict(extra="forbid")
    needs: list[str] = []
    extensions: list[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]] = []
    about: str

    @field_validator("extensions")
    @classmethod
    def _not_the_bootstraps_own(cls, extensions: list[str]) -> list[str]:
        for name in extensions:
            if name in OWN_EXTENSIONS:
                raise ValueError(f"every database of dotbase has {name}: leave it out")
        return extensions


class Role(BaseModel):
    """A role beyond those that Supabase and dotbase bring.

    login: whether it is logged in as; else it is switched to, as PostgREST does for a token's role.
    of:    the roles that may switch to it, such as `authenticator`.
    """

    model_config = ConfigDict(extra="forbid")
    login: bool = False
    of: list[str] = []
    about: str


class Apps(BaseModel):
    """apps.yaml: the business zone, limits of clients, roles of the project's own, and the apps by name."""

    model_config = ConfigDict(extra="forbid")
    zone: str
    client_limits: ClientLimits = ClientLimits()
    roles: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")], Role] = {}
    apps: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")], App]

    @field_validator("roles")
    @classmethod
    def _roles_of_the_projects_own(cls, roles: dict[str, Role]) -> dict[str, Role]:
        for name, role in roles.items():
            if name in (*OWN_ROLES, *NOT_A_ROLE) or name.startswith(("pg_", "supabase_")):
                raise ValueError(f"role {name} is Postgres's, Supabase's or dotbase's own")
            for member in role.of:
                if member not in (*OWN_ROLES, *roles):
                    raise ValueError(f"role {name} is `of` {member}, which is none of ours: declare it here")
                if member in ("anon", "authenticated", "dotbase_owner"):
                    raise ValueError(f"role {name} is `of` {member}, who would have its rights at once")
        return roles

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"there is no time zone {zone}") from None
        return zone


@dataclass(frozen=True)
class Project:
    """A folder that holds apps.yaml, and what lies in it by name."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """The project at `start`, or the nearest one above the current folder."""
        if start is not None:
            if not (start / APPS_FILE).is_file():
                raise DotbaseError(
                    f"{start} holds no {APPS_FILE}", "name the project's folder with --project"
                )
            return cls(start.resolve())
        here = Path.cwd().resolve()
        for folder in (here, *here.parents):
            if (folder / APPS_FILE).is_file():
                return cls(folder)
        raise DotbaseError(
            f"there is no {APPS_FILE} here or in a folder above",
            "go to the project or name it with --project",
        )

    @cached_property
    def document(self) -> Document:
        """apps.yaml with its lines."""
        return load(self.root / APPS_FILE, self.root)

    @cached_property
    def declared(self) -> Apps:
        """apps.yaml, checked."""
        return validate(Apps, self.document)

    @property
    def zone(self) -> str:
        """The zone of business days and of schedules that name none."""
        return self.declared.zone

    @property
    def extensions(self) -> tuple[str, ...]:
        """The extensions that the apps need, each once, in the order of the apps."""
        return tuple(dict.fromkeys(name for app in self.apps for name in self.declared.apps[app].extensions))

    @property
    def roles(self) -> dict[str, Role]:
        """The roles of the project's own, by name."""
        return self.declared.roles

    @property
    def client_limits(self) -> tuple[tuple[str, str, str], ...]:
        """What is set for the roles that clients come as: role, setting, value."""
        own = [name for name, role in self.roles.items() if CLIENTS_LOGIN in role.of]
        return tuple(
            (role, setting, value)
            for role in (*CLIENT_ROLES, *own)
            for setting, value in self.declared.client_limits.model_dump().items()
        )

    @cached_property
    def apps(self) -> tuple[str, ...]:
        """The apps' names, each after those that it needs."""
        declared = self.declared.apps
        for name, app in declared.items():
            refuse_reserved(name, self.document.where("apps", name))
            for needed in app.needs:
                if needed not in declared:
                    raise DotbaseError(
                        f"app {name} needs {needed}, which is not declared",
                        f"add {needed} or take it out of `needs`",
                        self.document.where("apps", name),
                    )
        try:
            # Declared order decides between apps that do not need each other.
            sorter = TopologicalSorter({name: app.needs for name, app in declared.items()})
            return tuple(sorter.static_order())
        except CycleError as error:
            raise DotbaseError(
                f"the apps need each other in a circle: {' → '.join(error.args[1])}",
                "take one of them out of `needs`",
                self.document.where("apps", error.args[1][0]),
            ) from None

    def relative(self, path: Path) -> str:
        """A path as messages and step keys name it."""
        return path.relative_to(self.root).as_posix()


def refuse_reserved(name: str, where: str | None = None) -> None:
    """An app's schema has its name: what is declared for it would be done to somebody else's schema."""
    if name in RESERVED or name.startswith("pg_"):
        raise DotbaseError(
            f"`{name}` is taken by Postgres, Supabase or dotbase itself", "choose another name", where
        )
