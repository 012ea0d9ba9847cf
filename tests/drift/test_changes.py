"""One hand-made change of every kind is found, nothing else is, and what is offered fixes it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from dotbase.drift import roles
from tests.drift.changes import Change
from tests.drift.changes_of_access import ACCESS
from tests.drift.changes_of_code import ROUTINES, VIEWS
from tests.drift.changes_of_database import DATABASE
from tests.drift.changes_of_hidden import HIDDEN
from tests.drift.changes_of_tables import CONSTRAINTS, TABLES
from tests.drift.checks import check, check_together
from tests.drift.conftest import Find
from tests.harness.figures import count
from tests.harness.target import only_on_postgres

pytestmark = only_on_postgres("test_supabase.py compares there")

CHANGES = [*TABLES, *CONSTRAINTS, *ACCESS, *ROUTINES, *VIEWS, *DATABASE]
TOGETHER = 4  # groups: reading all that initdb made takes a second, and neighbours change the same objects


def test_nothing_is_found_where_nobody_did_anything(
    by_hand: psycopg.Connection[Any], find_everywhere: Find
) -> None:
    assert [one.sentence for one in find_everywhere(by_hand)] == []


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.kind)
def test_a_change_is_found_and_fixed(change: Change, by_hand: psycopg.Connection[Any], find: Find) -> None:
    check(change, by_hand, find)


@pytest.mark.parametrize("number", range(TOGETHER))
def test_changes_where_nobody_looks_are_found_and_fixed_together(
    number: int, by_hand: psycopg.Connection[Any], find_everywhere: Find
) -> None:
    check_together(HIDDEN[number::TOGETHER], by_hand, find_everywhere)


@pytest.mark.deep
@pytest.mark.parametrize("change", HIDDEN, ids=lambda change: change.kind)
def test_a_change_where_nobody_looks_is_found_and_fixed(
    change: Change, by_hand: psycopg.Connection[Any], find_everywhere: Find
) -> None:
    check(change, by_hand, find_everywhere)


def test_roles_that_see_everything_are_noted(by_hand: psycopg.Connection[Any]) -> None:
    by_hand.execute("create role evil superuser; create role curious; grant pg_read_all_data to curious")
    said = roles.note_of_privileged(by_hand, ["dotbase_owner", "service_role"])
    assert said is not None
    assert "evil (superuser, reads all data)" in said
    assert "curious (reads all data)" in said
    assert "dotbase_owner" not in said


def test_an_older_version_of_an_extension_is_found(by_hand: psycopg.Connection[Any], find: Find) -> None:
    # In the catalog alone: no server brings an older version to install.
    by_hand.execute("update pg_extension set extversion = '1.2' where extname = 'pgcrypto'")
    [found] = find(by_hand)
    assert found.sentence == (
        "extension pgcrypto: version: declared the newest that the server has, live 1.2"
    )
    assert found.fix == ("alter extension pgcrypto update",)
    count("kinds of drift found")


def test_a_membership_whose_rights_come_by_themselves_is_found(
    by_hand: psycopg.Connection[Any], find: Find
) -> None:
    """From 16 on; before, it is the member's attribute alone that says so."""
    statement = "grant service_role to authenticator with inherit true"
    if by_hand.info.server_version < 160000:
        with pytest.raises(psycopg.errors.SyntaxError):
            by_hand.execute(statement)
        return
    by_hand.execute(statement)
    [found] = find(by_hand)
    assert found.sentence == ("membership of authenticator in service_role: inherit: declared none, live yes")
    assert found.fix == ("grant service_role to authenticator with inherit false",)
    by_hand.execute(found.fix[0].encode())
    assert find(by_hand) == []


def test_a_password_of_who_logs_in_from_elsewhere_is_no_drift(
    by_hand: psycopg.Connection[Any], find: Find
) -> None:
    """PostgREST and the relay may run on another machine; pg_cron does not."""
    by_hand.execute("alter role authenticator password 'x'; alter role dotbase_relay password 'x'")
    assert [one.sentence for one in find(by_hand)] == []
