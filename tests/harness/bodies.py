"""JSON bodies: argument names out of a request's, status and headers around a response's."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.harness.responses import Response, own_error


def response_of(row: Sequence[Any], success: int) -> Response:
    """The answer; made after the commit, as PostgREST does: a bad response setting undoes nothing."""
    _, page_total, body, response_headers, response_status = row
    headers = {"content-range": f"0-{page_total - 1}/*" if page_total else "*/*"}
    if success == 204 or not body:
        decoded = None
    else:
        headers["content-type"] = "application/json; charset=utf-8"
        decoded = json.loads(body)
    if response_headers is not None:
        own = _header_list(response_headers)
        if own is None:
            message = (
                "response.headers guc must be a JSON array composed of objects with a single key and a "
                "string value"
            )
            return own_error(500, "PGRST111", message)
        headers.update(own)
    if response_status is not None:
        digits = response_status[: len(response_status) - len(response_status.lstrip("0123456789"))]
        if not digits:
            return own_error(500, "PGRST112", "response.status guc must be a valid status code")
        success = int(digits)
    # Its server sends no body with a 204, whoever said so.
    return Response(success, None if success == 204 else decoded, headers)


def _header_list(text: str) -> dict[str, str] | None:
    try:
        items = json.loads(text)
    except ValueError:
        return None
    if not isinstance(items, list):
        return None
    headers: dict[str, str] = {}
    for item in items:
        if not isinstance(item, dict) or len(item) != 1:
            return None
        if not all(isinstance(value, str) for value in item.values()):
            return None
        headers.update({name.lower(): value for name, value in item.items()})
    return headers


def keys_of(payload: object) -> set[str] | None:
    """The argument names of a body; None where rows of an array differ in them."""
    if isinstance(payload, dict):
        return set(payload)
    if not isinstance(payload, list) or not payload:
        return set()
    first = payload[0]
    if not isinstance(first, dict):
        return None
    same = all(isinstance(row, dict) and row.keys() == first.keys() for row in payload)
    return set(first) if same else None


DEEPEST = 50_000


def parse_json(text: str) -> object:
    """JSON as its standard has it: Python's own NaN and Infinity are refused.

    PostgREST's parser has no limit of depth, Python's has the interpreter's.
    """

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(DEEPEST)
    try:
        return json.loads(text, parse_constant=refuse)
    finally:
        sys.setrecursionlimit(limit)
