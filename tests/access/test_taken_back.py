"""Rendered steps, applied again over an older database, take back what left the declarations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.access.callers import Session, sessions
from tests.harness import templates
from tests.harness.databases import Database
from tests.harness.target import OWNER, SUPERUSER

# Given to anon and to a login of one's own, as a line that is gone by now gave it.
GIVEN = (
    "grant usage on schema luckywalk, api to {}",
    "grant select, update on luckywalk.tickets to {}",
    "grant update (status) on luckywalk.rounds to {}",
    "grant execute on function luckywalk.quick_pick() to {}",
    "grant execute on function api.my_tickets to {}",
    "grant delete on api.round_tiers to {}",
)
# How each is used, and on what the right is that must be missing then.
USES = {
    "select from luckywalk.tickets": ("luckywalk", "tickets", "table"),
    "update luckywalk.tickets set mask = default": ("luckywalk", "tickets", "table"),
    "update luckywalk.rounds set status = default": ("luckywalk", "rounds", "table"),
    "select luckywalk.quick_pick()": ("luckywalk", "quick_pick", "function"),
    "select * from api.my_tickets(null)": ("api", "my_tickets", "function"),
    "delete from api.round_tiers": ("api", "round_tiers", "view"),
}


@pytest.fixture
def given(db: Database, stranger: str) -> Iterator[dict[str, Session]]:
    name = sql.Identifier(str(conninfo_to_dict(stranger)["user"]))
    for grant in GIVEN:
        for role in (sql.Identifier("anon"), name):
            db.owner.execute(sql.SQL(grant).format(role))
    with sessions(db.server, db.name, stranger) as opened:
        yield opened
    with db.server.connect(db.name, user=SUPERUSER) as connection:
        connection.execute(sql.SQL("drop owned by {}").format(name))


def stopped(session: Session, use: str) -> bool:
    """Whether a right on the object itself is missing, not on what it reads."""
    refusal = session.attempt(use)
    return refusal is not None and refusal.names(*USES[use])


def test_what_no_line_gives_any_more_is_taken_back(db: Database, given: dict[str, Session]) -> None:
    def refused() -> list[tuple[str, str]]:
        return [
            (caller, use) for caller in ("anon", "plain login") for use in USES if stopped(given[caller], use)
        ]

    assert refused() == []
    nothing = "select from luckywalk.nothing_of_this_name"
    assert str(given["plain login"].attempt(nothing)).startswith("42P01")
    steps = [step for step in templates.steps(db.server) if step.key.startswith("policies/luckywalk")]
    with db.server.connect(db.name) as connection:
        templates.apply(connection, steps, OWNER)
    shut = given["plain login"].attempt(nothing)
    assert shut is not None
    assert shut.message == "permission denied for schema luckywalk"
    # Opened again, each object has to stand for itself.
    db.owner.execute("grant usage on schema luckywalk to public")
    assert refused() == [(caller, use) for caller in ("anon", "plain login") for use in USES]
