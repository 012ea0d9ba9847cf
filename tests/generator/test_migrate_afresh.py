"""What no fresh database can be built from is refused; plan says what breaks clients."""

from __future__ import annotations

import json
from pathlib import Path

from tests.generator.rig import Rig
from tests.generator.shop import ROUTINES, make_shop
from tests.generator.small import dotbase, write


def test_a_version_that_needs_a_routine_is_refused_by_migrate_as_by_plan(
    tmp_path: Path, new_rig: Rig
) -> None:
    """Fault 7. It was applied where the routine was there already, and nothing could be built since."""
    project = make_shop(tmp_path)
    over = (
        "\ncreate or replace function shop.over(a bigint) returns boolean language sql immutable"
        "\nset search_path = pg_catalog, pg_temp as $$ select a > 9 $$;\n"
    )
    write(project, "functions/shop/carts.sql", ROUTINES + over)
    url = new_rig.server.conninfo(new_rig.name)
    assert dotbase(project, "--database-url", url, "migrate").code == 0
    write(project, "schema/shop/0003_over.sql", "create index on shop.carts (shop.over(cart_id));\n")
    write(project, "schema/shop/0003_over.rollback.sql", "drop index shop.carts_over_idx;\n")
    before = new_rig.catalog()
    for command in ("plan", "migrate"):
        said = dotbase(project, "--database-url", url, command)
        assert said.code == 1
        assert "schema/shop/0003_over.sql:1: function shop.over(bigint) does not exist" in said.err
    assert new_rig.catalog() == before


def test_plan_finds_what_plpgsql_check_does_and_says_what_breaks_clients(
    tmp_path: Path, new_rig: Rig
) -> None:
    """Fault 13, and the API: an RPC's argument has another name."""
    project = make_shop(tmp_path)
    url = new_rig.server.conninfo(new_rig.name)
    assert dotbase(project, "--database-url", url, "migrate").code == 0
    changed = ROUTINES.replace("buy(cart_id bigint)", "buy(cart_no bigint)").replace(
        "buy.cart_id", "buy.cart_no"
    )
    write(project, "functions/shop/carts.sql", changed)
    said = dotbase(project, "--database-url", url, "plan")
    assert said.code == 2, said.err
    assert "Breaks clients: api.buy: argument cart_id is gone\n" in said.out
    found = json.loads(dotbase(project, "--database-url", url, "plan", "--json").out)
    assert {"object": "api.buy", "what": "argument cart_id is gone"} in found["breaking"]
    later = (
        "\ncreate or replace function shop.later(days bigint) returns interval language plpgsql"
        "\nset search_path = pg_catalog, pg_temp as $$ begin return make_interval(days => days); end $$;\n"
    )
    write(project, "functions/shop/carts.sql", ROUTINES + later)
    for command in ("plan", "migrate"):
        said = dotbase(project, "--database-url", url, command)
        assert said.code == 1
        assert "function make_interval(days => bigint) does not exist" in said.err
