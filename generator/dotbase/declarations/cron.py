"""cron/<app>.yaml: the jobs of an app, in local time, rendered for the registry in the database."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, field_validator

from dotbase.declarations import call
from dotbase.declarations.catalogue import Name, Sentence
from dotbase.declarations.schedule import gmt_schedule, parse
from dotbase.errors import DotbaseError
from dotbase.yaml_lines import Document, validate

DURATION = re.compile(r"^(\d+)\s*(s|min|h)$")
UNITS = {"s": "seconds", "min": "minutes", "h": "hours"}


class Job(BaseModel):
    """A scheduled job: what it calls, when in local time, for how long at most."""

    model_config = ConfigDict(extra="forbid")
    about: Sentence
    schedule: str
    zone: str | None = None
    function: Name
    time_limit: Annotated[str, StringConstraints(pattern=DURATION.pattern)]
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    enabled: bool = True

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
    """The jobs of all apps; a name stands once in all of them, since pg_cron knows one of each."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._taken: dict[str, str] = {}

    def sql(self, app: str, document: Document) -> str:
        """Check an app's cron file and render it."""
        jobs = validate(Jobs, document).root
        for name in jobs:
            where = document.where(name)
            first = self._taken.setdefault(name, where)
            if first != where:
                raise DotbaseError(f"job {name} is declared already, at {first}", "rename one of them", where)
        return call("jobs.declare", app, [self._row(app, name, job) for name, job in jobs.items()])

    def _row(self, app: str, name: str, job: Job) -> dict[str, Any]:
        zone = job.zone or self._zone
        match = DURATION.match(job.time_limit)
        assert match is not None
        return {
            "name": name,
            "description": job.about,
            "schedule": job.schedule,
            "zone": zone,
            **asdict(parse(job.schedule)),
            "gmt_schedule": gmt_schedule(job.schedule, zone),
            "routine": f"{app}.{job.function}",
            "time_limit": f"{match[1]} {UNITS[match[2]]}",
            "attempts": job.attempts,
            "enabled": job.enabled,
        }
