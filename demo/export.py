"""The export that the recount reads: what was put in, and apart from it what the database says came out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg

from demo.draws import DRAWS_FILE

# What people and chance put in. No round, no tier, no prize.
PUT_IN = {
    "steps": "select user_id, day, steps from luckywalk.daily_progress",
    "claims": "select user_id, day, step, ticket_id, banked_mask, claimed_at from luckywalk.claims",
    "tickets": "select ticket_id, user_id, mask from luckywalk.tickets",
}
# What the database made of it: only ever compared with.
CAME_OUT = {
    "rounds": "select round_no, status, total_tickets, encode(seal_root, 'hex') as seal_root, winners_count, "
    "paid, remainder from luckywalk.rounds order by round_no",
    "round_tiers": "select round_no, tier, winners_count, prize_each, remainder from luckywalk.round_tiers",
    "results": "select user_id, round_no, ticket_id, tier from luckywalk.results_user",
    "transfers": "select user_id, transfer_key, debit_account, credit_account, amount from ledger.transfers",
    "balances": "select user_id, account, balance from ledger.balances",
}


def write(connection: psycopg.Connection[Any], directory: Path) -> None:
    """Write the files into `put_in/` and `came_out/` of the directory, in place of earlier ones."""
    connection.execute("set timezone = 'UTC'")
    for part, queries in (("put_in", PUT_IN), ("came_out", CAME_OUT)):
        folder = directory / part
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, query in queries.items():
            statement = f"copy ({query}) to stdout with (format csv, header)".encode()
            with (folder / f"{name}.csv").open("wb") as file, connection.cursor().copy(statement) as copy:
                for block in copy:
                    file.write(block)
    shutil.copyfile(DRAWS_FILE, directory / "put_in" / "draws.csv")
