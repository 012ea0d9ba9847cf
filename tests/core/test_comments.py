"""Comments of routines: a sentence first, which PostgREST shows as the summary, then whole paragraphs."""

from __future__ import annotations

import re

from tests.harness.databases import Database
from tests.harness.refusals import apps

LONGEST = 100  # characters of a summary
TELLS_ERRORS = ("core.", "ledger.", "luckywalk.")
COMMENTS = """
select p.oid::regprocedure::text as routine, obj_description(p.oid, 'pg_proc') as comment
from pg_proc as p
where p.pronamespace::regnamespace::text = any (%s) and (p.pronamespace = 'api'::regnamespace or
    obj_description(p.oid, 'pg_proc') is not null)
order by 1
"""


def comments(db: Database) -> dict[str, str]:
    rows = db.rows(COMMENTS, [*apps(), "api"])
    return {row["routine"]: row["comment"] or "" for row in rows}


def is_summary(line: str) -> bool:
    return len(line) <= LONGEST and re.fullmatch(r"[A-Z].*\.", line) is not None


def test_every_routines_comment_begins_with_a_sentence_of_one_line(module_db: Database) -> None:
    found = comments(module_db)
    assert len(found) > 150
    assert {r: c for r, c in found.items() if not is_summary(c.split("\n")[0])} == {}


def test_no_paragraph_of_a_comment_is_wrapped(module_db: Database) -> None:
    described = {r: c.split("\n")[1:] for r, c in comments(module_db).items() if "\n" in c}
    assert len(described) > 50
    # A line that was broken off ends within its sentence.
    assert {r: lines for r, lines in described.items() if any(re.search(r"[^.:]$", x) for x in lines)} == {}


def test_errors_are_the_last_paragraph_of_a_comment(module_db: Database) -> None:
    found = {r: c for r, c in comments(module_db).items() if r.startswith(TELLS_ERRORS) and "Errors:" in c}
    assert len(found) > 40
    assert {r: c for r, c in found.items() if not re.search(r"\n\nErrors: [^\n]+\.$", c)} == {}
    assert {r: c for r, c in found.items() if c.count("Errors:") > 1} == {}
