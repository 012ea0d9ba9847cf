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
    "select $ä1$ ; $ä1$, $1$$;$$",
    "select 1 as \N{WINKING FACE}$$\n, 2 as b$$",
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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # No letter to Python, and one to the server: what follows is no body.
        ("analyze \N{WINKING FACE}$$; reset role; select 1 as a$$", ["analyze", "reset", "select"]),
        ("-- one\r commit;", ["commit"]),
        ("begin\N{NO-BREAK SPACE}; commit", ["begin\N{NO-BREAK SPACE}", "commit"]),
    ],
)
def test_no_statement_hides_from_us_that_the_server_sees(text: str, found: list[str]) -> None:
    """Faults 5 and 40."""
    assert [statement.words[0] for statement in statements(text)] == found
