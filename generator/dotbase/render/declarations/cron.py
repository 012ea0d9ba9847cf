"""cron/<app>.yaml: the jobs of an app, in local time, rendered for the registry in the database."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    field_validator,
    model_validator,
)

from dotbase.errors import DotbaseError
from dotbase.render.declarations import call
from dotbase.render.declarations.durations import Duration, interval
from dotbase.render.declarations.errors import Name, Sentence
from dotbase.render.declarations.schedule import gmt_schedule, parse
from dotbase.render.documents import Document, validate

# pg_cron's lines of the runtime itself, beside one of each job's name.
RESERVED = ("watch", "catch_up")

# Errors that can pass by themselves, by the name that a declaration uses; `08` is a class.
PASSING = {
    "deadlock": "40P01",
    "lock_timeout": "55P03",
    "serialization": "40001",
    "connection": "08",
    "timeout": "timeout",
}
SQLSTATE = re.compile(r"^([0-9A-Z]{2}|[0-9A-Z]{5})\Z")


class CatchUp(BaseModel):
    """What to do about slots that nobody ran: which of them, how old at most, how many at most."""

    model_config = ConfigDict(extra="forbid")
    slots: Literal["skip", "latest", "all"]
    within: Duration = "1d"
    at_most: Annotated[int, Field(ge=1, le=10_000)] = 100


class Requires(BaseModel):
    """Settings and secrets without which a run is skipped."""

    model_config = ConfigDict(extra="forbid")
    settings: list[str] = []
    secrets: list[str] = []


class Backlog(BaseModel):
    """A query that gives two columns, how many wait and since when the oldest does, and its bounds."""

    model_config = ConfigDict(extra="forbid")
    query: Sentence
    normal: Annotated[int, Field(ge=0)]
    alarm: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.alarm < self.normal:
            raise ValueError("the alarm lies below what is normal")
        return self


class Job(BaseModel):
    """A scheduled job: what it calls, when in local time, for how long at most, and what if not."""

    model_config = ConfigDict(extra="forbid")
    about: Sentence
    schedule: str
    zone: str | None = None
    function: Name
    time_limit: Duration
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    retry_on: list[str] = ["deadlock", "lock_timeout", "serialization", "connection"]
    backoff_cap: Duration = "5min"
    catch_up: CatchUp = CatchUp(slots="latest")
    requires: Requires = Requires()
    triggered_by: list[Literal["service_role", "administrator", "signature"]] = []
    batch_limit: Annotated[int, Field(ge=1)] | None = None
    backlog: Backlog | None = None
    enabled: bool = True
    was: list[Name] = []

    @field_validator("was", mode="before")
    @classmethod
    def _one_or_several(cls, was: Any) -> Any:
        return [was] if isinstance(was, str) else was

    @field_validator("catch_up", mode="before")
    @classmethod
    def _in_a_word(cls, catch_up: Any) -> Any:
        return {"slots": catch_up} if isinstance(catch_up, str) else catch_up

    @field_validator("retry_on")
    @classmethod
    def _errors_known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in PASSING and not SQLSTATE.match(name):
                known = ", ".join(PASSING)
                raise ValueError(
                    f"{name} is neither an SQLSTATE, nor a class of two characters, nor one of {known}"
                )
        return names

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, schedule: str) -> str:
        parse(schedule)
        return schedule

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        if zone is not None:
            try:
                ZoneInfo(zone)
            except (KeyError, ValueError, OSError):
                raise ValueError(f"there is no time zone {zone}") from None
        return zone


class Jobs(RootModel[dict[Name, Job]]):
    """The jobs of one app by name."""


class Schedules:
    """The jobs of all apps; a name stands once in all of them, since pg_cron knows one of each.

    A former name is nobody's name now, and one job's alone: its history can move to one only.
    """

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._taken: dict[str, str] = {}
        self._former: dict[str, str] = {}

    def sql(self, app: str, document: Document) -> str:
        """Check an app's cron file and render it."""
        jobs = validate(Jobs, document).root
        for name, job in jobs.items():
            where = document.where(name)
            if name in RESERVED:
                raise DotbaseError(
                    f"pg_cron's line {name} is the runtime's own", "give the job another name", where
                )
            first = self._taken.setdefault(name, where)
            if first != where:
                raise DotbaseError(f"job {name} is declared already, at {first}", "rename one of them", where)
            for number, former in enumerate(job.was):
                self._take_former(former, document.where(name, "was", number))
        for former in sorted(self._former.keys() & self._taken.keys()):
            raise DotbaseError(
                f"`was`: job {former} is still declared, at {self._taken[former]}",
                "delete `was`, or the job that was renamed",
                self._former[former],
            )
        return call("jobs.declare", app, [declared(app, name, job, self._zone) for name, job in jobs.items()])

    def _take_former(self, former: str, where: str) -> None:
        first = self._former.setdefault(former, where)
        if first != where:
            raise DotbaseError(
                f"`was`: job {former} has become another one already, at {first}",
                "delete one of the two",
                where,
            )


def declared(app: str, name: str, job: Job, zone: str) -> dict[str, Any]:
    """A job as `jobs.declare` takes it; `zone` is that of a job that names none."""
    zone = job.zone or zone
    return {
        "name": name,
        "description": job.about,
        "schedule": job.schedule,
        "zone": zone,
        **asdict(parse(job.schedule)),
        "gmt_schedule": gmt_schedule(job.schedule, zone),
        "routine": f"{app}.{job.function}",
        "time_limit": interval(job.time_limit),
        "attempts": job.attempts,
        "retry_on": [PASSING.get(name, name) for name in job.retry_on],
        "backoff_cap": interval(job.backoff_cap),
        "catch_up": job.catch_up.slots,
        "catch_up_age": interval(job.catch_up.within),
        "catch_up_count": job.catch_up.at_most,
        "required_settings": job.requires.settings,
        "required_secrets": job.requires.secrets,
        "triggered_by": job.triggered_by,
        "batch_limit": job.batch_limit,
        "backlog_query": job.backlog and job.backlog.query,
        "backlog_normal": job.backlog and job.backlog.normal,
        "backlog_alarm": job.backlog and job.backlog.alarm,
        "enabled": job.enabled,
        "was": job.was,
    }
