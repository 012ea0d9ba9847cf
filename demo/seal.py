"""The seal of a round, worked out as docs say, from the tickets alone."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

CHUNK = 64


def leaf(ticket_id: str, user_id: str, round_no: int, mask: int) -> bytes:
    """sha256(0x00, ticket id, user id, round, mask), big-endian."""
    ids = bytes.fromhex((ticket_id + user_id).replace("-", ""))
    return sha256(b"\x00" + ids + round_no.to_bytes(4) + mask.to_bytes(8)).digest()


def root(round_no: int, tickets: Mapping[str, tuple[str, int]]) -> bytes:
    """The Merkle root over the tickets in the order of their ids: chunks of 64 leaves, then pairs."""
    in_order = sorted(tickets.items())
    leaves = [leaf(ticket_id, user_id, round_no, mask) for ticket_id, (user_id, mask) in in_order]
    chunks = range(0, len(leaves), CHUNK)
    nodes = [sha256(b"\x01" + b"".join(leaves[start : start + CHUNK])).digest() for start in chunks]
    if not nodes:
        return sha256(b"").digest()
    while len(nodes) > 1:
        nodes = [_parent(nodes[place : place + 2]) for place in range(0, len(nodes), 2)]
    return nodes[0]


def proves(proof: Mapping[str, Any]) -> bool:
    """Whether the answer of `my_ticket_proof` leads from its ticket to the root that it names."""
    own = leaf(proof["ticket_id"], str(UUID(proof["user_id"])), proof["round_no"], proof["mask"])
    others = [bytes.fromhex(text) for text in proof["chunk_leaves"]]
    leaves = [*others[: proof["leaf_index"]], own, *others[proof["leaf_index"] :]]
    node = sha256(b"\x01" + b"".join(leaves)).digest()
    for step in proof["path"]:
        sibling = bytes.fromhex(step["hash"])
        node = _parent([sibling, node] if step["side"] == "left" else [node, sibling])
    return node.hex() == str(proof["seal_root"])


def _parent(nodes: list[bytes]) -> bytes:
    return nodes[0] if len(nodes) == 1 else sha256(b"\x02" + b"".join(nodes)).digest()
