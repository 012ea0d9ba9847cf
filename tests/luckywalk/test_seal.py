"""The seal: anybody can recompute a round's root, and a walker can prove a ticket without telling others'."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.databases import Database
from tests.harness.people import anon, walker
from tests.luckywalk.merkle import bytes_of, proves, root_of, tickets_of
from tests.luckywalk.weeks import LOSING, WEEK, Week, buy, close_week, job, open_week, pour

SIZES = [0, 1, 2, 63, 64, 65, 127, 128, 129, 192, 193, 1000]


@pytest.fixture(scope="module")
def weeks() -> Iterator[Week]:
    """Weeks of the module's database, each used once."""
    return iter(Week(1153 + n) for n in range(1000))


def sealed_round(db: Database, week: Week, tickets: int) -> dict[str, Any]:
    open_week(db, week)
    pour(db, week, tickets)
    close_week(db, week)
    return db.select(anon, "rounds", filters={"round_no": week.round_no}).row


def check_seal(db: Database, week: Week, count: int) -> None:
    published = sealed_round(db, week, count)
    tickets = tickets_of(db, week)
    assert published["total_tickets"] == len(tickets) == count
    assert published["seal_root"] == root_of(tickets).hex()


@pytest.mark.parametrize("count", SIZES)
def test_the_published_root_is_recomputed_from_the_tickets(
    module_db: Database, weeks: Iterator[Week], count: int
) -> None:
    check_seal(module_db, next(weeks), count)


@settings(max_examples=12, deadline=None, database=None)
@given(count=st.integers(0, 400))
def test_a_round_of_any_size_is_sealed_the_same_way(
    module_db: Database, weeks: Iterator[Week], count: int
) -> None:
    check_seal(module_db, next(weeks), count)


@pytest.mark.parametrize("count", SIZES[1:])
def test_every_ticket_proves_that_it_is_in_the_seal(
    module_db: Database, weeks: Iterator[Week], count: int
) -> None:
    week = next(weeks)
    published = sealed_round(module_db, week, count)
    tickets = sorted(tickets_of(module_db, week), key=lambda ticket: ticket.ticket_id.bytes)
    # All of them, or the ends of chunks and every seventh.
    chosen = [
        t for n, t in enumerate(tickets) if count < 130 or n % 64 in (0, 63) or n % 7 == 0 or n == count - 1
    ]
    numbers = {walker(n).user_id: walker(n) for n in range(1, count // 20 + 2)}
    for ticket in chosen:
        proof = module_db.call(numbers[ticket.user_id], "my_ticket_proof", ticket_id=ticket.ticket_id).row
        assert proves(proof)
        assert (proof["seal_root"], proof["total_tickets"]) == (published["seal_root"], count)
        assert (UUID(proof["ticket_id"]), UUID(proof["user_id"]), proof["mask"]) == (
            ticket.ticket_id,
            ticket.user_id,
            ticket.mask,
        )
        assert bytes_of(proof) < 3072


def test_a_proof_stays_under_three_kilobytes_for_any_round_that_fits_the_country() -> None:
    # 63 leaves, and a path that grows with the logarithm: 100 million tickets are 1,562,500 chunks.
    assert 32 * (63 + (1_562_500 - 1).bit_length()) < 3072


@pytest.fixture(scope="module")
def proof(module_db: Database, weeks: Iterator[Week]) -> dict[str, Any]:
    """A proof with a full chunk and both sides on its path."""
    week = next(weeks)
    sealed_round(module_db, week, 640)
    for ticket in tickets_of(module_db, week):
        person = next(walker(n) for n in range(1, 40) if walker(n).user_id == ticket.user_id)
        found = module_db.call(person, "my_ticket_proof", ticket_id=ticket.ticket_id).row
        if {step["side"] for step in found["path"]} == {"left", "right"}:
            return found
    raise AssertionError("no ticket with both sides on its path")


def changed(proof: Mapping[str, Any], **values: object) -> dict[str, Any]:
    return {**proof, **values}


def flipped(hexadecimal: str, place: int) -> str:
    data = bytearray.fromhex(hexadecimal)
    data[place] ^= 1
    return data.hex()


def test_any_changed_byte_of_any_hash_breaks_the_proof(proof: dict[str, Any]) -> None:
    assert proves(proof)
    for place in range(32):
        assert not proves(changed(proof, seal_root=flipped(proof["seal_root"], place)))
        for n, leaf in enumerate(proof["chunk_leaves"]):
            leaves = list(proof["chunk_leaves"])
            leaves[n] = flipped(leaf, place)
            assert not proves(changed(proof, chunk_leaves=leaves))
        for n, step in enumerate(proof["path"]):
            path = list(proof["path"])
            path[n] = {**step, "hash": flipped(step["hash"], place)}
            assert not proves(changed(proof, path=path))


def test_any_changed_byte_of_the_ticket_breaks_the_proof(proof: dict[str, Any]) -> None:
    for name in ("ticket_id", "user_id"):
        for place in range(16):
            other = str(UUID(flipped(UUID(proof[name]).hex, place)))
            assert not proves(changed(proof, **{name: other}))
    for bit in range(31):
        assert not proves(changed(proof, round_no=proof["round_no"] ^ 1 << bit))
    for bit in range(63):
        assert not proves(changed(proof, mask=proof["mask"] ^ 1 << bit))


def test_any_changed_place_breaks_the_proof(proof: dict[str, Any]) -> None:
    for place in range(len(proof["chunk_leaves"]) + 1):
        assert proves(changed(proof, leaf_index=place)) == (place == proof["leaf_index"])
    for n, step in enumerate(proof["path"]):
        path = list(proof["path"])
        path[n] = {**step, "side": "left" if step["side"] == "right" else "right"}
        assert not proves(changed(proof, path=path))
        assert not proves(changed(proof, path=proof["path"][:n]))


def test_a_proof_tells_nothing_of_other_peoples_tickets(db: Database) -> None:
    open_week(db)
    mine, *_ = buy(db, walker(1), LOSING)
    theirs = buy(db, walker(2), [8, 9, 10, 11, 12, 13])
    close_week(db)
    shown = json.dumps(db.call(walker(1), "my_ticket_proof", ticket_id=mine["ticket_id"]).row)
    for secret in (theirs[0]["ticket_id"], str(walker(2).user_id)):
        assert secret not in shown
        assert UUID(secret).hex not in shown


def test_anothers_ticket_is_not_proven_and_not_even_admitted(db: Database) -> None:
    open_week(db)
    mine, *_ = buy(db, walker(1), None)
    close_week(db)
    for ticket_id in (mine["ticket_id"], uuid4()):
        refused = db.call(walker(2), "my_ticket_proof", ticket_id=ticket_id)
        assert (refused.status, refused.code) == (404, "ticket_not_found")
    assert db.call(anon, "my_ticket_proof", ticket_id=mine["ticket_id"]).status == 401


def test_there_is_no_proof_before_the_seal(db: Database) -> None:
    open_week(db)
    mine, *_ = buy(db, walker(1), None)
    for clock in (WEEK.opens_at, WEEK.closes_at):
        db.clock(clock)
        refused = db.call(walker(1), "my_ticket_proof", ticket_id=mine["ticket_id"])
        assert (refused.status, refused.code) == (409, "round_not_closed")
    job(db, "close_round")
    assert proves(db.call(walker(1), "my_ticket_proof", ticket_id=mine["ticket_id"]).row)


def test_a_banked_claim_is_proven_in_the_round_that_it_came_to(db: Database) -> None:
    db.clock(WEEK.closes_at)
    (banked,) = buy(db, walker(1), LOSING)
    assert db.call(walker(1), "my_ticket_proof", ticket_id=banked["ticket_id"]).code == "ticket_not_found"
    open_week(db, WEEK.next)
    close_week(db, WEEK.next)
    proof = db.call(walker(1), "my_ticket_proof", ticket_id=banked["ticket_id"]).row
    assert proves(proof)
    assert proof["round_no"] == WEEK.next.round_no


def test_a_seal_does_not_change_when_its_round_is_drawn_and_others_are_sealed(db: Database) -> None:
    published = sealed_round(db, WEEK, 70)
    sealed_round(db, WEEK.next, 3)
    again = db.select(anon, "rounds", filters={"round_no": WEEK.round_no}).row
    assert again == published


def test_who_changes_the_kept_tree_is_found_out_by_the_published_root(db: Database) -> None:
    open_week(db)
    pour(db, WEEK, 130, walker(1))
    close_week(db)
    (ticket, *_) = tickets_of(db, WEEK)
    assert proves(db.call(walker(1), "my_ticket_proof", ticket_id=ticket.ticket_id).row)
    with db.owner.transaction():  # past the triggers
        db.owner.execute("set local session_replication_role = replica")
        db.owner.execute("update luckywalk.seal_nodes set hash = sha256(hash) where level = 0")
    assert not proves(db.call(walker(1), "my_ticket_proof", ticket_id=ticket.ticket_id).row)
