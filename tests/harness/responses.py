"""What PostgREST 14 answers: statuses by SQLSTATE, error bodies, `raise sqlstate 'PGRST'`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

# How often the fixture itself answered, by PGRST code: printed apart in pytest's summary.
own_answers: Counter[str] = Counter()

EXACT = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42P01": 404,
    "42P17": 500,
    "53400": 500,
    "57P01": 503,
    "P0001": 400,
}
BY_CLASS = {
    **dict.fromkeys(("08", "53"), 503),
    **dict.fromkeys(("0L", "0P", "28"), 403),
    **dict.fromkeys(("09", "25", "2D", "38", "39", "3B", "40", "54", "55", "57", "58"), 500),
    **dict.fromkeys(("F0", "HV", "P0", "XX"), 500),
}


@dataclass(frozen=True)
class Response:
    """Status, decoded JSON body and headers (names in lower case) of an answer."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str | None:
        """The error's code; None on success."""
        return None if self.ok else str(self.body["code"])

    @property
    def details(self) -> Any:
        """The error's details, decoded where they are JSON."""
        details = self.body["details"]
        try:
            return json.loads(details)
        except (TypeError, ValueError):
            return details

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a successful answer; fails the test on an error."""
        assert self.ok, f"{self.status}: {self.body}"
        return list(self.body) if isinstance(self.body, list) else [self.body]

    @property
    def row(self) -> dict[str, Any]:
        """The one row of a successful answer."""
        assert len(self.rows) == 1, f"not one row: {self.body}"
        return self.rows[0]


def http_status(sqlstate: str, message: str, anonymous: bool) -> int:
    """The status PostgREST gives a database error."""
    if sqlstate == "42501":
        return 401 if anonymous else 403
    if sqlstate == "21000":
        return 400 if message.endswith("requires a WHERE clause") else 500
    if sqlstate == "22023":
        return 401 if message.startswith("role") and message.endswith("does not exist") else 400
    if sqlstate == "42883":
        return 406 if message.startswith("function xmlagg(") else 404
    if sqlstate.startswith("PT"):
        return int(sqlstate[2:]) if sqlstate[2:].isdigit() else 500
    return EXACT.get(sqlstate) or BY_CLASS.get(sqlstate[:2], 400)


def error_response(
    status: int,
    code: str,
    message: str,
    details: str | None = None,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error in PostgREST's form: four keys, always all of them.

    A 503 says in how many seconds PostgREST itself connects anew: 0, as the fixture's connection never fails.
    It stands before a `Retry-After` that an error raises for itself, which is the one that is kept here.
    """
    body = {"code": code, "message": message, "details": details, "hint": hint}
    fixed = {"content-type": "application/json; charset=utf-8", "proxy-status": f"PostgREST; error={code}"}
    if status == 503:
        fixed["retry-after"] = "0"
    return Response(status, body, {**fixed, **(headers or {})})


def own_error(
    status: int, code: str, message: str, details: str | None = None, hint: str | None = None
) -> Response:
    """An error that PostgREST, here the fixture, answers without or after the database; counted."""
    own_answers[code] += 1
    return error_response(status, code, message, details, hint)


def from_database_error(error: psycopg.Error, anonymous: bool) -> Response:
    """The answer to an error that the database raised."""
    diag = error.diag
    sqlstate = error.sqlstate or ""
    message = diag.message_primary or ""
    if sqlstate == "PGRST":
        return _from_raised_pgrst(message, diag.message_detail)
    status = http_status(sqlstate, message, anonymous)
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return error_response(status, sqlstate, message, diag.message_detail, diag.message_hint, headers)


def _from_raised_pgrst(message: str, detail: str | None) -> Response:
    says = _object(message, required={"code": str, "message": str}, optional={"details": str, "hint": str})
    if says is None:
        return _not_parsed(
            f"Invalid JSON value for MESSAGE: '{message}'",
            "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' "
            "and optional keys: 'details', 'hint'.",
        )
    detail_hint = (
        "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' "
        "and optional key: 'status_text'."
    )
    if detail is None:
        return _not_parsed("DETAIL is missing in the RAISE statement", detail_hint)
    how = _object(detail, required={"status": int, "headers": dict}, optional={"status_text": str})
    if how is None or not all(isinstance(value, str) for value in how["headers"].values()):
        return _not_parsed(f"Invalid JSON value for DETAIL: '{detail}'", detail_hint)
    headers = {name.lower(): value for name, value in how["headers"].items()}
    return error_response(
        how["status"], says["code"], says["message"], says.get("details"), says.get("hint"), headers
    )


def _not_parsed(details: str, hint: str) -> Response:
    return own_error(
        500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", details, hint
    )


def _object(text: str, required: dict[str, type], optional: dict[str, type]) -> dict[str, Any] | None:
    """The JSON object of this text if its keys have these types, else None."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, dict) or not all(type(value.get(key)) is kind for key, kind in required.items()):
        return None
    if not all(value.get(key) is None or type(value[key]) is kind for key, kind in optional.items()):
        return None
    return value
