"""Who may migrate: each refusal is one sentence that says what to do, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from psycopg import sql

from dotbase.errors import DotbaseError
from dotbase.migrate import migration
from dotbase.migrate.migration import Outcome
from dotbase.render.steps import Step
from tests.generator.rig import Rig, bootstrap, versioned
from tests.harness.supabase import passing_role
from tests.harness.target import LACKING

ONE = versioned("0001_shop", "create schema shop;", "drop schema shop cascade;")


def refusal(rig: Rig, *steps: Step, user: str | None = None) -> str:
    with pytest.raises(DotbaseError) as caught:
        rig.migrate(*steps, user=user)
    return caught.value.sentence


def test_a_member_of_the_owner_migrates(rig: Rig, migrator: str) -> None:
    assert rig.migrate(ONE, user=migrator).versions == ["shop.0001_shop"]
    assert (
        rig.value("select nspowner::regrole::text from pg_namespace where nspname = 'shop'")
        == "dotbase_owner"
    )
    assert rig.value("select applied_by from dotbase.versions") == migrator


def test_a_stranger_is_refused(rig: Rig, migrator: str) -> None:
    with rig.connect() as connection:
        connection.execute("revoke dotbase_owner from dotbase_migrator")
    assert refusal(rig, ONE, user=migrator) == (
        "dotbase_migrator is not a member of dotbase_owner; "
        "let a superuser run `grant dotbase_owner to dotbase_migrator`."
    )


def test_without_a_superuser_once_it_is_refused(new_rig: Rig, migrator: str) -> None:
    assert refusal(new_rig, ONE, user=migrator) == (
        "schema extensions is missing, and dotbase_migrator is no superuser who could make it; "
        "let a superuser run `dotbase migrate` on this database once, or apply the part of `dotbase render` "
        "that comes from schema/core/bootstrap.sql."
    )
    with new_rig.connect() as connection:
        connection.execute(bootstrap().sql.encode())
    assert new_rig.migrate(ONE, user=migrator).changed


def test_an_owner_that_may_not_create_is_refused(rig: Rig, migrator: str) -> None:
    with rig.connect() as connection:
        database = sql.Identifier(rig.name)
        connection.execute(sql.SQL("revoke create on database {} from dotbase_owner").format(database))
        assert "the right of dotbase_owner to create schemas in this database is missing" in refusal(
            rig, ONE, user=migrator
        )
        connection.execute(sql.SQL("grant create on database {} to dotbase_owner").format(database))


def test_a_superuser_fixes_what_the_bootstrap_makes(rig: Rig) -> None:
    rig.migrate(ONE)
    with rig.connect() as connection:
        connection.execute(
            sql.SQL("revoke create on database {} from dotbase_owner").format(sql.Identifier(rig.name))
        )
    plan = rig.plan(ONE)
    assert plan.bootstrap is not None
    rig.migrate(ONE)
    assert rig.plan(ONE).empty


def test_a_changed_bootstrap_is_a_note_for_who_is_no_superuser(rig: Rig, migrator: str) -> None:
    rig.migrate(ONE)
    with rig.connect() as connection:
        connection.execute("update dotbase.releases set bootstrap_sha = 'older'")
    outcome = rig.migrate(ONE, user=migrator)
    assert not outcome.changed
    assert (
        "schema/core/bootstrap.sql has changed since a superuser applied it; "
        "let a superuser run `dotbase migrate` once." in outcome.notes
    )
    assert rig.migrate(ONE).changed
    assert not rig.migrate(ONE).changed


@pytest.fixture
def with_limit(rig: Rig) -> Iterator[Step]:
    """The bootstrap, which sets a limit for a role of the test's own: settings of roles are the cluster's."""
    role = passing_role("client")
    statement = f"alter role {role} set lock_timeout = '2s';"
    own = replace(bootstrap(), sql=f"{bootstrap().sql}\n{statement}", limits=((role, "lock_timeout", "2s"),))
    with rig.connect() as connection:
        connection.execute(f"create role {role}".encode())
        yield own
        connection.execute(f"drop role {role}".encode())


def test_a_limit_that_was_changed_is_set_again_by_a_superuser_and_a_note_for_others(
    rig: Rig, migrator: str, with_limit: Step
) -> None:
    """Fault 17."""
    [(role, _, _)] = with_limit.limits

    def migrated(user: str | None = None) -> Outcome:
        with rig.connect(user) as connection:
            run = rig.run(connection, [])
            run.steps = [with_limit, ONE]
            return migration.migrate(run)

    assert migrated().changed
    assert not migrated().changed
    for statement, said in (("reset lock_timeout", "unset"), ("set lock_timeout = '1h'", "1h")):
        with rig.connect() as connection:
            connection.execute(f"alter role {role} {statement}".encode())
        outcome = migrated(user=migrator)
        assert not outcome.changed
        assert (
            f"The limits of clients are not as apps.yaml has them: {role} has lock_timeout {said}, not 2s. "
            "Let a superuser run `dotbase migrate` once." in outcome.notes
        )
        assert migrated().changed
        assert (
            rig.value(f"select rolconfig::text from pg_roles where rolname = '{role}'") == "{lock_timeout=2s}"
        )


def test_pg_cron_elsewhere_or_nowhere_is_a_note(rig: Rig) -> None:
    where = "is not in this database" if "pg_cron" in LACKING else "lives in database dotbase"
    assert rig.migrate(ONE).notes == [f"pg_cron {where}: here schedules are declared, not live."]


def test_an_owner_without_bypassrls_is_refused(rig: Rig, migrator: str) -> None:
    with rig.connect() as connection:
        if not connection.execute("select from pg_roles where rolname = 'dotbase_test_weak'").rowcount:
            connection.execute("create role dotbase_test_weak nologin")
        run = rig.run(connection, [ONE])
        run.owner = "dotbase_test_weak"
        with pytest.raises(DotbaseError) as caught:
            migration.migrate(run)
        assert caught.value.sentence == (
            "the owner dotbase_test_weak lacks BYPASSRLS, so that forced row-level security would hide "
            "its own tables from it; let a superuser run `alter role dotbase_test_weak bypassrls`."
        )


def test_a_missing_extension_is_refused(rig: Rig, migrator: str) -> None:
    with rig.connect() as connection:
        connection.execute("drop extension pgcrypto")
        assert "extension pgcrypto is missing, and dotbase_migrator is no superuser" in refusal(
            rig, ONE, user=migrator
        )
    rig.migrate(ONE)


def test_another_target_than_before_is_refused(rig: Rig) -> None:
    rig.migrate(ONE)
    with rig.connect() as connection:
        run = rig.run(connection, [ONE])
        run.target = "supabase"
        with pytest.raises(
            DotbaseError, match="was migrated for target postgres, not supabase; run with --target"
        ):
            migration.migrate(run)


def test_an_error_in_the_bootstrap_leaves_nothing(new_rig: Rig) -> None:
    good = bootstrap()
    bad = Step(good.key, good.app, good.kind, good.source, 1, good.sql + "\nselect nothing;", "x")
    with new_rig.connect() as connection:
        run = new_rig.run(connection, [ONE])
        run.steps = [bad, ONE]
        with pytest.raises(
            DotbaseError, match=r'schema/core/bootstrap\.sql\.j2:\d+: column "nothing" does not'
        ):
            migration.migrate(run)
    assert new_rig.values("select nspname::text from pg_namespace where nspname !~ '^pg_' order by 1") == [
        "information_schema",
        "public",
    ]
