"""The weeks themselves: what walkers, jobs and the administrator do, at their moments in local time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from demo.calls import Answer, Call, RpcClient
from demo.database import Database
from demo.draws import Draw
from demo.walkers import Visit, Walker, visits
from dotbase.errors import DotbaseError

ZONE = ZoneInfo("Asia/Seoul")
ADMINISTRATOR = json.dumps(
    {
        "sub": str(UUID("00000000-0000-4000-a000-000000000001")),
        "role": "authenticated",
        "aud": "authenticated",
        "app_metadata": {"role": "admin"},
    }
).encode()
SETTLES_AT = time(11)
LOOKS = 10  # every tenth walker looks at the day, at tickets and at money


Event = tuple[time, Callable[[], None]]


@dataclass
class Season:
    """What the weeks came to, as the callers of RPCs and jobs saw it."""

    draws: list[Draw]
    walkers: list[Walker]
    tickets_given: set[str] = field(default_factory=set)
    proofs: list[dict[str, Any]] = field(default_factory=list)
    corrected: int | None = None
    job_runs: int = 0


class Weeks:
    """Walks the weeks of the draws, one after the other; `seen` hears of each day that is over."""

    def __init__(
        self, database: Database, rpcs: RpcClient, season: Season, seen: Callable[[date, int], None]
    ):
        self._database = database
        self._rpcs = rpcs
        self._season = season
        self._seen = seen

    def walk(self) -> None:
        """From the Sunday before the first draw to the settlement of the last."""
        draws = self._season.draws
        self._season.corrected = draws[len(draws) // 2].number
        previous: Draw | None = None
        for draw in draws:
            for weekday in range(7):
                day = draw.day - timedelta(days=6 - weekday)
                events: list[Event] = []
                if weekday == 0:
                    events = self._sunday(draw, previous)
                elif weekday == 6:
                    events = self._saturday(draw)
                self._live(day, events)
                self._seen(day, draw.number)
            previous = draw
        self._at(draws[-1].day + timedelta(days=1), SETTLES_AT)
        self._settle(draws[-1])

    def _live(self, day: date, events: list[Event]) -> None:
        """The day's syncs and events in the order of the clock."""
        for sync, found in visits(self._season.walkers, day):
            events.append((sync.at, partial(self._sync, found)))
        for at, happen in sorted(events, key=lambda event: event[0]):
            self._at(day, at)
            happen()

    def _sunday(self, draw: Draw, previous: Draw | None) -> list[Event]:
        events: list[Event] = [
            (time(3, 10), partial(self._job, "make_partitions")),
            (time(12, 30), partial(self._job, "create_new_round", processed=1)),
        ]
        if previous is None:
            events.append((time(8), self._save_profiles))
        else:
            events.append((SETTLES_AT, partial(self._settle, previous)))
        return events

    def _saturday(self, draw: Draw) -> list[Event]:
        slip = draw.number == self._season.corrected
        entered = _with_a_slip(draw.numbers) if slip else draw.numbers
        events: list[Event] = [
            (time(20), partial(self._close, draw)),
            (time(20, 50), partial(self._job, "draw_apply_results", processed=0)),  # the numbers are missing
            (time(21, 3), partial(self._enter, "enter_draw_result", draw, entered)),
            (time(21, 5), partial(self._job, "draw_apply_results", processed=1)),
        ]
        if slip:
            reason = "One number was mistyped."
            correct = partial(self._enter, "correct_draw_result", draw, draw.numbers, reason=reason)
            events.append((time(21, 21), correct))
            events.append((time(21, 25), partial(self._job, "draw_apply_results", processed=1)))
        return events

    def _close(self, draw: Draw) -> None:
        self._job("close_round", processed=1)
        self._ask_for_proof(draw)

    def _settle(self, draw: Draw) -> None:
        self._job("settle_round", processed=1)
        asked: dict[str, object] = {"round_no": draw.number}
        self._rpcs.call_all(
            [
                [Call(walker.jwt_claims, "my_tickets", asked), Call(walker.jwt_claims, "my_balances")]
                for walker in self._season.walkers[::LOOKS]
            ]
        )

    def _save_profiles(self) -> None:
        self._rpcs.call_all(
            [
                [Call(w.jwt_claims, "save_walker_profile", {"nickname": w.nickname})]
                for w in self._season.walkers
            ]
        )

    def _ask_for_proof(self, draw: Draw) -> None:
        """One walker a round asks for the proof of a ticket; the recount checks it against the seal."""
        walkers = self._season.walkers
        start = draw.number % len(walkers)
        for walker in [*walkers[start:], *walkers[:start]]:
            asked: dict[str, object] = {"round_no": draw.number}
            tickets = self._rpcs.call(Call(walker.jwt_claims, "my_tickets", asked))
            if tickets:
                ticket: dict[str, object] = {"ticket_id": tickets[0]["ticket_id"]}
                self._season.proofs += self._rpcs.call(Call(walker.jwt_claims, "my_ticket_proof", ticket))
                return

    def _sync(self, found: list[Visit]) -> None:
        answers = self._rpcs.call_all([_calls(visit) for visit in found])
        self._season.tickets_given.update(_tickets(answers))

    def _at(self, day: date, at: time) -> None:
        self._database.move_clock(datetime.combine(day, at, ZONE))

    def _job(self, name: str, processed: int | None = None) -> None:
        result = self._database.run_job(name)
        self._season.job_runs += 1
        if processed is not None and result["processed"] != processed:
            found = result["processed"]
            raise DotbaseError(
                f"the job {name} processed {found} instead of {processed}", "look into jobs.runs"
            )

    def _enter(self, rpc: str, draw: Draw, numbers: tuple[int, ...], **more: object) -> None:
        """The administrator's calls."""
        self._rpcs.call(Call(ADMINISTRATOR, rpc, {"round_no": draw.number, "numbers": numbers, **more}))


def _calls(visit: Visit) -> list[Call]:
    claims = visit.walker.jwt_claims
    calls = [Call(claims, "report_steps", {"steps": visit.steps})]
    for claim in visit.claims:
        arguments: dict[str, object] = {"threshold": claim.threshold}
        if claim.numbers is not None:
            arguments["numbers"] = claim.numbers
        calls.append(Call(claims, "claim_steps", arguments, refused=claim.refused))
    if visit.walker.number % LOOKS == 0:
        calls.append(Call(claims, "my_today"))
    return calls


def _tickets(answers: list[Answer]) -> set[str]:
    return {row["ticket_id"] for a in answers if a.call.rpc == "claim_steps" for row in a.rows}


def _with_a_slip(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers as somebody types them whose finger slips on the first."""
    return (next(n for n in range(1, 46) if n not in numbers), *numbers[1:])
