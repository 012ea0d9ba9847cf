"""Statements are cut as the server cuts them."""

from __future__ import annotations

import pytest

from dotbase.render.sql_text import statements

WHOLE = [
    "select ';' , e'\\';', U&'a;', $$;$$, $x$ ; $$ ; $x$, \";\"",
    "select 1 /* ; /* ; */ ; */ + 1 -- ;\n + 2",
    "create function f() returns int language plpgsql as $$ begin return 1; end; $$",
    "create function f() returns int begin atomic select case when true then 1 end; select 2; end",
    "create procedure p() begin atomic; end",
    "create rule r as on insert to t do (insert into a values (1); insert into b values (2))",
    "select 'it''s; fine', 'back\\'",
    "select 1 as begin_atomic, a[1]",
]


@pytest.mark.parametrize("text", WHOLE)
def test_a_semicolon_inside_ends_no_statement(text: str) -> None:
    """Fault 5."""
    found = list(statements(f"-- one; two\n{text};\n/* ; */ select 2;;"))
    assert len(found) == 2
    assert found[1].words == ("select", "2") or found[1].words == ("select",)


def test_a_statement_begins_behind_its_comments() -> None:
    """Fault 5. Its line is told."""
    text = "-- a\n\n/* b */\nselect 1;\n-- c\nbegin;"
    first, second = statements(text)
    assert text[first.start : first.end] == "select 1"
    assert (text[second.start : second.end], second.words) == ("begin", ("begin",))
