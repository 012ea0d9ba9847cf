"""Secrets: encrypted under a key that is in no dump, readable by the owner's own functions alone."""

from __future__ import annotations

import psycopg
import pytest

from tests.core.conftest import MasterKey
from tests.harness import dump
from tests.harness.databases import Database
from tests.harness.refusals import refused, rolled_back
from tests.harness.target import OWNER, only_on_postgres

pytestmark = only_on_postgres("on Supabase secrets are the Vault's, which tests/supabase asks")

SECRET = "sk_live_비밀_0123456789"
EXECUTABLE_BY_THE_OWNER_ALONE = [
    "core.secret(text)",
    "core.set_secret(text, text)",
    "core.master_key()",
    "master_key.value()",
]


def set_secret(db: Database, name: str, value: str) -> None:
    with db.owner.transaction():
        db.owner.execute(f"set local role {OWNER}".encode())
        db.owner.execute("select core.set_secret(%s, %s)", [name, value])


def read_secret(db: Database, name: str) -> object:
    with rolled_back(db.owner, OWNER):
        return db.value("select core.secret(%s)", name)


def test_a_secret_is_read_back_as_it_was_set(keyed_db: Database) -> None:
    set_secret(keyed_db, "push", SECRET)
    assert read_secret(keyed_db, "push") == SECRET


def test_a_secret_is_replaced_under_its_name(keyed_db: Database) -> None:
    set_secret(keyed_db, "replaced", "old")
    set_secret(keyed_db, "replaced", SECRET)
    assert read_secret(keyed_db, "replaced") == SECRET


def test_the_table_holds_ciphertext_that_is_never_twice_the_same(keyed_db: Database) -> None:
    set_secret(keyed_db, "one", SECRET)
    set_secret(keyed_db, "two", SECRET)
    stored = [bytes(row["ciphertext"]) for row in keyed_db.rows("select ciphertext from core.secrets")]
    assert len(set(stored)) == len(stored)
    assert not any(SECRET.encode() in ciphertext for ciphertext in stored)


def test_a_secret_that_was_never_set_is_named_in_the_refusal(keyed_db: Database) -> None:
    with refused("secret_not_found") as refusal:
        read_secret(keyed_db, "absent")
    assert refusal.detail == '{"name": "absent"}'


def test_another_master_key_does_not_open_the_secrets(keyed_db: Database, master_key: MasterKey) -> None:
    set_secret(keyed_db, "closed", SECRET)
    master_key.put("the second master key")
    with refused("secret_unreadable") as refusal:
        read_secret(keyed_db, "closed")
    assert SECRET not in refusal.message + refusal.detail
    master_key.put("the first master key")
    assert read_secret(keyed_db, "closed") == SECRET


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_its_master_key_the_store_neither_reads_nor_writes(
    key: str | None, keyed_db: Database, master_key: MasterKey
) -> None:
    set_secret(keyed_db, "locked", SECRET)
    if key is None:
        master_key.remove()
    else:
        master_key.put(key)
    with refused("secret_store_missing"):
        read_secret(keyed_db, "locked")
    with refused("secret_store_missing"):
        set_secret(keyed_db, "locked", "in the clear, as it were")


def test_a_database_that_was_migrated_without_a_key_says_so(module_db: Database) -> None:
    with refused("secret_store_missing"), rolled_back(module_db.owner):
        module_db.owner.execute("drop function if exists master_key.value()")
        module_db.owner.execute(f"set local role {OWNER}".encode())
        module_db.owner.execute("select core.set_secret('any', %s)", [SECRET])


@pytest.mark.parametrize("routine", EXECUTABLE_BY_THE_OWNER_ALONE)
def test_nobody_but_the_owner_may_execute(routine: str, keyed_db: Database) -> None:
    able = keyed_db.rows(
        "select rolname from pg_roles where has_function_privilege(rolname, %s, 'execute') "
        "and not rolsuper and not pg_has_role(rolname, 'dotbase_owner', 'member') "
        "and not starts_with(rolname, 'pg_')",
        routine,
    )
    assert able == []


def test_the_owner_may_read_no_other_file_of_the_server(keyed_db: Database, master_key: MasterKey) -> None:
    for read in ("select pg_read_file(%s)", "select pg_ls_dir(%s)"):
        with refused("42501"), rolled_back(keyed_db.owner, OWNER):
            keyed_db.owner.execute(read.encode(), [str(master_key.path)])


def test_a_dump_has_neither_the_secret_nor_the_key(keyed_db: Database) -> None:
    set_secret(keyed_db, "dumped", SECRET)
    dumped = dump.whole(keyed_db.server.conninfo(keyed_db.name), ["core", "master_key"])
    [ciphertext] = keyed_db.rows("select ciphertext from core.secrets where name = 'dumped'")
    assert bytes(ciphertext["ciphertext"]).hex() in dumped
    assert SECRET not in dumped
    assert "the first master key" not in dumped


def test_a_secret_that_cannot_be_read_is_in_no_message_of_the_server(
    keyed_db: Database, master_key: MasterKey
) -> None:
    set_secret(keyed_db, "quiet", SECRET)
    master_key.put("the second master key")
    with pytest.raises(psycopg.Error) as caught:
        read_secret(keyed_db, "quiet")
    diag = caught.value.diag
    said = f"{diag.message_primary} {diag.message_detail} {diag.context} {diag.internal_query}"
    assert SECRET not in said
    assert "master key" not in said.replace("another master key", "")
