"""dotbase_relay calls six functions. It reads no table, and no secret that its lanes do not name."""

from __future__ import annotations

import psycopg
import pytest
import yaml

from tests.harness.databases import Database
from tests.harness.refusals import refused
from tests.harness.server import ROOT
from tests.harness.target import SUPABASE
from tests.outbox.post import Relay, declare, lane, later

FUNCTIONS = {
    "relay_lanes", "relay_secret", "claim_messages", "report_results", "release_leases", "relay_heartbeat",
}  # fmt: skip
APPS = list(yaml.safe_load((ROOT / "apps.yaml").read_text())["apps"])
SCHEMAS = [*APPS, "api", "auth", "test_clock"]


def test_it_executes_six_functions_and_nothing_else(module_db: Database) -> None:
    rows = module_db.rows(
        "select n.nspname || '.' || p.proname as name from pg_proc as p "
        "inner join pg_namespace as n on n.oid = p.pronamespace "
        "where n.nspname = any (%s) and has_function_privilege('dotbase_relay', p.oid, 'execute') "
        "and has_schema_privilege('dotbase_relay', n.oid, 'usage')",
        SCHEMAS,
    )
    assert {row["name"] for row in rows} == {f"outbox.{name}" for name in FUNCTIONS}


def test_it_has_no_right_on_any_table_or_column(module_db: Database) -> None:
    rows = module_db.rows(
        "select c.oid::regclass::text as name from pg_class as c "
        "inner join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = any (%s) and c.relkind in ('r', 'p', 'v', 'm', 'f') and ("
        "has_table_privilege('dotbase_relay', c.oid, 'select, insert, update, delete, truncate, references') "
        "or has_any_column_privilege('dotbase_relay', c.oid, 'select, insert, update, references'))",
        SCHEMAS,
    )
    assert rows == []


def test_it_may_become_nobody_and_has_no_attribute(module_db: Database) -> None:
    [role] = module_db.rows(
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolinherit, "
        "(select count(*) from pg_auth_members where member = r.oid) as memberships "
        "from pg_roles as r where rolname = 'dotbase_relay'"
    )
    assert not any(role.values())


def test_it_is_told_of_the_lanes_that_are_declared(shop: Database, relay: Relay) -> None:
    declare(shop, lane("letters", auth={"kind": "bearer", "secret": "letters_key"}, in_flight=3))
    [row] = relay.connection.execute("select * from outbox.relay_lanes()").fetchall()
    assert row[:5] == ("letters", ["api.example.com"], {"kind": "bearer", "secret": "letters_key"}, 8192, 3)


def give_secrets(shop: Database) -> None:
    """Secrets in Vault, or in place of it."""
    for name in ("letters_key", "old_key", "cron_secret"):
        if SUPABASE:
            shop.owner.execute("select core.set_secret(%s, %s)", [name, f"value of {name}"])
    if not SUPABASE:
        shop.owner.execute(
            "create or replace function core.secret(name text) returns text language sql stable "
            "security definer as $$ select 'value of ' || name $$"
        )


def test_it_reads_the_secrets_of_its_lanes_and_no_others(shop: Database, relay: Relay) -> None:
    give_secrets(shop)
    declare(
        shop,
        lane("letters", auth={"kind": "standard_webhooks", "secrets": ["letters_key", "old_key"]}),
        lane("pushes", auth={"kind": "bearer", "secret": "letters_key"}),
    )
    ask = "select outbox.relay_secret(%s, %s)"
    for name, secret in (("letters", "letters_key"), ("letters", "old_key"), ("pushes", "letters_key")):
        assert relay.connection.execute(ask, [name, secret]).fetchone() == (f"value of {secret}",)
    others: tuple[tuple[str | None, str | None], ...] = (
        ("pushes", "old_key"),
        ("letters", "cron_secret"),
        ("nowhere", "letters_key"),
        ("letters", None),
        (None, "letters_key"),
    )
    for lane_name, name in others:
        with refused("outbox_secret_refused") as refusal:
            relay.connection.execute(ask, [lane_name, name])
        assert "value of" not in refusal.message + refusal.detail
    declare(shop, lane("pushes", auth={"kind": "bearer", "secret": "letters_key"}))
    with refused("outbox_secret_refused"):
        relay.connection.execute(ask, ["letters", "letters_key"])


def test_a_secret_that_is_not_set_is_told_by_its_name(shop: Database, relay: Relay) -> None:
    declare(shop, lane("letters", auth={"kind": "bearer", "secret": "letters_key"}))
    with refused("secret_not_found"):
        relay.connection.execute("select outbox.relay_secret('letters', 'letters_key')")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from outbox.messages",
        "select * from outbox.queue",
        "select * from outbox.lanes",
        "select * from core.secrets",
        "select core.secret('letters_key')",
        "select outbox.enqueue('letters', 'x', 'api.example.com', '{}')",
        "select outbox.enqueue_from('letters', 'select 1')",
        "select outbox.declare_lanes('shop', '[]')",
        "select outbox.claim(null, 1, null)",
        "select outbox.conclude(null)",
        "select outbox.cancel(1)",
        "select outbox.outbox_status()",
        "select api.outbox_status()",
        "select outbox.replay_outbox_lane('letters')",
        "update outbox.queue set due_at = now()",
        "insert into outbox.attempts values (1)",
        "delete from outbox.queue",
        "create table public.mine (x int)",
        "create temporary table mine (x int)",
        "set role dotbase_owner",
        "set role postgres",
    ],
)
def test_it_may_do_nothing_else(statement: str, shop: Database, relay: Relay) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        relay.connection.execute(statement.encode())


def test_a_heartbeat_tells_since_when_a_version_runs(shop: Database, relay: Relay) -> None:
    def seen(version: str) -> tuple[object, object]:
        relay.connection.execute("select outbox.relay_heartbeat('one', %s)", [version])
        [row] = shop.rows("select began_at, heartbeat_at from outbox.relays where relay_name = 'one'")
        return row["began_at"], row["heartbeat_at"]

    start = shop.value("select core.now()")
    assert seen("1.0") == (start, start)
    later(shop, seconds=10)
    now = shop.value("select core.now()")
    assert seen("1.0") == (start, now)
    assert seen("1.1") == (now, now)


@pytest.mark.parametrize(("name", "version"), [("", "1"), ("x" * 101, "1"), ("x", "1" * 101), (None, "1")])
def test_a_heartbeat_of_a_strange_name_is_refused(name: str | None, version: str, relay: Relay) -> None:
    with pytest.raises(psycopg.errors.IntegrityError):
        relay.connection.execute("select outbox.relay_heartbeat(%s, %s)", [name, version])
