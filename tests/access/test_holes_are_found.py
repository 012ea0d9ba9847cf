"""Holes of every kind, opened one at a time: the executed matrix finds exactly that hole and nothing else.

Opened by hand in the database, as a slip or an attacker would: the declarations stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.access import notes
from tests.access.conftest import OPEN, SHUT
from tests.access.holes import ADMINISTRATORS, HOLES, Hole
from tests.access.live_matrix import LiveMatrix, live_matrix, report
from tests.access.test_beyond import NEWCOMERS, OPEN_BY_DEFAULT, assert_denied
from tests.access.whole_matrix import whole_matrix
from tests.harness.databases import Database
from tests.harness.declared import POLICIES
from tests.harness.depth import DEEP, deeper
from tests.harness.figures import count
from tests.harness.target import OWNER, SUPABASE


@pytest.fixture(scope="module")
def sound(filled: Database, stranger: str) -> Iterator[LiveMatrix]:
    """Rows of every app, and the app of notes, without a hole; every schema open."""
    declared = [*POLICIES, notes.install(filled)]
    with live_matrix(filled, stranger, declared) as live:
        yield live


@deeper
@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: hole.name.replace(" ", "-"))
def test_the_matrix_finds(sound: LiveMatrix, hole: Hole) -> None:
    hand = sound.superuser  # A slip by hand is a superuser's.
    undo = hole.undo or sound.value("select pg_get_functiondef(%s::regprocedure)", ADMINISTRATORS)
    opened = [thing.title for thing in sound.of_kind("schema")] if hole.schemas_open else []
    # Where else nothing is to be found: in the app of notes, and in `make test-deep` everywhere.
    others = {thing.title for thing in sound.objects.values() if "notes" in thing.title}
    searched = None if DEEP else others | {name for _, _, name, _ in hole.expected(sound.matrix)}
    try:
        for schema in opened:
            hand.execute(OPEN.format(schema).encode())
        hand.execute(hole.sql.encode())
        findings = whole_matrix(sound, schemas_open=hole.schemas_open, only=searched)
    finally:
        hand.execute(undo.encode())
        for schema in opened:
            hand.execute(SHUT.format(schema).encode())
    found = {(one.caller, one.command, one.object, one.column) for one in findings}
    assert hole.expected(sound.matrix)
    assert found == hole.expected(sound.matrix), report(findings)
    count("holes in access opened and found")


@pytest.mark.parametrize("schemas_open", [False, True])
def test_without_a_hole_it_finds_nothing(sound: LiveMatrix, schemas_open: bool) -> None:
    opened = [thing.title for thing in sound.of_kind("schema")] if schemas_open else []
    for schema in opened:
        sound.superuser.execute(OPEN.format(schema).encode())
    try:
        findings = whole_matrix(sound, schemas_open=schemas_open)
    finally:
        for schema in opened:
            sound.superuser.execute(SHUT.format(schema).encode())
    assert not findings, report(findings)


@pytest.mark.skipif(SUPABASE, reason=OPEN_BY_DEFAULT)
def test_a_default_privilege_that_gives_new_functions_away_is_seen(sound: LiveMatrix) -> None:
    owner = sound.db.owner
    opened = f"alter default privileges for role {OWNER} grant execute on functions to public"
    call = NEWCOMERS["function"][1][0].format(schema="api")
    try:
        owner.execute(opened.encode())
        owner.execute(f"set role {OWNER}".encode())
        owner.execute(NEWCOMERS["function"][0].format(schema="api").encode())
        owner.execute("reset role")
        with pytest.raises(AssertionError, match="went through"):
            assert_denied(sound.sessions["anon"].attempt(call), call)
    finally:
        owner.execute("reset role")
        owner.execute("drop function if exists api.deed()")
        owner.execute(opened.replace(" grant ", " revoke ").replace(" to public", " from public").encode())
    count("holes in access opened and found")
