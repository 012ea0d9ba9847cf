"""Counts every round again, in plain Python, from an export: `python -m demo.recount DIRECTORY`.

Reads claims, tickets and steps as they were put in, and the published draws. Which round a ticket is in,
the seal, the winners, the prizes, every transfer and every balance are worked out here, with nothing but
the standard library, and then compared with what the database says.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from demo import seal

ZONE = ZoneInfo("Asia/Seoul")
FIRST_DRAW = date(2002, 12, 7)
CLOSES_AT = time(20)
THRESHOLDS = range(1000, 10_001, 1000)
POTS = {1: 1_000_000, 2: 500_000}
PRIZES = {3: 50, 4: 10, 5: 5}
HELD = (1, 2)  # tiers whose prizes wait for the identity check

Key = tuple[str, ...]


@dataclass
class Round:
    """One round, counted again."""

    round_no: int
    tickets: dict[str, tuple[str, int]] = field(default_factory=dict)  # ticket id: user id, mask
    winners: Counter[int] = field(default_factory=Counter)
    prizes: dict[int, int] = field(default_factory=dict)
    results: dict[Key, str] = field(default_factory=dict)
    amounts: Counter[tuple[str, str]] = field(default_factory=Counter)  # user id, account
    seal_root: str = ""

    @property
    def paid(self) -> int:
        """Won that went to winners."""
        return sum(self.winners[tier] * prize for tier, prize in self.prizes.items())

    @property
    def remainder(self) -> int:
        """Won of the pots that stayed with the house."""
        return sum(pot - self.winners[tier] * self.prizes[tier] for tier, pot in POTS.items())

    def draw(self, winning: int) -> None:
        """Score, count, then share."""
        for ticket_id, (user_id, mask) in self.tickets.items():
            matches = (mask & winning).bit_count()
            if matches >= 2:
                self.winners[7 - matches] += 1
                self.results[(user_id, str(self.round_no), ticket_id)] = str(7 - matches)
        for tier, pot in POTS.items():
            self.prizes[tier] = pot // self.winners[tier] if self.winners[tier] else 0
        self.prizes |= PRIZES
        for (user_id, _, _), tier_text in self.results.items():
            tier = int(tier_text)
            account = "luckywalk.held" if tier in HELD else "luckywalk.wallet"
            self.amounts[user_id, account] += self.prizes[tier]
        self.seal_root = seal.root(self.round_no, self.tickets).hex()


@dataclass
class Recount:
    """All rounds counted again, and every difference to what the database says."""

    rounds: list[Round]
    differences: dict[int, list[str]]  # by round; 0: of the whole
    claims_a_day: Counter[date]
    banked_a_day: Counter[date]
    tickets_claimed: set[str]
    waiting: int  # claims for the round after the last

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not any(self.differences.values())


def count(directory: Path) -> Recount:
    """Count the export of this directory again and compare."""
    put_in = directory / "put_in"
    draws = {int(row["draw_no"]): _mask(row) for row in _rows(put_in / "draws.csv")}
    said = {row["round_no"]: row for row in _rows(directory / "came_out" / "rounds.csv")}
    played = {int(number) for number, row in said.items() if row["status"] == "settled"}
    recount = Recount([], defaultdict(list), Counter(), Counter(), set(), 0)
    masks = _distribute(put_in, played, recount)
    for number, tickets in sorted(masks.items()):
        counted = Round(number, tickets)
        counted.draw(draws[number])
        recount.rounds.append(counted)
    _compare(directory / "came_out", recount, said)
    return recount


def _distribute(put_in: Path, played: set[int], recount: Recount) -> dict[int, dict[str, tuple[str, int]]]:
    """Each ticket into the round that the moment of its claim says."""
    wrong = recount.differences[0]
    steps = {(row["user_id"], row["day"]): int(row["steps"]) for row in _rows(put_in / "steps.csv")}
    wrong += [f"steps {key}: no count of steps" for key, count in steps.items() if count < 0]
    tickets = {row["ticket_id"]: (row["user_id"], int(row["mask"])) for row in _rows(put_in / "tickets.csv")}
    rounds: dict[int, dict[str, tuple[str, int]]] = {number: {} for number in played}
    seen: set[Key] = set()
    moments: dict[str, tuple[date, int, bool]] = {}
    for row in _rows(put_in / "claims.csv"):
        claimed_at = row["claimed_at"]
        if claimed_at not in moments:
            moments[claimed_at] = _moment(datetime.fromisoformat(claimed_at).astimezone(ZONE))
        day, number, between_rounds = moments[claimed_at]
        key = (row["user_id"], row["day"], row["step"])
        if key in seen or row["day"] != day.isoformat():
            wrong.append(f"claim {key}: twice, or not of the day it was made on")
        seen.add(key)
        if int(row["step"]) not in THRESHOLDS:
            wrong.append(f"claim {key}: no such threshold")
        if int(row["step"]) > steps.get((row["user_id"], row["day"]), 0):
            wrong.append(f"claim {key}: more than was walked")
        recount.tickets_claimed.add(row["ticket_id"])
        recount.claims_a_day[day] += 1
        recount.banked_a_day[day] += between_rounds
        if row["banked_mask"]:
            recount.waiting += 1
            if number <= max(played, default=0):
                wrong.append(f"claim {key}: banked, though round {number} was played")
            continue
        ticket = tickets.pop(row["ticket_id"], None)
        if ticket is None or ticket[0] != row["user_id"] or number not in rounds:
            wrong.append(f"claim {key}: without a ticket of its own")
            continue
        rounds[number][row["ticket_id"]] = ticket
    if tickets:
        wrong.append(f"{len(tickets)} tickets that nobody claimed")
    return rounds


def _moment(at: datetime) -> tuple[date, int, bool]:
    """The day, the round, and whether no round is open at this local time."""
    saturday = at.date() + timedelta(days=(5 - at.weekday()) % 7)
    late = at.date() == saturday and at.time() >= CLOSES_AT
    early = at.weekday() == 6 and at.time() < time(12, 30)
    number = (saturday - FIRST_DRAW).days // 7 + 1 + late
    return at.date(), number, late or early


def _compare(came_out: Path, recount: Recount, said: dict[str, dict[str, str]]) -> None:
    tiers = {(row["round_no"], row["tier"]): row for row in _rows(came_out / "round_tiers.csv")}
    results: dict[int, dict[Key, str]] = defaultdict(dict)
    for row in _rows(came_out / "results.csv"):
        results[int(row["round_no"])][row["user_id"], row["round_no"], row["ticket_id"]] = row["tier"]
    transfers = {
        (row["user_id"], row["transfer_key"]): (
            row["debit_account"],
            row["credit_account"],
            int(row["amount"]),
        )
        for row in _rows(came_out / "transfers.csv")
    }
    balances: Counter[tuple[str, str]] = Counter()
    for counted in recount.rounds:
        number = str(counted.round_no)
        wrong = recount.differences[counted.round_no]
        _check(wrong, "tickets", said[number]["total_tickets"], len(counted.tickets))
        _check(wrong, "seal", said[number]["seal_root"], counted.seal_root)
        _check(wrong, "winners", said[number]["winners_count"], counted.winners.total())
        _check(wrong, "paid", said[number]["paid"], counted.paid)
        _check(wrong, "remainder", said[number]["remainder"], counted.remainder)
        for tier, prize in counted.prizes.items():
            row = tiers.get((number, str(tier)), {})
            _check(wrong, f"winners of tier {tier}", row.get("winners_count"), counted.winners[tier])
            _check(wrong, f"prize of tier {tier}", row.get("prize_each"), prize)
        if results[counted.round_no] != counted.results:
            wrong.append("the winning tickets differ")
        for (user_id, account), amount in counted.amounts.items():
            key = (user_id, f"luckywalk/round/{number}/{account.removeprefix('luckywalk.')}")
            if transfers.pop(key, None) != ("luckywalk.prizes", account, amount):
                wrong.append(f"the transfer {key} differs")
        balances.update(counted.amounts)
    wrong = recount.differences[0]
    if transfers:
        wrong.append(f"{len(transfers)} transfers that no prize explains")
    held = {(row["user_id"], row["account"]): int(row["balance"]) for row in _rows(came_out / "balances.csv")}
    if +Counter(held) != balances:
        wrong.append("the balances differ from what was won")


def _check(wrong: list[str], what: str, said: str | None, counted: object) -> None:
    if said != str(counted):
        wrong.append(f"{what}: the database says {said}, counted {counted}")


def _mask(row: dict[str, str]) -> int:
    return sum(1 << int(row[f"n{place}"]) for place in range(1, 7))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def main() -> int:
    """Count the export of the directory named on the command line; 1 when anything differs."""
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "put_in").is_dir():
        sys.stderr.write("usage: python -m demo.recount DIRECTORY, as `make demo` exported it\n")
        return 2
    recount = count(Path(sys.argv[1]))
    for counted in recount.rounds:
        wrong = recount.differences[counted.round_no]
        sys.stdout.write(f"round {counted.round_no}: {'; '.join(wrong[:3]) or 'equal'}\n")
    for difference in recount.differences[0][:10]:
        sys.stdout.write(f"{difference}\n")
    sys.stdout.write(f"all of it: {'equal' if recount.is_equal else 'differs'}\n")
    return 0 if recount.is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
