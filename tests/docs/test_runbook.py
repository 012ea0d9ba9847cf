"""The runbook: its queries run, its registry is what is declared, its curl is one that the RPC accepts."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import blocks, pages
from tests.harness.databases import Database
from tests.harness.figures import count
from tests.harness.people import anon
from tests.harness.refusals import rolled_back
from tests.harness.target import OWNER
from tests.jobs.shop import declare, job, stock

PAGE = "docs/runbook.md"
SECRET = 'it\'s $ecret | "quoted"'
# Answers with what it was given, as curl would send it.
CURL = "#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n"


@pytest.fixture
def shop(module_db: Database) -> Iterator[Database]:
    """The migrated database; what a test does is taken back."""
    with rolled_back(module_db.owner):
        yield module_db


@pytest.mark.parametrize("query", blocks(PAGE, "sql"), ids=lambda q: " ".join(q.split())[:60])
def test_a_query_runs_for_the_owner(query: str, shop: Database) -> None:
    shop.owner.execute(f"set local role {OWNER}".encode())
    shop.owner.execute(query.encode())
    count("queries of the pages run")


def test_the_registry_is_what_is_declared(shop: Database) -> None:
    table = re.findall(r"^\| `(\w+)` \| [^|]+ \| (\d+ \w+) \|", pages()[PAGE], re.MULTILINE)
    limits = shop.rows("select job_name, time_limit from jobs.jobs where removed_at is null")
    assert {name: _seconds(limit) for name, limit in table} == {
        row["job_name"]: row["time_limit"].total_seconds() for row in limits
    }


def test_the_page_tells_every_kind_of_event(shop: Database) -> None:
    known = shop.value(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'events_kind_known'"
    )
    kinds = set(re.findall(r"'(\w+)'", known))
    assert kinds
    assert {kind for kind in kinds if f"`{kind}`" not in pages()[PAGE]} == set()


def test_the_rpc_accepts_what_the_page_signs(db: Database, tmp_path: Path) -> None:
    stock(db)
    declare(db.owner, job("work", routine="shop.work", triggered_by=["signature"]))
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute("select core.set_secret('cron_secret', %s)", [SECRET])
    [block] = blocks(PAGE, "shell")
    headers, body, url = _sent(block, tmp_path, SECRET)
    assert url == "https://example.com/rpc/trigger_job"
    answer = db.raw_call(anon.sending(**headers), "trigger_job", body)
    assert (answer.status, answer.body["success"], answer.body["status"]) == (200, True, "queued"), (
        answer.body
    )
    assert db.raw_call(anon.sending(**headers), "trigger_job", body).status == 401, "good once"
    headers, body, _ = _sent(block, tmp_path, "another")
    assert db.raw_call(anon.sending(**headers), "trigger_job", body).status == 401


def _sent(block: str, folder: Path, secret: str) -> tuple[dict[str, str], str, str]:
    """Headers, body and address that the page's own lines hand to curl."""
    curl = folder / "curl"
    curl.write_text(CURL)
    curl.chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "JOB": "work",
        "CRON_SECRET": secret,
        "API_URL": "https://example.com",
    }
    said = subprocess.run(
        ["bash", "-euc", block], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    given = json.loads(said.stdout)
    headers = dict(given[i + 1].split(": ", 1) for i, argument in enumerate(given) if argument == "-H")
    [url] = [argument for argument in given if argument.startswith("https://")]
    return {k.replace("-", "_"): v for k, v in headers.items()}, given[given.index("-d") + 1], url


def _seconds(limit: str) -> float:
    number, unit = limit.split()
    return float(number) * {"s": 1, "min": 60}[unit]
