"""Texts of a database that would take over the terminal of whoever looks at it.

Fault 46. Everything that a command prints goes through `dotbase.printable`.
"""

from __future__ import annotations

import json
import re
import unicodedata

import psycopg
import pytest
from psycopg import sql

from dotbase import printable
from dotbase.printable import UNSEEN
from tests.generator.small import dotbase
from tests.harness.databases import Database
from tests.harness.server import ROOT
from tests.harness.target import only_on_postgres
from tests.jobs.shop import declare, job, stock

# Clears the screen, sets the title, C1's CSI, right-to-left override, a line of its own, delete.
HOSTILE = "\x1b[2J\x1b]0;x\x07\x9b1m\u202e\u2028\r\nAll is well.\x7f"
# Words that the commands work with, which would end them; all others are texts.
WORDS = {
    *("job_name", "app", "zone", "schedule", "gmt_schedule", "status", "trigger", "catch_up", "kind"),
    *("name", "backlog_query", "triggered_by", "routine", "function", "line_name"),
}
COMMANDS = (
    ["list"],
    ["show", "work"],
    ["next", "work"],
    ["history", "work"],
    ["history", "fail"],
    ["history", "fail", "--missed"],
    ["doctor"],
    ["reschedule"],
    ["disable", "work"],
    ["enable", "work"],
)


def hidden(text: str) -> list[str]:
    """Characters of it that do something on a terminal instead of being seen."""
    return [one for one in text if unicodedata.category(one) in UNSEEN and one != "\n"]


@pytest.fixture(scope="module")
def hostile(module_db: Database) -> Database:
    """Jobs with a hostile text wherever the owner could have put one."""
    stock(module_db)
    declare(module_db.owner, job("work", routine="shop.work"), job("fail", routine="shop.fail"))
    module_db.owner.execute("select jobs.set_live(true)")
    for name in ("work", "fail"):
        module_db.run_job(name)
    owner = module_db.owner
    owner.execute(
        "insert into jobs.missed_slots"
        " (job_name, first_slot_at, last_slot_at, slots, cause, reason, noted_at)"
        " values ('fail', now(), now(), 1, 'off', 'off', now())"
    )
    checks = module_db.rows(
        "select conrelid::regclass::text as relation, quote_ident(conname) as name from pg_constraint"
        " where connamespace = 'jobs'::regnamespace and contype = 'c'"
    )
    for one in checks:
        owner.execute(f"alter table {one['relation']} drop constraint {one['name']}".encode())
    columns = module_db.rows(
        "select c.table_name as relation, c.column_name as name, c.data_type as type"
        " from information_schema.columns as c"
        " inner join information_schema.tables as t using (table_schema, table_name)"
        " where table_schema = 'jobs' and t.table_type = 'BASE TABLE'"
        " and c.data_type in ('text', 'jsonb', 'ARRAY')"
    )
    values = {"text": HOSTILE, "jsonb": json.dumps({HOSTILE: HOSTILE}), "ARRAY": [HOSTILE]}
    planted = []
    for one in columns:
        if one["name"] in WORDS:
            continue
        update = sql.SQL("update jobs.{} set {} = %s").format(
            sql.Identifier(one["relation"]), sql.Identifier(one["name"])
        )
        try:
            owner.execute(update, [values[one["type"]]])
        except psycopg.Error:
            continue
        planted.append(f"{one['relation']}.{one['name']}")
    assert {"attempts.message", "attempts.detail", "runs.reason", "jobs.description"} <= set(planted), planted
    return module_db


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@only_on_postgres("pg_cron's lines are the platform's there")
def test_the_owners_member_writes_escapes_for_the_terminal_of_who_looks_after_jobs(
    words: list[str], as_json: bool, hostile: Database
) -> None:
    url = hostile.server.conninfo(hostile.name)
    said = dotbase(ROOT, "--database-url", url, "jobs", *words, *(["--json"] if as_json else []))
    assert hidden(said.out + said.err) == []
    assert "\nAll is well." not in said.out + said.err
    if words == ["history", "fail"]:
        assert "\\u001b[2J" in said.out if as_json else "\\x1b[2J" in said.out


@pytest.mark.parametrize(
    "name", ["a\x1b[1mb", "a\nb", 'a"\u202e\\b', "a\x9b'b", "a\\\x7f", "\U000e0001", "a$$b\x07", "plain"]
)
def test_a_statement_names_the_same_when_it_is_printed(name: str, module_db: Database) -> None:
    """`drift --sql` is run by who has read it, also through a pipe."""
    with module_db.owner.transaction(force_rollback=True):
        owner = module_db.owner
        identifier = sql.Identifier(name).as_string(owner)
        literal = sql.Literal(name).as_string(owner)
        for text in (
            f"create schema {identifier}",
            f"comment on schema {identifier} is {literal}",
            f"create function {identifier}.f() returns text language sql"
            f" as $f$ select '{name[0]}' /* {name} */$f$",
        ):
            printed = printable.statement(text)
            assert [one for one in hidden(printed) if one != "\t"] == []
            owner.execute(printed.encode())
        row = owner.execute(
            "select obj_description(oid, 'pg_namespace') as comment from pg_namespace where nspname = %s",
            [name],
        ).fetchone()
        assert row == {"comment": name}
        row = owner.execute(
            "select prosrc from pg_proc where pronamespace = %s::regnamespace", [identifier]
        ).fetchone()
        assert row == {"prosrc": f" select '{name[0]}' /* {name} */"}


# What is printed as it is: SQL and a page, to be run and kept, of the project's own files.
AS_THEY_ARE = {"commands/api.py", "commands/plan.py", "commands/render.py"}
PRINTS = re.compile(r"\bclick\.(?:echo|secho)\(|\bprint\(|\bstd(?:out|err)\.write\(")
OF_A_CONSOLE = re.compile(r"\bconsole(?:\(\))?\.print\(")


def test_everything_that_is_printed_goes_through_one_function() -> None:
    """`printable.echo`; tables of rich's are made of texts that `plain` has been over."""
    package = ROOT / "generator/dotbase"
    printing = {
        str(path.relative_to(package)): PRINTS.findall(OF_A_CONSOLE.sub("", path.read_text(encoding="utf-8")))
        for path in package.rglob("*.py")
    }
    found = {path: len(calls) for path, calls in printing.items() if calls}
    assert found == dict.fromkeys(("printable.py", *AS_THEY_ARE), 1)


def test_what_nobody_spelt_out_is_spelt_out_when_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    printable.echo(f"one\n\ttwo {HOSTILE}")
    assert capsys.readouterr().out == (
        "one\n\ttwo \\x1b[2J\\x1b]0;x\\x07\\x9b1m\\u202e\\u2028\\r\nAll is well.\\x7f\n"
    )
