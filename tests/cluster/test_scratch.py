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
        with empty_database(options, Variables()) as url, connect(url) as connection:
            row = connection.execute("show data_directory").fetchone()
            assert row is not None
            assert Path(row[0]).parent.name == "dev-scratch"
        assert cluster.status("dev-scratch", checkout).running
        assert cluster.stop("dev", checkout)
        assert not cluster.status("dev-scratch", checkout).running
        cluster.destroy("dev", checkout)
        assert not cluster.status("dev-scratch", checkout).exists


def test_the_one_beside_may_be_the_only_one() -> None:
    with new_checkout() as checkout:
        cluster.start("dev-scratch", checkout)
        assert not cluster.stop("dev", checkout)
        assert not cluster.status("dev-scratch", checkout).running
        assert not cluster.destroy("dev", checkout)
        assert not cluster.status("dev-scratch", checkout).exists
