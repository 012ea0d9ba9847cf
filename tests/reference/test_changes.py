"""What breaks a client of the API is told, and what only adds to it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dotbase.catalog.api import Api, Argument, Column, RowType, Rpc, View
from dotbase.reference.changes import breaking

BUY = Rpc(
    "buy",
    (Argument("item_id", "bigint", None), Argument("amount", "integer", "1")),
    "SETOF api.carts",
    "stable",
    ("anon", "authenticated"),
    None,
)
ITEMS = View("items", (Column("item_id", "bigint"), Column("price", "bigint")), ("anon",), None)
CARTS = RowType("carts", (Column("cart_id", "uuid"), Column("total", "bigint")), None)
UNUSED = RowType("unused", (Column("a", "text"),), None)
BEFORE = Api((BUY,), (ITEMS,), (CARTS, UNUSED))


def told(rpc: Rpc = BUY, view: View = ITEMS, row_type: RowType = CARTS) -> list[str]:
    return [str(one) for one in breaking(BEFORE, Api((rpc,), (view,), (row_type,)))]


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (replace(BUY, name="order"), "the RPC is gone"),
        (replace(BUY, arguments=BUY.arguments[:1]), "argument amount is gone"),
        (
            replace(BUY, arguments=(Argument("item_id", "uuid", None), BUY.arguments[1])),
            "argument item_id is uuid, it was bigint",
        ),
        (
            replace(BUY, arguments=(BUY.arguments[0], Argument("amount", "integer", None))),
            "argument amount must be sent, it had a default",
        ),
        (
            replace(BUY, arguments=(*BUY.arguments, Argument("colour", "text", None))),
            "argument colour is new and must be sent",
        ),
        (replace(BUY, result="bigint"), "it returns bigint, it returned SETOF api.carts"),
        (replace(BUY, result="api.carts"), "it returns api.carts, it returned SETOF api.carts"),
        (replace(BUY, volatility="volatile"), "it writes now, so that it cannot be called by GET any more"),
        (replace(BUY, roles=("authenticated",)), "anon may no longer use it"),
    ],
)
def test_what_an_rpc_takes_away_is_told(after: Rpc, sentence: str) -> None:
    assert told(rpc=after) == [f"api.buy: {sentence}"]


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (replace(ITEMS, name="goods"), "the view is gone"),
        (replace(ITEMS, columns=ITEMS.columns[:1]), "column price is gone"),
        (
            replace(ITEMS, columns=(ITEMS.columns[0], Column("price", "text"))),
            "column price is text, it was bigint",
        ),
        (replace(ITEMS, roles=()), "anon may no longer use it"),
    ],
)
def test_what_a_view_takes_away_is_told(after: View, sentence: str) -> None:
    assert told(view=after) == [f"api.items: {sentence}"]


def test_what_the_rows_of_an_rpc_lose_is_told() -> None:
    assert told(row_type=replace(CARTS, columns=CARTS.columns[:1])) == ["api.carts: column total is gone"]


def test_a_row_type_that_no_rpc_returned_may_go() -> None:
    assert told() == []


def test_what_is_only_added_is_not_told() -> None:
    more = replace(
        BUY,
        arguments=(*BUY.arguments, Argument("colour", "text", "NULL::text")),
        roles=(*BUY.roles, "service_role"),
        comment="Buys.",
    )
    columns = (*CARTS.columns, Column("note", "text"))
    wider = replace(ITEMS, columns=(Column("name", "text"), *ITEMS.columns))
    assert told(more, wider, replace(CARTS, columns=columns)) == []
    assert breaking(BEFORE, replace(BEFORE, rpcs=(BUY, replace(BUY, name="sell")))) == []


def test_a_get_that_stays_one_is_not_told() -> None:
    assert told(replace(BUY, volatility="immutable")) == []
