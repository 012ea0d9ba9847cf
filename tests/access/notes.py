"""The app of notes in a test's database: its tables, its lines, and rows of everybody."""

from __future__ import annotations

from pathlib import Path

from dotbase.render.declarations import access_sql, policies
from dotbase.render.declarations.policies import AppPolicies
from dotbase.render.documents import load
from dotbase.render.templates import Renderer
from tests.access.callers import ONE, TWO
from tests.harness import target
from tests.harness.databases import Database
from tests.harness.declared import PROJECT
from tests.harness.people import admin

HERE = Path(__file__).parent


def declared() -> AppPolicies:
    """Its policies."""
    document = load(HERE / "notes.yaml", HERE)
    return AppPolicies("notes", policies.read(document), document)


def install(db: Database) -> AppPolicies:
    """Make it as a migration does, with a rendered step for each table, for grants and for RPCs."""
    variables = target.variables(None)
    notes = declared()
    own_rows = Renderer(PROJECT, variables).own_rows()
    steps = [(HERE / "notes.sql").read_text()]
    steps += [
        access_sql.table_sql("notes", table, rights, variables, own_rows)
        for table, rights in notes.policies.tables.items()
    ]
    steps += [
        access_sql.grants_sql("notes", notes.policies, variables),
        access_sql.rpcs_sql("notes", notes.policies, variables),
    ]
    with db.owner.transaction():
        db.owner.execute(f"set local role {target.OWNER}".encode())
        for step in steps:
            db.owner.execute(step.encode())
    # People have different numbers of rows, so that a count tells whose were seen.
    for copies, person in enumerate((ONE, TWO, admin), start=1):
        db.owner.execute(
            "insert into notes.notes (user_id, title, pinned) "
            "select %s, format('note %%s of %%s', n, %s::text), n = 1 from generate_series(1, %s) as n",
            [person.user_id, person.name, copies],
        )
    db.owner.execute(
        "insert into notes.boards (motto, editor, is_public) values "
        "('everybody''s', 'nobody@example.com', true), ('mine', %s, false), ('also mine', %s, true)",
        [ONE.claims["email"], ONE.claims["email"]],
    )
    db.reload()
    return notes
