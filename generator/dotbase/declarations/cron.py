"""cron/<app>.yaml: schedules in local time, and the GMT line that pg_cron gets for each."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, field_validator

from dotbase.declarations import call
from dotbase.declarations.catalogue import Name, Sentence
from dotbase.errors import DotbaseError
from dotbase.yaml_lines import Document, validate

FIRST_YEAR, LAST_YEAR = 2020, 2037  # offsets that a zone has in these years are covered
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
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
        if len(schedule.split()) != 5:
            raise ValueError("a schedule has five fields: minute, hour, day of month, month, day of week")
        try:
            CronSim(schedule, datetime(FIRST_YEAR, 1, 1))
        except CronSimError as error:
            raise ValueError(f"no cron schedule: {error}") from None
        if re.search(r"[L#]", schedule.upper().replace("JUL", "")):
            raise ValueError("`L` and `#` are not supported yet; name the days")
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
        minutes, hours, days_of_month, months, days_of_week = parse(job.schedule)
        match = DURATION.match(job.time_limit)
        assert match is not None
        return {
            "name": name,
            "description": job.about,
            "schedule": job.schedule,
            "zone": zone,
            "minutes": minutes or list(range(60)),
            "hours": hours or list(range(24)),
            "days_of_month": days_of_month,
            "months": months,
            "days_of_week": days_of_week,
            "gmt_schedule": gmt_schedule(job.schedule, zone),
            "routine": f"{app}.{job.function}",
            "time_limit": f"{match[1]} {UNITS[match[2]]}",
            "attempts": job.attempts,
            "enabled": job.enabled,
        }


def parse(schedule: str) -> tuple[list[int] | None, ...]:
    """The five fields as sorted values; None for a field that is every value (`*`)."""
    fields = schedule.upper().split()
    return tuple(_field(text, place) for place, text in enumerate(fields))


def _field(text: str, place: int) -> list[int] | None:
    if text == "*":
        return None
    low, high = BOUNDS[place]
    names = {3: dict(zip(MONTHS, range(1, 13), strict=True)), 4: dict(zip(DAYS, range(7), strict=True))}
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            start, end = low, high
        else:
            start = _value(first, names.get(place, {}))
            end = _value(last, names.get(place, {})) if last else (high if step else start)
        found = range(start, end + 1, int(step or 1))
        values |= {value % 7 if place == 4 else value for value in found}
    return sorted(values)


def _value(text: str, names: dict[str, int]) -> int:
    return names[text] if text in names else int(text)


@cache
def offsets(zone: str) -> tuple[int, ...]:
    """Every offset from GMT, in minutes, that a zone has or will have, as far as it is known."""
    found: set[int] = set()
    moment = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    while moment.year <= LAST_YEAR:
        offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
        assert offset is not None
        found.add(int(offset.total_seconds()) // 60)
        moment += timedelta(days=1)
    return tuple(sorted(found))


def gmt_schedule(schedule: str, zone: str) -> str:
    """pg_cron's five fields in GMT: a superset of the local moments, exact where one offset holds and
    the schedule does not go by the day of the month.
    """
    minutes, hours, days_of_month, months, days_of_week = parse(schedule)
    shifts = offsets(zone)
    if hours is None:
        # Every hour: only the minutes can move; a day's bounds are covered by the days around it.
        gmt_minutes = sorted({(m - s) % 60 for m, s in product(minutes or range(60), shifts)})
        moved = {-1, 0, 1} if shifts != (0,) else {0}
        gmt_hours: list[int] = list(range(24))
    else:
        moments = [h * 60 + m - s for h, m, s in product(hours, minutes or range(60), shifts)]
        gmt_minutes = sorted({moment % 60 for moment in moments})
        gmt_hours = sorted({moment // 60 % 24 for moment in moments})
        moved = {moment // 1440 for moment in moments}
    days = "*"
    if days_of_week is not None and days_of_month is None:
        days = _text(sorted({(day + shift) % 7 for day, shift in product(days_of_week, moved)}), 0, 6)
    day_of_month, month = "*", "*"
    if moved == {0}:
        # A day field that begins with a star means `and`, one that does not means `or`: kept as written.
        day_of_month, month, days = (
            text if text.startswith("*") else ",".join(map(str, values or ()))
            for text, values in zip(schedule.split()[2:], (days_of_month, months, days_of_week), strict=True)
        )
    return f"{_text(gmt_minutes, 0, 59)} {_text(gmt_hours, 0, 23)} {day_of_month} {month} {days}"


def _text(values: list[int] | None, low: int, high: int) -> str:
    """A cron field, as short as people write it."""
    if values is None or values == list(range(low, high + 1)):
        return "*"
    if len(values) > 2 and low == 0:
        step = values[1] - values[0]
        if values == list(range(0, high + 1, step)):
            return f"*/{step}"
    return ",".join(str(value) for value in values)
