"""Rounds to measure with: weeks long past, so that the real clock lets them close, be drawn and paid.

Tickets are poured in by the owner, set-based and in random order, while their round is open; then the table
is vacuumed and analysed, as autovacuum has done by the Saturday of a week's worth of tickets.
"""

from __future__ import annotations

from benchmarks.house import House

FIRST_ROUND = 1200
NUMBERS = (2, 13, 18, 32, 38, 42)

PICKS = "create table floor.picks as select luckywalk.quick_pick() as mask from generate_series(1, {tickets})"

# A walker's id is a hash of a number: as random as real ones, the same in every run.
POUR = """
insert into luckywalk.tickets (ticket_id, user_id, round_no, mask, created_at)
select gen_random_uuid(), md5((row_number() over () % {walkers})::text)::uuid, {round_no}, t.mask, core.now()
from (
    select p.mask
    from floor.picks as p
    cross join generate_series(1, {copies})
    order by random()
    limit {tickets}
) as t
"""

# The least that a draw and a settlement must do: look at each ticket, keep the winners, and one row a walker.
FLOOR_TABLES = (
    "drop table if exists floor.winners, floor.transfers",
    "create table floor.winners (user_id uuid, round_no integer, ticket_id uuid, tier smallint)",
    "create table floor.transfers (user_id uuid, transfer_key text, debit_account text, "
    "credit_account text, amount bigint, created_at timestamptz)",
)
FLOOR_WINNERS = """
insert into floor.winners
select t.user_id, t.round_no, t.ticket_id, 7 - bit_count((t.mask & {mask})::bit(64))
from luckywalk.tickets_{round_no} as t
where bit_count((t.mask & {mask})::bit(64)) >= 2
"""
FLOOR_TRANSFERS = """
insert into floor.transfers
select
    w.user_id,
    'luckywalk/round/{round_no}/wallet',
    'luckywalk.prizes',
    'luckywalk.wallet',
    sum(w.tier),
    now()
from floor.winners as w
group by w.user_id
"""
FLOOR_HASHES = """
select count(sha256(
    '\\x00' || uuid_send(t.ticket_id) || uuid_send(t.user_id) || int4send(t.round_no) || int8send(t.mask)
))
from luckywalk.tickets_{round_no} as t
"""


class Round:
    """One round, and the statements that are measured in it."""

    def __init__(self, house: House, round_no: int, tickets: int, walkers: int) -> None:
        self.house = house
        self.round_no = round_no
        self.tickets = tickets
        self.walkers = walkers

    def fill(self) -> None:
        """Open the round and pour its tickets in."""
        house = self.house
        if house.value("select to_regclass('floor.picks')") is None:
            house.owner.execute(PICKS.format(tickets=min(self.tickets, 1_000_000)).encode())
        copies = -(-self.tickets // house.value("select count(*) from floor.picks"))
        house.owner.execute("select luckywalk.open_due_round(%s)", [self.round_no])
        fields = {"tickets": self.tickets, "walkers": self.walkers, "copies": copies}
        house.owner.execute(POUR.format(round_no=self.round_no, **fields).encode())
        house.owner.execute(f"vacuum analyze luckywalk.tickets_{self.round_no}".encode())
        house.settle_down()

    def enter(self) -> None:
        """Enter the winning numbers."""
        self.house.owner.execute("select luckywalk.enter_draw_result(%s, %s)", [self.round_no, list(NUMBERS)])

    close = "select luckywalk.close_due_rounds()"
    draw = "select luckywalk.draw_apply_results()"
    settle = "select luckywalk.settle_due_rounds()"

    @property
    def hash_each(self) -> str:
        """A scan that hashes each ticket."""
        return FLOOR_HASHES.format(round_no=self.round_no)

    @property
    def bare_draw(self) -> tuple[str, str]:
        """The winners into a bare heap, and one row a winning walker into another."""
        mask = sum(1 << number for number in NUMBERS)
        return (
            FLOOR_WINNERS.format(round_no=self.round_no, mask=mask),
            FLOOR_TRANSFERS.format(round_no=self.round_no),
        )

    def check(self) -> None:
        """What was measured was also right: as many winners as the floor has, and the books add up."""
        winners = self.house.value("select count(*) from floor.winners")
        ours = self.house.value(
            "select winners_count from luckywalk.rounds where round_no = %s and status = 'settled'",
            self.round_no,
        )
        assert ours == winners, f"{ours} winners, the floor counts {winners}"
        assert self.house.value('select bool_and(c.ok) from ledger."check"() as c'), "the books do not add up"
