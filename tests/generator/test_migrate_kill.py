"""kill -9 of a migration or rollback at a random instant: the database is the old one or the new one."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.generator.conftest import new_database
from tests.generator.rig import Rig
from tests.harness.findings import FINDINGS
from tests.harness.server import ROOT, Server


@dataclass
class Victim:
    """The checkout's project as it stands now, a database for it, and its two states."""

    rig: Rig
    project: Path
    states: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        url = self.rig.server.conninfo(self.rig.name)
        project = ["--project", str(self.project), "--database-url", url]
        return [sys.executable, "-m", "dotbase.cli", *project, *arguments]

    def way(self, goal: str) -> list[str]:
        """The command that leads to a state."""
        return ["migrate"] if goal == "new" else ["rollback", "--yes", "--steps", str(self.versions())]

    def versions(self) -> int:
        if not self.rig.value("select to_regclass('dotbase.versions') is not null"):
            return 0
        return int(self.rig.value("select count(*) from dotbase.versions"))

    def state(self) -> str:
        """What is defined, and how many versions and steps the history says are applied."""
        recorded = self.rig.value("select count(*) from dotbase.repeatables")
        return f"{self.versions()} {recorded}\n" + "\n".join(sorted(self.rig.catalog().splitlines()))

    def wait_until_alone(self) -> None:
        query = (
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and backend_type = 'client backend'"
        )
        while self.rig.value(query):
            time.sleep(0.02)


@pytest.fixture(scope="module")
def victim(
    server: Server, maintenance: psycopg.Connection[Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Victim]:
    """Migrated up and down once, to know both states and how long each way takes."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "apps.yaml", project)
    for folder in ("schema", "functions", "policies", "cron"):
        shutil.copytree(ROOT / folder, project / folder)
    with new_database(server, maintenance) as rig:
        victim = Victim(rig, project)
        for state in ("new", "old"):
            started = time.monotonic()
            subprocess.run(victim.command(*victim.way(state)), check=True, capture_output=True)
            victim.seconds[state] = time.monotonic() - started
            victim.states[state] = victim.state()
        assert victim.states["new"] != victim.states["old"]
        yield victim


@pytest.mark.parametrize("goal", ["new", "old"])
def test_a_killed_migration_or_rollback_leaves_the_old_or_the_new(
    victim: Victim, goal: str, kill_seed: int, request: pytest.FixtureRequest
) -> None:
    request.config.stash[FINDINGS].kill_seeds.append(kill_seed)
    other = "old" if goal == "new" else "new"
    if victim.state() != victim.states[other]:
        subprocess.run(victim.command(*victim.way(other)), check=True, capture_output=True)
    way = victim.way(goal)
    after = random.Random(f"{kill_seed} {goal}").uniform(0.3, 0.95) * victim.seconds[goal]
    process = subprocess.Popen(victim.command(*way), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    victim.wait_until_alone()
    found = [name for name, state in victim.states.items() if state == victim.state()]
    ended = "killed" if process.returncode else "ended"
    print(f"{way[0]}, seed {kill_seed}: {ended} after {after:.3f} s: {' '.join(found) or 'BETWEEN'}")
    assert len(found) == 1
    assert process.returncode != 0 or found == [goal]
