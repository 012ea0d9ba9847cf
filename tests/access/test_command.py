"""`dotbase access`: the whole matrix on a terminal, as JSON and as a page that needs nothing else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

from dotbase.commands import access
from tests.access.live_matrix import LiveMatrix
from tests.generator.small import dotbase, make, refused, write
from tests.harness.declared import PROJECT
from tests.harness.server import ROOT
from tests.harness.target import only_on_postgres

ENDED = (
    "dotbase: the server ended the session: terminating connection due to administrator command; "
    "run the command again: what was not committed is undone.\n"
)
VOID = {"meta", "col", "br", "link", "img", "input"}


class Page(HTMLParser):
    """What the tests want to know of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], str]:
    path = tmp_path_factory.mktemp("access") / "access.html"
    said = dotbase(ROOT, "access", "--json", "--html", str(path))
    assert said.code == 0, said.err
    return json.loads(said.out), path.read_text()


@only_on_postgres("the command builds a plain PostgreSQL")
def test_json_has_one_object_a_cell_of_what_the_tests_execute(
    written: tuple[list[dict[str, Any]], str], live_empty: LiveMatrix
) -> None:
    cells = written[0]
    keys = ("app", "kind", "object", "column", "role", "command", "rows", "refused", "line")
    printed = [tuple(cell[key] for key in keys) for cell in cells]
    assert printed == [tuple(getattr(cell, key) for key in keys) for cell in live_empty.matrix.cells]
    assert all(cell["allowed"] is (cell["refused"] is None) for cell in cells)
    assert len(set(printed)) == len(printed)


def test_a_cell_says_the_line_that_allows_it(written: tuple[list[dict[str, Any]], str]) -> None:
    [cell] = [
        cell
        for cell in written[0]
        if (cell["object"], cell["role"]) == ("api.draw_round(round_no integer)", "authenticated")
    ]
    path, line = cell["line"].split(":")
    assert (cell["allowed"], cell["refused"]) == (False, "claim")
    assert re.search(
        r"draw_round: .*\badministrator\b", (ROOT / path).read_text().splitlines()[int(line) - 1]
    )


def test_the_page_is_whole_and_asks_for_nothing(written: tuple[list[dict[str, Any]], str]) -> None:
    cells, text = written
    page = Page(text)
    assert page.open == []
    assert ("html", {"lang": "en"}) in page.attributes
    assert not [tag for tag, _ in page.attributes if tag in ("link", "img", "iframe")]
    assert not [a for _, a in page.attributes if a.get("src") or str(a.get("href", "#"))[0] != "#"]
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    words = " ".join(page.words)
    assert {cell["object"].partition("(")[0] for cell in cells} <= set(words.split())
    marks = [a["aria-label"] for tag, a in page.attributes if "aria-label" in a and tag == "span"]
    assert "select all rows, 20 of 22 columns (policies/luckywalk.yaml:5)" in marks
    assert any(mark and mark.startswith("execute: the RPC asks for an administrator") for mark in marks)


def test_a_terminal_gets_a_table_of_every_object() -> None:
    said = dotbase(ROOT, "access")
    assert said.code == 0, said.err
    assert "\x1b" not in said.out
    for app in PROJECT.apps:
        assert f"\n{app} " in f"\n{said.out}"
    [row] = [line for line in said.out.splitlines() if " api.round_tiers " in line]
    assert row.split() == ["view", "api.round_tiers", *["select", "all"] * 3, *["–"] * 5]
    assert "asks for an administrator" in said.out


def test_a_supabase_project_gets_its_own_matrix() -> None:
    said = dotbase(ROOT, "access", "--json", "--target", "supabase")
    assert said.code == 0, said.err
    cells = json.loads(said.out)
    assert {cell["role"] for cell in cells} == {
        *("anon", "authenticated", "administrator", "service_role", "authenticator", "public"),
        "postgres",  # pg_cron's lines run as it
        "dotbase_relay",
    }
    assert any(cell["role"] == "postgres" and cell["allowed"] for cell in cells)


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    said = dotbase(ROOT, "access", "--html", str(tmp_path / "nowhere" / "x.html"))
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"dotbase: {tmp_path}/nowhere/x.html cannot be written (No such file or directory); "
        "name another file.\n"
    )


def test_a_server_that_goes_away_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(connection: psycopg.Connection[Any], *_: object) -> NoReturn:
        connection.execute("select pg_terminate_backend(pg_backend_pid())")
        raise AssertionError

    monkeypatch.setattr(access, "build", end)
    said = dotbase(ROOT, "access")
    assert (said.code, said.out, said.err) == (1, "", ENDED)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "tables:\n  carts:\n    - {role: administrator, command: select, rows: all}\n",
            "3: `tables carts 0`: administrator is a claim and no role of Postgres: only an RPC, which "
            "checks it, can be for it; fix that entry.",
        ),
        (
            "views:\n  shelves: [administrator]\n",
            "1: `views`: administrator is a claim and no role of Postgres: only an RPC, which checks it, "
            "can be for it; fix that entry.",
        ),
        (
            "functions:\n  sweep: [administrator]\n",
            "1: `functions`: administrator is a claim and no role of Postgres: only an RPC, which checks "
            "it, can be for it; fix that entry.",
        ),
        (
            "rpcs:\n  buy: [authenticated, administrator]\n",
            "1: `rpcs`: RPC buy is for administrators, or for everybody who is signed in; fix that entry.",
        ),
        (
            "tables:\n  carts:\n    - {role: service_role, command: select, rows: own}\n",
            "3: `tables carts 0`: service_role bypasses row-level security: its rows are `all`; "
            "fix that entry.",
        ),
        (
            "tables:\n  carts:\n    - {role: anon, command: select, rows: all, columns: []}\n",
            "3: `tables carts 0 columns`: no column is named: left out, they are all meant; without the "
            "line, none; fix that entry.",
        ),
        (
            "tables:\n  carts:\n    - {role: anon, command: delete, rows: all, columns: [a]}\n",
            "3: `tables carts 0`: a row is deleted whole: `delete` has no columns; fix that entry.",
        ),
    ],
)
def test_a_line_that_would_not_hold_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    project = make(tmp_path)
    write(project, "policies/shop.yaml", text)
    refused(project, f"policies/shop.yaml:{sentence}")
