"""Scratch databases: in a cluster beside the one that is named, which goes along with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dotbase import cluster
from dotbase.connection import connect
from dotbase.options import GlobalOptions
from dotbase.render.templates import Variables
from dotbase.scratch import empty_database
from tests.cluster.checkouts import new_checkout
from tests.generator.rig import bootstrap


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("dev", "dev-scratch"),
        ("dev-scratch", "dev-scratch"),
        ("a" * 31, "a" * 23 + "-scratch"),
    ],
)
def test_it_is_called_after_the_cluster(name: str, beside: str) -> None:
    assert cluster.scratch(name) == beside


def test_no_database_of_the_named_cluster_has_to_be_dropped_and_both_end_together() -> None:
    with new_checkout() as checkout:
        options = GlobalOptions(project=checkout, database_url=None, cluster="dev")
        cluster.start("dev", checkout)
        with empty_database(options, [], Variables()) as url, connect(url) as connection:
            row = connection.execute("show data_directory").fetchone()
            assert row is not None
            assert Path(row[0]).parent.name == "dev-scratch"
        assert cluster.status("dev-scratch", checkout).running
        assert cluster.stop("dev", checkout)
        assert not cluster.status("dev-scratch", checkout).running
        cluster.destroy("dev", checkout)
        assert not cluster.status("dev-scratch", checkout).exists


# What a template can do to roles, as a migration of a superuser's lets it: they belong to the cluster.
LEFT_BEHIND = """
reset role;
create role leftover in role dotbase_owner;
alter role dotbase_owner login nobypassrls connection limit 3;
alter role anon set statement_timeout = '3s';
alter role anon in database postgres set statement_timeout = '3s';
alter role postgres set quote_all_identifiers = on;
alter role all set default_transaction_read_only = on;
grant anon to dotbase_owner;
grant anon to authenticator with admin option;
grant pg_read_all_data to anon;
grant set on parameter log_statement to dotbase_owner, public;
"""
ROLES = """
select r.rolname || ' ' || r.rolbypassrls || r.rolcanlogin || r.rolconnlimit from pg_roles as r
union all select format('%s of %s %s', m.member::regrole, m.roleid::regrole, m.admin_option)
from pg_auth_members as m
union all select s::text from pg_db_role_setting as s
union all select p.parname || x.grantee::regrole from pg_parameter_acl as p, aclexplode(p.paracl) as x
where x.grantee <> 10
order by 1
"""


def test_roles_are_as_declared_whatever_was_built_before() -> None:
    """Fault 51. They kept what a template had done, and drift told false differences."""
    boot = bootstrap()
    with new_checkout() as checkout:
        options = GlobalOptions(project=checkout, database_url=None, cluster="dev")

        def built(text: str, during: str = "") -> list[str]:
            with empty_database(options, [boot], Variables()) as url, connect(url) as connection:
                connection.execute(boot.sql.encode())
                found = [row for (row,) in connection.execute(ROLES)]
                connection.execute(text.encode())
                if during:
                    return [*found, *built(during)]
                return found

        first = built(LEFT_BEHIND)
        assert built("select") == first
        # While another database is built, what is not declared may be its own.
        own = "reset role; create role reader; grant reader to authenticator; grant anon to dotbase_owner"
        *same, reader, member = sorted(set(built(own, "select 1")) - set(first))
        assert (same, reader, member) == ([], "authenticator of reader f", "reader falsefalse-1")
        assert built("select") == first


def test_the_one_beside_may_be_the_only_one() -> None:
    with new_checkout() as checkout:
        cluster.start("dev-scratch", checkout)
        assert not cluster.stop("dev", checkout)
        assert not cluster.status("dev-scratch", checkout).running
        assert not cluster.destroy("dev", checkout)
        assert not cluster.status("dev-scratch", checkout).exists
