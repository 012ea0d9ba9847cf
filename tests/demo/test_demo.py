"""The demo, small: it runs from the command line, its recount is equal, and finds what is tampered with."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from demo import recount
from demo.recreation import recreate, remember
from dotbase.errors import DotbaseError
from tests.harness.server import ROOT, Server

WALKERS, ROUNDS = 12, 2


@pytest.fixture(scope="module")
def throwaway(server: Server, maintenance: psycopg.Connection[Any]) -> Iterator[str]:
    """The URL of a database that is not there yet and will not stay."""
    name = f"dotbase_demo_test_{os.getpid()}"
    yield server.conninfo(name)
    maintenance.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def run_demo(url: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo", "--walkers", str(WALKERS), "--rounds", str(ROUNDS), "--json"]
    command += ["--report", str(folder / "report.html"), "--export", str(folder / "export"), *more]
    environment = {**os.environ, "DATABASE_URL": url}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def demo(throwaway: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What a small demo printed, and the folder with its report and export."""
    folder = tmp_path_factory.mktemp("demo")
    done = run_demo(throwaway, folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), folder


@pytest.fixture
def export(demo: tuple[dict[str, Any], Path], tmp_path: Path) -> Path:
    """A copy of the export, to tamper with."""
    shutil.copytree(demo[1] / "export", tmp_path / "export")
    return tmp_path / "export"


def change(file: Path, row: int, edit: Callable[[dict[str, str]], object]) -> None:
    """Edit one row of a CSV file."""
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    edit(rows[row])
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_small_demo_adds_up(demo: tuple[dict[str, Any], Path]) -> None:
    found, _ = demo
    assert found["equal"] is True
    assert [line["round_no"] for line in found["rounds"]] == [1237, 1238]
    assert found["tickets_given"] == found["waiting"] + sum(line["tickets"] for line in found["rounds"])
    assert found["calls"]["claim_steps"] > found["tickets_given"] > 300
    assert found["proofs"] == ROUNDS
    assert all(ok for _, ok, _ in found["books"])


def test_every_ticket_came_from_an_rpc_call_and_one_round_was_corrected(
    demo: tuple[dict[str, Any], Path],
) -> None:
    found, _ = demo
    assert found["tickets_match"] is True
    assert found["calls"]["enter_draw_result"] == ROUNDS
    assert found["calls"]["correct_draw_result"] == 1
    assert [line["corrected"] for line in found["rounds"]] == [False, True]


def test_the_page_is_self_contained(demo: tuple[dict[str, Any], Path]) -> None:
    page = (demo[1] / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "http" not in page
    assert "<script" not in page


def test_elsewhere_than_in_pg_crons_database_schedules_are_not_live(
    demo: tuple[dict[str, Any], Path],
) -> None:
    found, _ = demo
    assert found["live"] is False
    assert {job["job"] for job in found["schedules"]} >= {
        "create_new_round",
        "close_round",
        "draw_apply_results",
    }


def test_the_recount_runs_on_its_own(export: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo.recount", str(export)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "all of it: equal"


@pytest.mark.parametrize(
    ("file", "column", "value"),
    [
        ("put_in/tickets.csv", "mask", "126"),
        ("put_in/claims.csv", "step", "11000"),
        ("put_in/claims.csv", "claimed_at", "2026-08-15 11:00:01+00"),
        ("put_in/steps.csv", "steps", "-1"),
        ("came_out/rounds.csv", "total_tickets", "1"),
        ("came_out/rounds.csv", "seal_root", "00"),
        ("came_out/rounds.csv", "remainder", "0"),
        ("came_out/round_tiers.csv", "winners_count", "7"),
        ("came_out/results.csv", "tier", "1"),
        ("came_out/transfers.csv", "amount", "1"),
        ("came_out/transfers.csv", "credit_account", "luckywalk.prizes"),
        ("came_out/balances.csv", "balance", "1000000"),
    ],
)
def test_the_recount_finds_one_tampered_value(export: Path, file: str, column: str, value: str) -> None:
    assert recount.count(export).is_equal
    change(export / file, 0, lambda row: row.update({column: value}))
    assert not recount.count(export).is_equal


def test_the_recount_finds_a_ticket_more_and_a_ticket_less(export: Path) -> None:
    tickets = export / "put_in" / "tickets.csv"
    lines = tickets.read_text().splitlines()
    own = lines[1].split(",")
    added = [*lines, ",".join(["00000000-0000-4000-8000-000000000000", *own[1:]])]
    tickets.write_text("\n".join(added) + "\n")
    assert not recount.count(export).is_equal
    tickets.write_text("\n".join(lines[:-1]) + "\n")
    assert not recount.count(export).is_equal


def test_data_that_no_demo_made_is_refused_in_one_sentence(
    demo: tuple[dict[str, Any], Path], throwaway: str, tmp_path: Path
) -> None:
    with psycopg.connect(throwaway, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(sql.SQL("comment on database {} is null").format(sql.Identifier(name)))
        done = run_demo(throwaway, tmp_path)
        assert connection.execute("select from luckywalk.tickets limit 1").rowcount == 1
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"demo: the database {name} holds what no demo made: rows in ")
    assert "--yes" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("added", "taken"),
    [
        ("create table public.mine (x int)", "drop table public.mine"),
        ("create function public.mine() returns int return 1", "drop function public.mine()"),
        (
            "insert into luckywalk.user_profiles values (gen_random_uuid(), 'mine', now(), now())",
            "delete from luckywalk.user_profiles where nickname = 'mine'",
        ),
    ],
)
def test_what_came_after_the_demo_is_refused(
    demo: tuple[dict[str, Any], Path], throwaway: str, added: str, taken: str
) -> None:
    with psycopg.connect(throwaway, autocommit=True) as connection:
        remember(throwaway)
        connection.execute(added.encode())
        with pytest.raises(DotbaseError, match="added or changed after the demo"):
            recreate(throwaway, may_drop_data=False)
        connection.execute(taken.encode())
        mark = (
            "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
        )
        before = connection.execute(mark.encode()).fetchone()
    remember(throwaway)
    with psycopg.connect(throwaway) as connection:
        assert connection.execute(mark.encode()).fetchone() == before
