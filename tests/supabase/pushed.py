"""Two databases side by side: one lives through the rendered files, as psql runs them, one is migrated."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.generator import small
from tests.generator.rig import catalog_text
from tests.generator.small import Said
from tests.harness.supabase import ADMIN
from tests.supabase import platform
from tests.supabase.platform import SupabaseDatabase

HISTORY = """
select jsonb_build_array('release', release_id, direction, tool_version, target, clock, master_key_file)
from dotbase.releases
union all
select jsonb_build_array('version', version, app, position, release_id, source_sha, up_sql, down_sql, state)
from dotbase.versions
union all
select jsonb_build_array('step', key, app, position, sha, sql, objects, access, release_id)
from dotbase.repeatables
union all
select jsonb_build_array('history', key, release_id, app, position, sql)
from dotbase.repeatable_history
"""


def apply(database: SupabaseDatabase, path: Path) -> None:
    """Run a file as a person would, each statement by itself."""
    program = shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql"
    where = database.server.conninfo(database.name)
    command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", where, "-f", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{path.name}: {done.stderr}"


def defined(database: SupabaseDatabase) -> set[str]:
    """Everything that is defined, whose it is and who may use it, and the history."""
    with database.server.connect(database.name, user=ADMIN) as admin:
        admin.execute("set search_path = ''")
        defined = catalog_text(admin).splitlines()
        recorded = [json.dumps(row[0], sort_keys=True) for row in admin.execute(HISTORY.encode())]
    return {*defined, *recorded, *database.snapshot(ours=True)}


@dataclass
class Pair:
    """A project, its folder of migrations, and the two databases."""

    project: Path
    out: Path
    pushed: SupabaseDatabase
    migrated: SupabaseDatabase

    @property
    def migrations(self) -> list[Path]:
        """The files, in order."""
        return sorted((self.out / "supabase/migrations").glob("*.sql"))

    def render(self, *arguments: str) -> Said:
        """Render for Supabase into the folder."""
        return small.dotbase(
            self.project, "render", "--target", "supabase", "--out", str(self.out), *arguments
        )

    def change(self, *arguments: str) -> list[Path]:
        """Render what has changed, run it here, migrate there: the same; and there is nothing left to do."""
        before = {path: path.read_bytes() for path in self.migrations}
        said = self.render(*arguments)
        assert said.code == 0, said.err
        assert {path: path.read_bytes() for path in before} == before
        new = [path for path in self.migrations if path not in before]
        for path in new:
            apply(self.pushed, path)
        self.migrate(self.migrated)
        assert not (difference := self.difference()), difference
        assert "Nothing to do" in self.migrate(self.pushed)
        assert "No new migration" in self.render().out
        return new

    def difference(self) -> str:
        """What one of the databases has and the other has not."""
        return "\n".join(sorted(defined(self.pushed) ^ defined(self.migrated)))

    def roll_back(self) -> None:
        """Undo the last version in both."""
        for database in (self.pushed, self.migrated):
            self.run(database, "rollback", "--yes")

    def migrate(self, database: SupabaseDatabase) -> str:
        """Migrate a database to the project; what it said."""
        return self.run(database, "migrate", "--target", "supabase")

    def run(self, database: SupabaseDatabase, *arguments: str) -> str:
        """Run a command on a database; what it said."""
        url = database.server.conninfo(database.name)
        said = small.dotbase(self.project, "--database-url", url, *arguments)
        assert said.code == 0, said.out + said.err
        return said.out

    def drop(self) -> None:
        """Drop both databases."""
        for database in (self.pushed, self.migrated):
            platform.drop(database)
