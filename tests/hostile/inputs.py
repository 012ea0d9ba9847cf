"""Hostile values by type: what a client may put where an RPC expects an integer, a text, an array.

A value is JSON text, since much of what is hostile cannot be made by a JSON library. An RPC with an
argument of a type that stands not here fails the tests: its app adds the type's classes (`types` in
tests/apps/<app>.py). What every RPC takes of a type stands at the end, with the reason why that is right.
"""

from __future__ import annotations

import json

from tests.harness.apps import Reasons, Since

DEEP = 3_000
PAST_THE_STACK = 20_000
MEGABYTES = 10 * 1024 * 1024

# Wrong for every type but those that the name says; JSON null is missing or a default.
ANY_TYPE = {
    "null": "null",
    "true": "true",
    "an object": '{"a": 1}',
    "an empty object": "{}",
    "an array of objects": '[{"a": 1}]',
    "an array of arrays of different lengths": "[[1, 2], [3]]",
    "deeply nested arrays": "[" * DEEP + "]" * DEEP,
    "arrays nested past the stack": "[" * PAST_THE_STACK + "]" * PAST_THE_STACK,
    "deeply nested objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "an empty text": '""',
    "a blank": '" "',
    "NUL": '"a\\u0000b"',
    "a lone high surrogate": '"\\ud800"',
    "a lone low surrogate": '"\\udc00"',
    "SQL": json.dumps("1'; drop table tickets; --"),
    "a format string": '"%s %I %L %1$s"',
    "a regular expression": '"^(a+)+$"',
}
NUMBERS = {
    "zero": "0",
    "minus one": "-1",
    "minus zero": "-0",
    "the smallest int4": "-2147483648",
    "the largest int4": "2147483647",
    "over int4": "2147483648",
    "under int4": "-2147483649",
    "over int8": "9223372036854775808",
    "a hundred digits": "1" + "0" * 100,
    "a hundred thousand digits": "9" * 100_000,
    "a fraction": "1.5",
    "a whole fraction": "1.0",
    "an exponent": "1e3",
    "a huge exponent": "1e400",
    "a tiny exponent": "1e-400",
    "NaN as text": '"NaN"',
    "infinity as text": '"infinity"',
    "minus infinity as text": '"-Infinity"',
    "a number as text": '"1"',
    "a number among blanks": '" 1 "',
    "a hexadecimal number": '"0x10"',
    "Arabic digits": '"١٢٣"',
    "full-width digits": '"１２３"',
    "a date": '"2025-01-01"',
}
TEXTS = {
    "a number": "1",
    "false": "false",
    "ten megabytes": f'"{"a" * MEGABYTES}"',
    "bidi overrides": '"\\u202egnp.exe\\u202c"',
    "zero-width characters": '"a\\u200b\\u200db\\ufeff"',
    "only zero-width characters": '"\\u200b\\u200d\\ufeff\\u2060"',
    "only blanks of other scripts": '"\\u3000\\u00a0\\u2003"',
    "combining characters": '"e' + "\\u0301" * 500 + '"',
    "an astral character": '"\\ud83d\\ude00"',
    "control characters": '"a\\u0001\\u001b[31m\\u0007"',
    "line breaks": '"a\\r\\nb"',
    "markup": '"<script>alert(1)</script>"',
    "JSON": '"{\\"a\\": 1}"',
    "a search path": '"pg_catalog.pg_sleep(10)"',
    "a backslash": '"\\\\"',
    "quotes": '"\'\\"$$"',
    "a name that nobody has": '"no.such_thing"',
}
INTEGER_ARRAYS = {
    "an empty array": "[]",
    "an array of null": "[null, null, null, null, null, null]",
    "a repeated number": "[1, 1, 2, 3, 4, 5]",
    "too few": "[1, 2, 3, 4, 5]",
    "too many": "[1, 2, 3, 4, 5, 6, 7]",
    "two dimensions": "[[1, 2, 3], [4, 5, 6]]",
    "numbers out of range": "[0, 46, -1, 2147483647, 5, 6]",
    "numbers over int4": "[2147483648, 2, 3, 4, 5, 6]",
    "fractions": "[1.5, 2, 3, 4, 5, 6]",
    "texts of numbers": '["1", "2", "3", "4", "5", "x"]',
    "mixed types": '[1, "2", true, null, {}, []]',
    "an array literal": '"{3,11,19,27,35,43}"',
    "an array literal with bounds": '"[0:5]={1,2,3,4,5,46}"',
    "a broken array literal": '"{1,2"',
    "a hundred thousand numbers": "[" + "1," * 99_999 + "1]",
    "a number": "7",
}
UUIDS = {
    "nobody's": '"00000000-0000-4000-8000-ffffffffffff"',
    "the nil uuid": '"00000000-0000-0000-0000-000000000000"',
    "no uuid": '"not-a-uuid"',
    "a uuid in braces": '"{00000000-0000-4000-8000-ffffffffffff}"',
    "a uuid without hyphens": '"0000000000004000800000000000ffff"',
    "a uuid too long": '"00000000-0000-4000-8000-ffffffffffff0"',
    "a number": "7",
}
JSONB = {
    "a number": "7",
    "a fraction": "1.5",
    "a huge exponent": "1e400",
    "a huger exponent": "1e200000",
    "a negative number": "-1",
    "over int8": "9223372036854775808",
    "a text": '"x"',
    "false": "false",
    "doubled keys": '{"a": 1, "a": 2}',
    "a hundred thousand elements": "[" + "1," * 99_999 + "1]",
}

BOOLEANS = {
    "a number": "1",
    "a number as text": '"1"',
    "a word for it": '"yes"',
    "a word in capitals": '"TRUE"',
    "a letter": '"t"',
    "another word": '"maybe"',
    "an empty array": "[]",
}
DATES = {
    "a number": "20250104",
    "infinity": '"infinity"',
    "minus infinity": '"-infinity"',
    "a word for a day": '"today"',
    "the epoch": '"epoch"',
    "a day that is none": '"2025-02-30"',
    "a year that is none": '"0000-01-01"',
    "before Christ": '"4713-01-01 BC"',
    "the last year": '"5874897-12-31"',
    "past the last year": '"9999999-01-01"',
    "a day in words": '"Saturday"',
    "an ambiguous day": '"04/01/2025"',
    "Arabic digits": '"٢٠٢٥-٠١-٠٤"',
    "an empty array": "[]",
}
TIMES = DATES | {
    "an hour that is none": '"2025-01-04T25:00:00Z"',
    "a leap second": '"2025-01-04T23:59:60Z"',
    "without a zone": '"2025-01-04T20:00:00"',
    "a zone that is none": '"2025-01-04T20:00:00 Mars/Olympus"',
}
TEXT_ARRAYS = {
    "an empty array": "[]",
    "an array of null": "[null]",
    "an array of an empty text": '[""]',
    "an array of numbers": "[1, 2]",
    "two dimensions": '[["a"], ["b"]]',
    "an array literal": '"{a,b}"',
    "a broken array literal": '"{a"',
    "NUL in an array": '["a\\u0000b"]',
    "a hundred thousand texts": "[" + '"a",' * 99_999 + '"a"]',
    "a number": "7",
}
NOT_TRUE = {name: value for name, value in ANY_TYPE.items() if name != "true"}

BY_TYPE = {
    "smallint": ANY_TYPE | NUMBERS,
    "integer": ANY_TYPE | NUMBERS,
    "bigint": ANY_TYPE | NUMBERS,
    "numeric": ANY_TYPE | NUMBERS,
    "double precision": ANY_TYPE | NUMBERS,
    "boolean": NOT_TRUE | BOOLEANS,
    "text": ANY_TYPE | TEXTS,
    "date": ANY_TYPE | DATES,
    "timestamp with time zone": ANY_TYPE | TIMES,
    "integer[]": ANY_TYPE | INTEGER_ARRAYS,
    "text[]": ANY_TYPE | TEXT_ARRAYS,
    "uuid": ANY_TYPE | UUIDS,
    "json": ANY_TYPE | JSONB,
    "jsonb": ANY_TYPE | JSONB,
}

# Whole bodies that are wrong for every RPC; bytes where they are no text.
BODIES: dict[str, str | bytes] = {
    "no JSON": "{",
    "a text": '"x"',
    "a number": "7",
    "an array of numbers": "[1, 2]",
    "rows that differ": '[{"a": 1}, {"b": 2}]',
    "a byte order mark": '\ufeff{"no_such_argument": 1}',
    "a byte order mark as bytes": b"\xef\xbb\xbf{}",
    "UTF-16": '{"no_such_argument": 1}'.encode("utf-16"),
    "blanks": "  ",
    "trailing text": '{"no_such_argument": 1} x',
    "null": "null",
    "an empty array": "[]",
    "deeply nested": "[" * DEEP + "]" * DEEP,
    "invalid UTF-8": b'{"no_such_argument": "\xff\xfe"}',
    "NaN": '{"no_such_argument": NaN}',
    "an unknown argument": '{"no_such_argument": 1}',
    "a role": '{"role": "service_role"}',
    "claims": '{"request.jwt.claims": "{}"}',
    "a prototype": '{"__proto__": {"admin": true}}',
    "an empty key": '{"": 1}',
    "a key with NUL": '{"a\\u0000": 1}',
}

_AS_TEXT = "PostgREST gives a text argument the JSON as text; that is a text like another."
_KEPT = "A text is kept as it is and is never run."
# A text that may be any text but an empty one, one out of bounds, or one of characters that cannot be seen.
ANY_TEXT: Reasons = {
    "true": _AS_TEXT,
    "an object": _AS_TEXT,
    "an empty object": _AS_TEXT,
    "an array of objects": _AS_TEXT,
    "an array of arrays of different lengths": _AS_TEXT,
    "a number": _AS_TEXT,
    "false": _AS_TEXT,
    "SQL": _KEPT,
    "a format string": _KEPT,
    "a regular expression": _KEPT,
    "markup": _KEPT,
    "JSON": _KEPT,
    "a search path": _KEPT,
    "a backslash": _KEPT,
    "quotes": _KEPT,
    "a name that nobody has": _KEPT,
    "an astral character": _KEPT,
    "doubled": "The last of two equal keys counts, and it is a text like another.",
}
INTEGER_AS_TEXT: Reasons = {
    "a number as text": "PostgREST reads an integer from its text as well.",
    "a number among blanks": "PostgREST reads an integer from its text as well.",
    "a hexadecimal number": Since(16, "Text is read as an integer in base 16 as well."),
}
ARRAY_LITERAL: Reasons = {
    "an array literal": "PostgREST reads an array from its text as well; it is checked as any.",
}
