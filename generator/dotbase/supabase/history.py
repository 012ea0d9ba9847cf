"""The history of `dotbase migrate`, written by a file: what differs between two readings, as SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import psycopg

from dotbase.catalog.grants import TABLE_FINGERPRINTS
from dotbase.migrate import history

Connection = psycopg.Connection[Any]
Row = tuple[Any, ...]
NEWEST = "(select max(release_id) from dotbase.releases)"

# What the history holds, but for ids and moments.
RELEASES = (
    "select release_id, direction, tool_version, target, clock, master_key_file, bootstrap_sha"
    " from dotbase.releases"
)
VERSIONS = (
    "select version, app, position, source_sha, up_sql, down_sql, transactional, state from dotbase.versions"
)
REPEATABLES = "select key, app, position, sha, sql, objects, release_id from dotbase.repeatables"
HISTORY = "select key, release_id, app, position, sql from dotbase.repeatable_history"

# Of every step of a table: what the table looks like to the roles on the server that the file runs on.
ACCESS_RECORDED = f"""update dotbase.repeatables as r
set access = f.fingerprint
from (
{TABLE_FINGERPRINTS.strip()}
) as f (name, fingerprint)
where f.name = regexp_replace(r.key, '^policies/([^/]+)\\.yaml#tables\\.(\\w+)$', '\\1.\\2')
    and r.access is distinct from f.fingerprint;"""

STATE = """select md5(coalesce(string_agg(b.line, e'\\n' order by b.line collate "C"), ''))
        from (
            select v.version || ' ' || v.source_sha || ' ' || v.state from dotbase.versions as v
            union all
            select r.key || ' ' || r.sha from dotbase.repeatables as r
        ) as b (line)"""


@dataclass(frozen=True)
class Reading:
    """The history at one moment, rows by their key; `state` is a hash of what they say is applied."""

    releases: Mapping[Any, Row] = field(default_factory=dict)
    versions: Mapping[Any, Row] = field(default_factory=dict)
    repeatables: Mapping[Any, Row] = field(default_factory=dict)
    history: Mapping[Any, Row] = field(default_factory=dict)
    state: str | None = None


def read(connection: Connection) -> Reading:
    """Everything that is recorded."""
    if not history.exists(connection):
        return Reading()
    state = connection.execute(STATE.encode()).fetchone()
    assert state is not None
    return Reading(
        releases={row[0]: row[1:] for row in connection.execute(RELEASES)},
        versions={row[0]: row for row in connection.execute(VERSIONS)},
        repeatables={row[0]: row for row in connection.execute(REPEATABLES)},
        history={row[:2]: row for row in connection.execute(HISTORY)},
        state=state[0],
    )


def expect(before: Reading) -> str:
    """Refuses, as the first statement of a file, a database that the file does not follow on."""
    if before.state is None:
        test = "if to_regnamespace('dotbase') is not null then"
        said, hint = "this database has been migrated before", "use dotbase migrate on it"
    else:
        test = f"if (\n        {STATE}\n    ) <> '{before.state}' then"
        said = "this database is not as the migration before this one left it"
        hint = "dotbase status tells what is applied, dotbase migrate brings it to the templates"
    return (
        "do $$\nbegin\n"
        f"    {test}\n        raise exception '{said}' using hint = '{hint}';\n    end if;\nend;\n$$;"
    )


def write(connection: Connection, before: Reading, after: Reading) -> list[str]:
    """The statements that bring the history from one reading to the other."""
    said = [_text("history.sql")] if before.state is None else []
    for row in _new(before.releases, after.releases):
        columns = "direction, tool_version, target, clock, master_key_file, bootstrap_sha"
        said.append(f"insert into dotbase.releases ({columns})\nvalues ({_values(connection, row)});")
    for row in _new(before.versions, after.versions):
        said.append(
            "insert into dotbase.versions as v (version, app, position, source_sha, up_sql, down_sql,"
            " transactional, state, release_id)\n"
            f"values ({_values(connection, row)}, {NEWEST})\n"
            "on conflict on constraint versions_pkey do update set state = excluded.state;"
        )
    return said + _repeatables(connection, before, after)


def _repeatables(connection: Connection, before: Reading, after: Reading) -> list[str]:
    said = []
    for key in sorted(before.repeatables.keys() - after.repeatables.keys()):
        said.append(
            "insert into dotbase.repeatable_history (key, app, position, release_id)\n"
            f"values ({_values(connection, before.repeatables[key][:3])}, {NEWEST});\n\n"
            f"delete from dotbase.repeatables where key = {_values(connection, (key,))};"
        )
    texts: list[Row] = []
    others: list[Row] = []
    for row in _new(before.repeatables, after.repeatables):
        old = before.repeatables.get(row[0])
        (others if old is not None and old[3] == row[3] else texts).append(row)
    for key, app, position, sha, sql, objects, _ in texts:
        row = (key, app, position, sha, sql, json.dumps(objects))
        said.append(
            "insert into dotbase.repeatables (key, app, position, sha, sql, objects, release_id)\n"
            f"values ({_values(connection, row)}, {NEWEST})\n"
            "on conflict on constraint repeatables_pkey do update set app = excluded.app,"
            " position = excluded.position,\n    sha = excluded.sha, sql = excluded.sql,"
            " objects = excluded.objects, release_id = excluded.release_id;"
        )
    if texts:
        said.append(
            "insert into dotbase.repeatable_history (key, release_id, app, position, sql)\n"
            "select key, release_id, app, position, sql from dotbase.repeatables\n"
            f"where key in ({_values(connection, (row[0] for row in texts))});"
        )
    if others:
        rows = ",\n    ".join(
            f"({_values(connection, (key, position, json.dumps(objects)))},"
            f" {str(release != before.repeatables[key][6]).lower()})"
            for key, _, position, _, _, objects, release in others
        )
        said.append(
            "update dotbase.repeatables as r\nset position = v.position, objects = v.objects::jsonb,"
            f" release_id = case when v.again then {NEWEST} else r.release_id end\n"
            f"from (values\n    {rows}\n) as v (key, position, objects, again)\nwhere v.key = r.key;"
        )
    return [*said, ACCESS_RECORDED] if said else []


def _new(before: Mapping[Any, Row], after: Mapping[Any, Row]) -> list[Row]:
    """Rows that are new or changed, in the order of the history."""
    rows = [row for key, row in after.items() if before.get(key) != row]
    return sorted(rows, key=lambda row: row[2] if isinstance(row[2], int) else 0)


def _values(connection: Connection, values: Iterable[object]) -> str:
    return ", ".join(_literal(connection, value) for value in values)


def _literal(connection: Connection, value: object) -> str:
    """A literal; text of several lines between dollars, so that it can be read."""
    if isinstance(value, str) and "\n" in value:
        tag = "$text$"
        while tag in value:
            tag = f"{tag[:-1]}_$"
        return f"{tag}{value}{tag}"
    return psycopg.sql.Literal(value).as_string(connection)


def _text(name: str) -> str:
    return resources.files("dotbase.migrate").joinpath(name).read_text(encoding="utf-8").strip()
