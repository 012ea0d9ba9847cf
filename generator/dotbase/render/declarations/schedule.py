"""A schedule: five cron fields in local time, as values for SQL, and as the GMT line that pg_cron gets.

The dialect is cronsim's, which is Debian's cron with `L` (last), `LW` (last weekday) and `#` (nth)
added. What a field means is asked of cronsim; nothing is parsed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIRST_YEAR, LAST_YEAR = 2020, 2037  # a zone's offsets and jumps in these years are covered
DAY = 24 * 60
MARKS = {CronSim.LAST: "L", CronSim.LAST_WEEKDAY: "LW"}


@dataclass(frozen=True)
class Fields:
    """What the five fields say; None is every value.

    Days are text, since some have no number: `31`, `L`, `LW`; `0` to `6`, `5L`, `1#2`.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days_of_month: tuple[str, ...] | None
    months: tuple[int, ...] | None
    days_of_week: tuple[str, ...] | None
    either_day: bool
    elapsed: bool

    @property
    def plain_days(self) -> bool:
        """Whether every day has a number, so that any cron understands it."""
        return all(day.isdigit() for day in (*(self.days_of_month or ()), *(self.days_of_week or ())))


def parse(schedule: str) -> Fields:
    """Read five cron fields; ValueError says in words what is wrong with them."""
    texts = schedule.upper().split()
    if len(texts) != 5:
        raise ValueError("a schedule has five fields: minute, hour, day of month, month, day of week")
    try:
        found = CronSim(schedule, datetime(FIRST_YEAR, 1, 1))
    except CronSimError as error:
        raise ValueError(f"no cron schedule: {error}") from None
    if next(found, None) is None:
        raise ValueError("this schedule never comes: no day has what all of its fields ask for")
    return Fields(
        minutes=tuple(sorted(found.minutes)),
        hours=tuple(sorted(found.hours)),
        days_of_month=None if texts[2] == "*" else _in_order(_day_of_month(day) for day in found.days),
        months=None if texts[3] == "*" else tuple(sorted(found.months)),
        days_of_week=None if texts[4] == "*" else _in_order(_day_of_week(day) for day in found.weekdays),
        # Debian's rule: both day fields must match if one of them begins with a star, else either.
        either_day=not found.day_and,
        # A schedule whose minutes or hours begin with a star follows elapsed time through daylight saving.
        elapsed=texts[0].startswith("*") or texts[1].startswith("*"),
    )


def _in_order(days: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(days), key=lambda day: (not day.isdigit(), len(day), day)))


def _day_of_month(day: int) -> str:
    return MARKS.get(day, str(day))


def _day_of_week(day: int | tuple[int, int]) -> str:
    if isinstance(day, int):
        return str(day % 7)
    weekday, nth = day
    return f"{weekday % 7}L" if nth == CronSim.LAST else f"{weekday % 7}#{nth}"


@cache
def offsets(zone: str) -> dict[datetime, int]:
    """Minutes from GMT by the moment from which they hold, as far as the zone's rules are known."""
    found: dict[datetime, int] = {}
    moment, last = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), None
    while moment.year <= LAST_YEAR:
        offset = _offset(zone, moment)
        if offset != last:
            found[moment if last is None else _first_with(zone, offset, moment)] = offset
        moment, last = moment + timedelta(days=1), offset
    return found


def _offset(zone: str, moment: datetime) -> int:
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60


def _first_with(zone: str, offset: int, until: datetime) -> datetime:
    """The first minute of the day before `until` from which the offset holds."""
    moment = until
    while _offset(zone, moment - timedelta(minutes=1)) == offset:
        moment -= timedelta(minutes=1)
    return moment


def _after_jumps(fields: Fields, zone: str) -> Iterator[int]:
    """The moments after a jump of the clock, for fixed times that it jumped over: minutes from the
    local midnight of the day that the time belongs to, in GMT.
    """
    before = None
    for moment, offset in offsets(zone).items():
        if before is not None and offset > before:
            start = moment + timedelta(minutes=before)
            for hour, minute in product(fields.hours, fields.minutes):
                for day in (0, 1):
                    midnight = start.replace(hour=0, minute=0) + timedelta(days=day)
                    skipped = midnight + timedelta(hours=hour, minutes=minute)
                    if start <= skipped < moment + timedelta(minutes=offset):
                        yield int((moment - midnight).total_seconds()) // 60
        before = offset


def gmt_schedule(schedule: str, zone: str) -> str:
    """pg_cron's five fields in GMT: a superset of the local moments, exact where one offset holds and
    the schedule does not go by the day of the month.
    """
    fields = parse(schedule)
    shifts = set(offsets(zone).values())
    if fields.hours == tuple(range(24)):
        # Every hour: only the minutes can move; a day's bounds are covered by the days around it.
        minutes = {(m - s) % 60 for m, s in product(fields.minutes, shifts)}
        hours: Iterable[int] = range(24)
        moved = {0} if shifts == {0} else {-1, 0, 1}
        if not fields.elapsed:
            minutes |= {moment % 60 for moment in _after_jumps(fields, zone)}
    else:
        moments = {h * 60 + m - s for h, m, s in product(fields.hours, fields.minutes, shifts)}
        if not fields.elapsed:
            moments |= set(_after_jumps(fields, zone))
        minutes = {moment % 60 for moment in moments}
        hours = {moment // 60 % 24 for moment in moments}
        moved = {moment // DAY for moment in moments}
    return f"{_text(minutes, 0, 59)} {_text(hours, 0, 23)} {_days(schedule, fields, moved)}"


def _days(schedule: str, fields: Fields, moved: set[int]) -> str:
    """The three day fields in GMT, when moments move by these numbers of days."""
    if moved == {0} and fields.plain_days:
        # A day field that begins with a star means `and`, one that does not means `or`: kept as written.
        values = (fields.days_of_month, fields.months, fields.days_of_week)
        return " ".join(
            text if text.startswith("*") else ",".join(map(str, sorted(map(int, value or ()))))
            for text, value in zip(schedule.upper().split()[2:], values, strict=True)
        )
    if fields.days_of_week is not None and fields.days_of_month is None:
        weekdays = {int(day[0]) for day in fields.days_of_week}
        return f"* * {_text({(day + shift) % 7 for day, shift in product(weekdays, moved)}, 0, 6)}"
    return "* * *"


def _text(values: Iterable[int], low: int, high: int) -> str:
    """A cron field, as short as people write it."""
    ordered = sorted(values)
    if ordered == list(range(low, high + 1)):
        return "*"
    if len(ordered) > 2 and low == 0:
        step = ordered[1] - ordered[0]
        if ordered == list(range(0, high + 1, step)):
            return f"*/{step}"
    return ",".join(str(value) for value in ordered)
