"""The seal in plain Python, written from its description alone, for a round and for a proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from tests.harness.databases import Database
from tests.luckywalk.weeks import Week

CHUNK = 64


class Ticket(NamedTuple):
    """What a leaf is made of."""

    ticket_id: UUID
    user_id: UUID
    round_no: int
    mask: int

    @property
    def leaf(self) -> bytes:
        """sha256(0x00, ticket uuid, user uuid, round int4, mask int8), big-endian."""
        numbers = self.round_no.to_bytes(4, "big") + self.mask.to_bytes(8, "big")
        return sha256(b"\x00" + self.ticket_id.bytes + self.user_id.bytes + numbers).digest()


def tickets_of(db: Database, week: Week) -> list[Ticket]:
    """The stored tickets of a round, in no order."""
    rows = db.rows(
        "select ticket_id, user_id, round_no, mask from luckywalk.tickets where round_no = %s", week.round_no
    )
    return [Ticket(**row) for row in rows]


def root_of(tickets: Sequence[Ticket]) -> bytes:
    """The root over these tickets: chunks of 64 leaves by ticket id, then pairs, an odd node promoted."""
    leaves = [ticket.leaf for ticket in sorted(tickets, key=lambda ticket: ticket.ticket_id.bytes)]
    level = [
        sha256(b"\x01" + b"".join(leaves[start : start + CHUNK])).digest()
        for start in range(0, len(leaves), CHUNK)
    ]
    while len(level) > 1:
        level = [
            sha256(b"\x02" + level[n] + level[n + 1]).digest() if n + 1 < len(level) else level[n]
            for n in range(0, len(level), 2)
        ]
    return level[0] if level else sha256(b"").digest()


def proves(proof: Mapping[str, Any]) -> bool:
    """Whether a proof, as the RPC gives it, leads from its ticket to its root."""
    own = Ticket(UUID(proof["ticket_id"]), UUID(proof["user_id"]), proof["round_no"], proof["mask"])
    leaves = [bytes.fromhex(leaf) for leaf in proof["chunk_leaves"]]
    leaves.insert(proof["leaf_index"], own.leaf)
    node = sha256(b"\x01" + b"".join(leaves)).digest()
    for step in proof["path"]:
        sibling = bytes.fromhex(step["hash"])
        node = sha256(b"\x02" + (sibling + node if step["side"] == "left" else node + sibling)).digest()
    return node == bytes.fromhex(proof["seal_root"])


def bytes_of(proof: Mapping[str, Any]) -> int:
    """How many bytes of hashes a proof has, the root not counted."""
    return 32 * (len(proof["chunk_leaves"]) + len(proof["path"]))
