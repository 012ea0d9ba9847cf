"""Secrets: the master key, what it encrypts, and every place where either might have been written down."""

from __future__ import annotations

import secrets

import pytest

from tests.attacks.attacker import CLIENTS, ME, STRANGER, attacker
from tests.harness.databases import Database
from tests.harness.declared import TABLES
from tests.harness.people import admin
from tests.harness.refusals import refused
from tests.harness.target import CRON_ALONE, SUPERUSER, only_on_postgres

pytestmark = only_on_postgres("Vault keeps secrets there")
EVERYBODY = [*CLIENTS, "authenticator", *CRON_ALONE, STRANGER]
SECRET = f"sesame-{secrets.token_hex(8)}"
# All that somebody without rights may read of a database, and where bodies, comments and settings stand.
EVERYWHERE = (
    "select prosrc || coalesce(pg_get_function_arguments(oid), '') from pg_proc where prokind <> 'a'",
    "select description from pg_description union all select description from pg_shdescription",
    "select name || coalesce(setting, '') || coalesce(boot_val, '') from pg_settings",
    "select array_to_string(setconfig, ' ') from pg_db_role_setting",
    "select pg_get_viewdef(oid) from pg_class where relkind = 'v' and relnamespace = 'api'::regnamespace",
    "select query from pg_stat_activity where pid <> pg_backend_pid()",
    "select label from pg_seclabel",
)
# What the owner alone reads, and a dump holds.
IN_DUMPS = tuple(f"select x::text from {table} as x" for table in TABLES)


@pytest.fixture(scope="module")
def safe(module_db: Database) -> tuple[Database, str]:
    """A database with a secret, and the master key."""
    key_file = module_db.server.master_key_file
    if key_file is None:
        pytest.skip("a server that is not this checkout's has no master key of ours")
    module_db.owner.execute("select core.set_secret('payments', %s)", [SECRET])
    assert module_db.value("select core.secret('payments')") == SECRET
    module_db.owner.execute("select 'spoken of something else'")
    return module_db, module_db.value("select master_key.value()")


@pytest.mark.parametrize("role", EVERYBODY)
def test_an_attacker_wants_the_secret_or_its_key(role: str, safe: tuple[Database, str]) -> None:
    db, _ = safe
    login, switched = ("authenticator", role) if role in CLIENTS else (role, None)
    slips = [f"grant usage on schema {schema} to public" for schema in ("core", "extensions")]
    with attacker(db, login, switched, admin.claims, slips) as t:
        t.is_refused(
            "select core.secret('payments')",
            "select core.master_key()",
            "select master_key.value()",
            "select core.set_secret('payments', 'mine')",
            "select * from core.secrets",
            "update core.secrets set name = 'mine'",
            f"select pg_read_file('{db.server.master_key_file}')",
            f"select pg_stat_file('{db.server.master_key_file}')",
        )


@pytest.mark.parametrize("role", EVERYBODY)
def test_an_attacker_wants_the_secret_where_somebody_wrote_it_down(
    role: str, safe: tuple[Database, str]
) -> None:
    db, key = safe
    login, switched = ("authenticator", role) if role in CLIENTS else (role, None)
    with attacker(db, login, switched) as t:
        for query in EVERYWHERE:
            for (text,) in t.runs(query):
                assert SECRET not in (text or "")
                assert key not in (text or "")


def test_who_stole_a_dump_wants_the_secret_in_it(safe: tuple[Database, str]) -> None:
    db, key = safe
    for query in (*IN_DUMPS, *EVERYWHERE):
        for row in db.rows(query):
            text = str(next(iter(row.values())))
            assert SECRET not in text
            assert key not in text
            assert SECRET.encode().hex() not in text


def test_who_stole_a_dump_wants_to_open_it_with_the_wrong_key(safe: tuple[Database, str]) -> None:
    db, _ = safe
    with refused("39000"):
        db.owner.execute(
            "select extensions.pgp_sym_decrypt(ciphertext, 'guess') from core.secrets where name = 'payments'"
        )


def test_the_owners_role_wants_another_file_through_the_keys_function(safe: tuple[Database, str]) -> None:
    """The superuser's function takes no argument, and the owner may not make it another."""
    db, _ = safe
    with (
        db.server.connect(db.name, user=SUPERUSER) as connection,
        connection.transaction(force_rollback=True),
    ):
        connection.execute("set local role dotbase_owner")
        for statement in (
            "select pg_read_file('/etc/passwd')",
            "create or replace function master_key.value() returns text language sql return '1'",
            "alter function master_key.value() owner to dotbase_owner",
            "create function master_key.other() returns text language sql return '1'",
        ):
            with refused("42501"), connection.transaction():
                connection.execute(statement.encode())


def test_a_walker_wants_a_secret_in_the_text_of_an_error(safe: tuple[Database, str]) -> None:
    db, key = safe
    answers = [
        db.call(ME, "set_setting", name="payments", value=1),
        db.call(admin, "set_setting", name="payments", value=1),
        db.call(admin, "set_setting", name="core.secrets", value={"a": "b"}),
        db.raw_call(ME, "save_walker_profile", '{"nickname": "\\u0001"}'),
    ]
    for answer in answers:
        assert not answer.ok
        assert SECRET not in str(answer.body)
        assert key not in str(answer.body)
