"""The RPC that walkers use most, `claim_steps`, beside a bare insert in the same PostgREST transaction."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.house import CLUSTER, ROOT, House
from benchmarks.samples import Comparison, Run
from dotbase import cluster
from dotbase.cluster import binaries
from dotbase.errors import DotbaseError

CLIENTS = 8
LEAST = 0.4  # of the floor's transactions a second
SCRIPTS = Path(__file__).parent / "scripts"
WALKERS = 10_000  # a client: ten claims each
TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
COUNT = re.compile(r"transactions actually processed: (\d+)")

# Today's and tomorrow's, in case the measurement runs through midnight or a closing time.
PREPARE = (
    """
    insert into luckywalk.rounds
    select (r.planned).*
    from (
        select jsonb_populate_record(
            luckywalk.planned_round(d.round_no),
            jsonb_build_object(
                'opens_at', now() - interval '1 day', 'closes_at', now() + interval '1 day',
                'draws_at', now() + interval '2 days', 'settles_at', now() + interval '3 days'
            )
        ) as planned
        from (
            select distinct luckywalk.round_no_of_day(core.business_day() + n) as round_no
            from generate_series(0, 1) as n
        ) as d
    ) as r
    """,
    "select luckywalk.open_due_round(r.round_no) from luckywalk.rounds as r where r.status = 'scheduled'",
    """
    select core.ensure_month(p.parent, core.business_day() + n)
    from generate_series(0, 1) as n
    cross join (values ('luckywalk.daily_progress'::regclass), ('luckywalk.claims'::regclass)) as p (parent)
    """,
    f"""
    insert into luckywalk.daily_progress (user_id, day, steps, updated_at)
    select
        ('00000000-0000-4000-8000-' || lpad((c * 1000000 + w)::text, 12, '0'))::uuid,
        core.business_day() + n,
        10000,
        now()
    from generate_series(0, {CLIENTS - 1}) as c
    cross join generate_series(0, {WALKERS}) as w
    cross join generate_series(0, 1) as n
    """,
    # As wide as the claim that the RPC keeps; nothing else: no key, no check, no policy.
    "create table api.floor_claims as select * from luckywalk.claims where false",
    "grant insert, select on api.floor_claims to authenticated",
    "vacuum analyze luckywalk.daily_progress",
)


def measure(house: House, seconds: int, runs: int, say: Callable[[str], None]) -> Comparison:
    """Both scripts by turns, each for this many seconds."""
    say("claims: walkers report their steps")
    for statement in PREPARE:
        house.owner.execute(statement.encode())
    house.settle_down()
    done = 0
    samples: list[Run] = []
    _pgbench(house, "claim.sql", 1, done)
    done = 1000
    for number in range(runs):
        say(f"claims: run {number + 1} of {runs}")
        floor, _ = _pgbench(house, "insert.sql", seconds, done)
        measured, claims = _pgbench(house, "claim.sql", seconds, done)
        done += 2 * claims // CLIENTS  # clients are not equally quick
        if done > WALKERS * 10 * 0.8:
            break
        samples.append(Run(measured, floor))
    return Comparison(
        f"claim through the RPC, {CLIENTS} clients",
        "bare insert of a row as wide in the same transaction",
        "/s",
        samples,
        at_least=LEAST,
    )


def _pgbench(house: House, script: str, seconds: int, first: int) -> tuple[float, int]:
    """Transactions a second, and how many; each client goes on with its walkers from the first given."""
    program = binaries.installed()[-1].program("pgbench")
    url = cluster.local_url(CLUSTER, house.name, user="authenticator", root=ROOT)
    threads = min(CLIENTS, os.cpu_count() or 1)
    command = [program, "-n", "-M", "prepared", "-c", CLIENTS, "-j", threads, "-T", seconds]
    command += ["-D", f"n={first}", "-f", SCRIPTS / script, url]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    tps, count = TPS.search(done.stdout), COUNT.search(done.stdout)
    if done.returncode != 0 or tps is None or count is None:
        raise DotbaseError(
            f"pgbench failed: {done.stderr.strip().splitlines()[-1:]}",
            "run it again",
            f"benchmarks/scripts/{script}",
        )
    return float(tps[1]), int(count[1])
