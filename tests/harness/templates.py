"""The template database: everything migrated once, with a movable clock, for tests to clone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.steps import Step
from tests.harness import coverage, supabase
from tests.harness.server import ROOT, Server
from tests.harness.target import OWNER, SUPABASE, SUPERUSER, variables

PREFIX = "dotbase_template_"


def steps(server: Server) -> list[Step]:
    """The rendered SQL of the checkout for the tests' target, with a movable clock."""
    return render_steps(Project(ROOT), variables(server.master_key_file))


def fingerprint(rendered: Sequence[Step]) -> str:
    """Changes with any rendered text, with this file, and with the shape of what Supabase brings."""
    digest = hashlib.sha256(Path(__file__).read_bytes() + supabase.PLATFORM.encode())
    for step in rendered:
        digest.update(f"{step.key} {step.sha}\n".encode())
    return digest.hexdigest()[:12]


def ensure(server: Server, maintenance: psycopg.Connection[Any], rendered: Sequence[Step]) -> str:
    """The name of the template for these steps, built now if it is not there.

    A session-wide advisory lock lets one worker build; each worker then keeps a shared lock on
    the template's name, so that nobody drops what somebody clones.
    """
    name = PREFIX + fingerprint(rendered)
    maintenance.execute("select pg_advisory_lock(hashtext('dotbase templates'))")
    try:
        _drop_leftovers(maintenance, name)
        if not maintenance.execute("select from pg_database where datname = %s", [name]).rowcount:
            _build(server, maintenance, name, rendered)
        maintenance.execute("select pg_advisory_lock_shared(hashtext(%s))", [name])
    finally:
        maintenance.execute("select pg_advisory_unlock(hashtext('dotbase templates'))")
    return name


def _drop_leftovers(maintenance: psycopg.Connection[Any], wanted: str) -> None:
    """Templates of other texts that nobody uses, and what was being built when its builder died."""
    names = maintenance.execute(
        "select datname from pg_database where starts_with(datname, %s) and datname <> %s", [PREFIX, wanted]
    ).fetchall()
    for (name,) in names:
        taken = maintenance.execute("select pg_try_advisory_lock(hashtext(%s))", [name]).fetchone()
        if taken == (True,):
            maintenance.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )
            maintenance.execute("select pg_advisory_unlock(hashtext(%s))", [name])


def _build(server: Server, maintenance: psycopg.Connection[Any], name: str, rendered: Sequence[Step]) -> None:
    building = sql.Identifier(f"{name}_building")
    maintenance.execute(sql.SQL("create database {}").format(building))
    if SUPABASE:
        supabase.hand_over(server, f"{name}_building")
    with server.connect(f"{name}_building", user=SUPERUSER) as connection:
        coverage.install(connection)
    with server.connect(f"{name}_building") as connection:
        apply(connection, rendered, OWNER)
    with server.connect(f"{name}_building", user=SUPERUSER) as connection:
        seen = coverage.collect(connection)
    maintenance.execute(sql.SQL("alter database {} rename to {}").format(building, sql.Identifier(name)))
    # What migrating itself covered travels with the template, for the runs that find it ready.
    maintenance.execute(
        sql.SQL("comment on database {} is {}").format(
            sql.Identifier(name), sql.Literal(json.dumps(seen.as_json()))
        )
    )


def covered_by_building(maintenance: psycopg.Connection[Any], name: str) -> coverage.Coverage:
    """The statements that building the template executed."""
    row = maintenance.execute(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", [name]
    ).fetchone()
    assert row is not None
    return coverage.Coverage.from_json(json.loads(row[0]))


def apply(connection: psycopg.Connection[Any], rendered: Sequence[Step], owner: str) -> None:
    """Apply rendered steps in order: the rendered SQL alone is the whole database.

    Not through `migrate`, which has tests of its own: its faults should not be everybody's.
    """
    connection.execute("set check_function_bodies = off")
    for step in rendered:
        role = "none" if step.kind == "bootstrap" else owner
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        connection.execute(step.sql.encode())
    connection.execute("reset role")
