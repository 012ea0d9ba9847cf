"""`migrate` takes a lock for its session: it refuses a pool that has no session, and no other pool."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.generator.rig import Rig
from tests.generator.shop import make_shop
from tests.generator.small import Said, dotbase
from tests.harness import bouncer
from tests.harness.server import Server

SCHEMAS = "select nspname::text from pg_namespace"
REFUSED = "the connection goes through a pooler in transaction mode"


def migrate(rig: Rig, folder: Path, pool: bouncer.Bouncer, command: str = "migrate") -> Said:
    return dotbase(make_shop(folder), "--database-url", pool.conninfo(rig.name, "postgres"), command)


@pytest.mark.parametrize("pool_size", [1, 3])
@pytest.mark.parametrize("busy", [0, 2])
def test_a_pool_in_transaction_mode_is_refused_in_one_sentence(
    rig: Rig, server: Server, tmp_path: Path, pool_size: int, busy: int
) -> None:
    """However many server connections it has, and whoever used them before."""
    with bouncer.pool(server, pool_size=pool_size) as pool:
        for _ in range(min(busy, pool_size)):
            others = [pool.connect(rig.name, "postgres") for _ in range(min(busy, pool_size))]
            for other in others:
                other.execute("begin; select 1")
            for other in others:
                other.execute("commit")
        said = migrate(rig, tmp_path, pool)
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert REFUSED in said.err
    assert "session mode" in said.err
    assert "dotbase" not in rig.values(SCHEMAS)


def test_a_pool_in_session_mode_is_as_good_as_the_server(rig: Rig, server: Server, tmp_path: Path) -> None:
    with bouncer.pool(server, mode="session", pool_size=3) as pool:
        said = migrate(rig, tmp_path, pool)
    assert said.code == 0, said.err
    assert "shop" in rig.values(SCHEMAS)
