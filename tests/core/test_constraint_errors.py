"""Constraints: a violated one is its own app's declared error, on whichever partition it fires."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness.databases import Database
from tests.harness.people import walker
from tests.harness.responses import Response
from tests.harness.target import OWNER

TILL = (Path(__file__).parent / "till.sql").read_text()
ME = walker(1)
DECLARED: Mapping[str, Mapping[str, list[str]]] = {
    "till": {
        "price_invalid": ["price_is_positive"],
        "order_exists": ["orders_pkey"],
        "customer_unknown": ["orders_customer_id_fkey"],
        "amount_invalid": ["orders_amount_is_positive"],
        "weight_invalid": ["grams_not_negative"],
    },
    "shed": {"tool_price_invalid": ["price_is_positive"]},
}


def declaration(app: str, number: int) -> str:
    return json.dumps(
        [
            {
                "name": name,
                "sqlstate": f"ZT{number}{place:02}",
                "status": 409,
                "message_en": "No.",
                "message_ko": "안 됩니다.",
                "hint": "Do not.",
                "constraints": constraints,
            }
            for place, (name, constraints) in enumerate(DECLARED[app].items())
        ]
    )


@pytest.fixture(scope="module")
def till(module_db: Database) -> Database:
    """A database with the apps `till` and `shed`."""
    with module_db.owner.transaction():
        module_db.owner.execute(f"set local role {OWNER}".encode())
        module_db.owner.execute(TILL.encode())
        for number, app in enumerate(DECLARED):
            module_db.owner.execute("select core.declare_errors(%s, %s)", [app, declaration(app, number)])
    module_db.reload()
    return module_db


def put(db: Database, table: str, *values: int) -> Response:
    return db.call(ME, "put", into_table=table, given=list(values))


def test_a_constraint_name_that_two_apps_have_is_each_apps_own_error(till: Database) -> None:
    assert put(till, "till.goods", 0).code == "price_invalid"
    assert put(till, "shed.goods", 0).code == "tool_price_invalid"


def test_what_only_another_app_declares_is_no_error_of_this_one(till: Database) -> None:
    till.owner.execute("alter table shed.tools rename constraint tools_price_is_positive to orders_pkey")
    try:
        assert put(till, "shed.tools", 0).code == "internal_error"
    finally:
        till.owner.execute("alter table shed.tools rename constraint orders_pkey to tools_price_is_positive")


@pytest.mark.parametrize("year", [2024, 2025])
@pytest.mark.parametrize(
    ("order", "customer", "amount", "error"),
    [
        (1, 1, 5, "order_exists"),
        (2, 9, 5, "customer_unknown"),
        (2, 1, 0, "amount_invalid"),
    ],
)
def test_a_partitions_constraint_is_its_parents_error_whatever_it_is_called(
    year: int, order: int, customer: int, amount: int, error: str, till: Database
) -> None:
    assert put(till, "till.orders", order, year, customer, amount).code == error


def test_a_partitions_constraint_is_found_when_its_partition_is_written_directly(till: Database) -> None:
    assert put(till, "shed.older_orders", 1, 2024, 1, 5).code == "order_exists"


def test_a_partitions_own_constraint_is_no_error_of_its_parent(till: Database) -> None:
    assert put(till, "till.orders", 2, 2024, 1, 1000).code == "internal_error"


def test_a_domains_constraint_is_its_apps_error(till: Database) -> None:
    assert till.call(ME, "weigh", weight=-1).code == "weight_invalid"
    assert till.call(ME, "weigh", weight=0).body == 0
