"""Supabase's own `db advisors` and `db lint`, run on a test's database; and what the design excepts."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from dotbase.advise import declared
from dotbase.render.templates import Variables
from tests.harness.declared import PROJECT
from tests.harness.server import ROOT, one_process
from tests.harness.supabase import ADMIN
from tests.supabase.platform import SupabaseDatabase

# As npm calls the architectures it brings the program for.
MACHINE = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
PROGRAM = ROOT / f"node_modules/@supabase/cli-linux-{MACHINE}/bin/supabase"
# Our rules that ask what one of Supabase's asks: what is left as it is stands in advise.yaml, once for both.
SAME_RULE = {"DB103": "function_search_path_mutable"}
# Of this cluster alone, which listens on the loopback address: the program knows no sockets.
PASSWORD = "of the tests' cluster"
# What says more about how long a database has been in use than about what it is.
OF_USE = ("unused_index", "table_bloat")
# It would tell the network who we are, and the test's server knows no TLS.
QUIET = {"SUPABASE_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1", "NO_COLOR": "1", "PGSSLMODE": "disable"}


@dataclass(frozen=True, order=True)
class Finding:
    """One line of an advisor or of the checker of bodies."""

    rule: str
    object: str
    detail: str


def run(database: SupabaseDatabase, folder: Path, *arguments: str) -> Any:
    """The program's answer to a command on this database, from a folder that has its config.toml."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SUPABASE_HOME": str(folder / "home"),
        **QUIET,
    }
    done = subprocess.run(
        [PROGRAM, *arguments, f"--remote={url(database)}", "--output-format", "json", "--agent", "no"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def configured(folder: Path) -> Path:
    """A folder with a config.toml that says which schema PostgREST exposes."""
    (folder / "supabase").mkdir(parents=True)
    (folder / "supabase/config.toml").write_text('project_id = "dotbase"\n\n[api]\nschemas = ["api"]\n')
    return folder


def url(database: SupabaseDatabase) -> str:
    """The database's address over TCP, as the platform's `postgres`, who gets a password for it."""
    with one_process("supabase-password"), database.server.connect("postgres", user=ADMIN) as admin:
        admin.execute(sql.SQL("alter role postgres password {}").format(sql.Literal(PASSWORD)))
    port = conninfo_to_dict(database.server.conninfo(database.name))["port"]
    quoted = PASSWORD.replace(" ", "%20").replace("'", "%27")
    return f"postgresql://postgres:{quoted}@127.0.0.1:{port}/{database.name}"


def advised(database: SupabaseDatabase, folder: Path) -> set[Finding]:
    """What `db advisors` finds, of every kind and level."""
    answer = run(database, folder, "db", "advisors", "--level", "info")
    return {Finding(row["name"], _object(row), row["detail"]) for row in answer["results"]}


def _object(row: dict[str, Any]) -> str:
    about = row["metadata"] or {}
    return f"{about.get('schema', '')}.{about.get('name', '')}"


def linted(database: SupabaseDatabase, folder: Path, schemas: list[str]) -> set[Finding]:
    """What `db lint` finds in the bodies of these schemas' routines, warnings and errors."""
    answer = run(database, folder, "db", "lint", "--level", "warning", "--schema", ",".join(schemas))
    return {
        Finding(issue["level"], row["function"], issue["message"])
        for row in answer["results"]
        for issue in row["issues"]
    }


def excepted() -> dict[tuple[str, str], str]:
    """(rule, object) → reason, of what advise.yaml leaves as it is by the rule that asks the same."""
    variables = Variables(target="supabase", clock="real", master_key_file=None)
    return {
        (SAME_RULE[number], name): suppression.reason
        for key, suppression in declared.read(PROJECT).declared.suppress.items()
        for number, _, name in [key.partition(" ")]
        if number in SAME_RULE and suppression.holds(variables)
    }
