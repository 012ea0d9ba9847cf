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

UP, DOWN = ("migrate",), ("rollback", "--steps")


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

    def versions(self) -> int:
        if not self.rig.value("select to_regclass('dotbase.versions') is not null"):
            return 0
        return int(self.rig.value("select count(*) from dotbase.versions"))

    def state(self) -> str:
        """What is defined, and how many versions and steps the books say are applied."""
        booked = self.rig.value("select count(*) from dotbase.repeatables")
        return f"{self.versions()} {booked}\n" + "\n".join(sorted(self.rig.catalog().splitlines()))

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
        for state, arguments in (("new", UP), ("old", DOWN)):
            started = time.monotonic()
            steps = (str(victim.versions()),) if arguments is DOWN else ()
            subprocess.run(victim.command(*arguments, *steps), check=True, capture_output=True)
            victim.seconds[state] = time.monotonic() - started
            victim.states[state] = victim.state()
        assert victim.states["new"] != victim.states["old"]
        yield victim


def test_a_killed_migration_is_old_or_new(
    victim: Victim, kill_seed: int, request: pytest.FixtureRequest
) -> None:
    request.config.stash[FINDINGS].kill_seeds.append(kill_seed)
    versions = victim.versions()
    way = (*DOWN, str(versions)) if versions else UP
    goal = "old" if versions else "new"
    after = random.Random(kill_seed).uniform(0.35, 1.02) * victim.seconds[goal]
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
