"""Profiles: a nickname that everybody can read and nobody can fake."""

from __future__ import annotations

import unicodedata

import pytest

from tests.harness.databases import Database
from tests.harness.people import Person, anon, walker

GOOD = [
    "a",
    "김하늘",
    "걷기왕 77",
    "Ana María",
    "O'Neil; drop table",
    "x" * 30,
    "가" * 30,
    "🚶🏽",
    "日本語",
    "é",
]
BLANK = [
    " ",
    "   ",
    "\u00a0",
    "\u3000",
    "\u2003",
    "\u3164",
    "\u115f\u1160",
    "\uffa0",
    "\u2800",
    "\u200b",
    "\u2060",
]
TURNED = ["abc\u202egpj", "\u2066admin\u2069", "a\u200fb", "a\u061cb", "\u202aa\u202c"]
UNSEEN = [
    "ad\u200bmin",
    "ad\u200dmin",
    "\ufeffadmin",
    "ad\u00admin",
    "a\u034fb",
    "a\u180eb",
    "a\U000e0041b",
    "a\ufff9b",
]
CONTROL = ["a\nb", "a\tb", "\u0007", "a\u0085b", "a\u2028b", "\u001b[31m", "a\u007f"]
EDGED = [" a", "a ", "\u00a0a", "a\u3000", "a\u2009", "\u1680a"]


@pytest.mark.parametrize("nickname", GOOD, ids=ascii)
def test_a_nickname_in_any_script_is_kept_as_written(
    week_db: Database, person: Person, nickname: str
) -> None:
    saved = week_db.call(person, "save_walker_profile", nickname=nickname).row
    assert saved["nickname"] == nickname
    assert saved["user_id"] == str(person.user_id)
    assert week_db.call(person, "my_walker_profile").row == saved


@pytest.mark.parametrize(
    "nickname", ["", None, "x" * 31, *BLANK, *TURNED, *UNSEEN, *CONTROL, *EDGED], ids=ascii
)
def test_a_nickname_that_is_blank_too_long_or_hides_something_is_refused(
    week_db: Database, person: Person, nickname: str | None
) -> None:
    refused = week_db.call(person, "save_walker_profile", nickname=nickname)
    assert (refused.status, refused.code) == (400, "walker_nickname_invalid")
    assert week_db.call(person, "my_walker_profile").code == "walker_profile_not_found"


def test_no_character_that_unicode_calls_invisible_or_turning_passes(week_db: Database) -> None:
    kinds = {"Cc", "Cf", "Zl", "Zp"}
    # Prepended marks of Arabic, Syriac and Kaithi, hieroglyphs and shorthand: format characters that show.
    shown = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    ranges = [range(0x13430, 0x13440), range(0x1BCA0, 0x1BCA4), range(0x1D173, 0x1D17B)]
    hidden = [
        chr(n)
        for n in range(1, 0x110000)
        if unicodedata.category(chr(n)) in kinds and n not in shown and not any(n in r for r in ranges)
    ]
    condition = week_db.value(
        "select pg_get_expr(conbin, conrelid) from pg_constraint where conname = %s",
        "user_profiles_nickname_is_printable",
    )
    passed = week_db.rows(
        "select nickname from unnest(%s::text[]) as c (hidden), "
        f"lateral (select 'a' || hidden || 'b' as nickname) as n where {condition}",
        hidden,
    )
    assert [ascii(row["nickname"]) for row in passed] == []
    assert len(hidden) > 150


def test_a_profile_is_changed_and_keeps_its_beginning(db: Database) -> None:
    db.clock("2025-01-01 09:00")
    first = db.call(walker(1), "save_walker_profile", nickname="before").row
    db.clock("2025-01-02 09:00")
    second = db.call(walker(1), "save_walker_profile", nickname="after").row
    assert second == {**first, "nickname": "after"}
    stored = db.rows("select created_at < updated_at as changed from luckywalk.user_profiles")
    assert stored == [{"changed": True}]


def test_two_walkers_may_have_the_same_nickname(week_db: Database) -> None:
    for number in (1, 2):
        assert week_db.call(walker(number), "save_walker_profile", nickname="same").row["nickname"] == "same"


def test_nobody_sees_anothers_profile(week_db: Database, person: Person) -> None:
    assert week_db.call(walker(1), "save_walker_profile", nickname="mine").ok
    assert (refused := week_db.call(person, "my_walker_profile")).status == 404
    assert refused.code == "walker_profile_not_found"
    assert week_db.call(anon, "my_walker_profile").status == 401
