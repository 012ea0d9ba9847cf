"""A member of the owner lies in wait for a superuser's `dotbase`: nothing that he made is run by reading."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from dotbase.commands import plan as plan_command
from dotbase.errors import DotbaseError
from dotbase.migrate import locks, migration
from dotbase.migrate.locks import LockOptions
from dotbase.render.assembly import render_steps, render_text
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from tests.generator.rig import Rig, versioned
from tests.harness.server import ROOT

ONE = versioned("0001_shop", "create schema shop;", "drop schema shop cascade;")
TRAP = """
create or replace function dotbase.trap() returns bigint language plpgsql immutable as
$$begin raise exception 'was run'; end$$;
"""
QUIET = TRAP.replace("raise exception 'was run'", "return 1")


@pytest.fixture
def trapped(rig: Rig) -> Iterator[psycopg.Connection[object]]:
    """The owner's session in a migrated database, with a function that tells when it is run."""
    rig.migrate(ONE)
    with rig.connect() as connection:
        connection.execute("set role dotbase_owner")
        connection.execute(TRAP.encode())
        yield connection


@pytest.mark.parametrize("table", ["releases", "versions", "repeatables"])
def test_a_view_in_the_place_of_a_record_is_refused(
    table: str, rig: Rig, trapped: psycopg.Connection[object]
) -> None:
    trapped.execute(
        f"alter table dotbase.{table} rename to elsewhere;"
        f"create view dotbase.{table} as select * from dotbase.elsewhere where dotbase.trap() = 1".encode()
    )
    for run in (rig.plan, rig.migrate):
        with pytest.raises(DotbaseError) as caught:
            run(ONE)
        assert f'dotbase.{table} is not the table that dotbase made (cannot copy from view "{table}")' in str(
            caught.value
        )


def test_what_hangs_on_a_record_is_not_run(rig: Rig, trapped: psycopg.Connection[object]) -> None:
    trapped.execute(QUIET.encode())
    trapped.execute(
        "create index on dotbase.versions ((dotbase.trap()));"
        "create index on dotbase.releases (release_id) where dotbase.trap() = 1"
    )
    trapped.execute(TRAP.encode())
    with pytest.raises(psycopg.errors.RaiseException, match="was run"):
        trapped.execute("select version from dotbase.versions")
    assert rig.plan(ONE).empty


def test_a_policy_on_a_record_is_not_run(rig: Rig, trapped: psycopg.Connection[object]) -> None:
    """Whoever keeps the history is read as: also a role that policies hold for."""
    trapped.execute(
        "alter table dotbase.releases enable row level security;"
        "create policy trap on dotbase.releases using (dotbase.trap() = 1);"
        "grant select on all tables in schema dotbase to dotbase_cron;"
        "grant execute on function dotbase.trap() to dotbase_cron; reset role;"
        "alter schema dotbase owner to dotbase_cron; set role dotbase_cron"
    )
    with pytest.raises(psycopg.errors.RaiseException, match="was run"):
        trapped.execute("select from dotbase.releases")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        rig.plan(ONE)


def test_no_name_is_found_in_the_schema_that_is_called_as_the_superuser(rig: Rig) -> None:
    rig.migrate()
    with rig.connect() as connection:
        row = connection.execute("select current_user::text").fetchone()
        assert row is not None
        mine = sql.Identifier(row[0])
        traps = sql.SQL(
            "drop schema dotbase cascade; create schema {0} authorization dotbase_owner;"
            "set role dotbase_owner;"
            "create function {0}.format(text, name) returns text language plpgsql as"
            " $$begin raise 'was run'; end$$;"
            "create function {0}.same(oid, integer) returns boolean language plpgsql as"
            " $$begin raise 'was run'; end$$;"
            "create function {0}.set_config(text, name, boolean) returns text language plpgsql as"
            " $$begin raise 'was run'; end$$;"
            "create operator {0}.= (leftarg = oid, rightarg = integer, function = {0}.same); reset role"
        )
        connection.execute(traps.format(mine))
        with pytest.raises(psycopg.errors.RaiseException, match="was run"):
            connection.execute("select format('%I', current_database())")
        try:
            # The bootstrap is run again, as there is no history.
            assert rig.migrate(ONE).changed
            assert rig.plan(ONE).empty
            connection.execute("select pg_advisory_lock(%s, %s)", locks.LOCK)
            with rig.connect() as other:
                run = rig.run(other, [ONE])
                run.lock_options = LockOptions(wait=0)
                with pytest.raises(DotbaseError, match="another session holds the lock"):
                    migration.migrate(run)
        finally:
            connection.execute(sql.SQL("drop schema {} cascade").format(mine))


def test_the_rendered_text_closes_the_path_first() -> None:
    variables = Variables()
    text = render_text(Project(ROOT), variables, render_steps(Project(ROOT), variables))
    assert text.startswith("set search_path = pg_catalog, pg_temp;\n")


def test_whoever_holds_the_lock_is_waited_for_so_long_and_named(rig: Rig) -> None:
    rig.migrate(ONE)
    with rig.connect() as holder, rig.connect() as connection:
        holder.execute("set application_name = 'sits on it'")
        holder.execute("select pg_advisory_lock(%s, %s)", locks.LOCK)
        run = rig.run(connection, [ONE])
        run.lock_options = LockOptions(wait=0.3)
        with pytest.raises(DotbaseError) as caught:
            migration.migrate(run)
        user = holder.info.user
        assert caught.value.sentence.startswith(
            "another session holds the lock of migrations"
            f" (process {holder.info.backend_pid} of {user}, application sits on it, since "
        )
        assert "), also after 0.3 s; wait until it ends, longer with --wait" in caught.value.sentence


def test_a_key_of_the_history_is_no_line_of_the_plan(rig: Rig) -> None:
    rig.migrate(ONE)
    with rig.connect() as connection:
        connection.execute(
            "insert into dotbase.repeatables (key, app, position, sha, sql, objects, release_id)"
            " select %s, 'shop', 9, '', '', '[]', release_id from dotbase.releases limit 1",
            ["x\nalter role anon superuser; --"],
        )
    lines = plan_command._sql(rig.plan(ONE)).splitlines()
    assert lines == ["-- remove: x\\nalter role anon superuser; --", ""]


def test_a_text_leaves_no_encoding_behind(rig: Rig) -> None:
    """Fault 52. What is read after it would be bytes, and a traceback."""
    one = versioned(
        "0001_shop",
        "set client_encoding = 'SQL_ASCII';\nset standard_conforming_strings = off;\ncreate schema shop;",
        "drop schema shop;",
    )
    assert rig.migrate(one).versions == ["shop.0001_shop"]
    assert not rig.migrate(one).changed
