"""Cutting SQL into statements as the server does, whatever comments, strings, quotes and bodies hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Every character that is not ASCII is a letter to the server, spaces among them.
LETTER = r"[A-Za-z_\u0080-\U0010ffff]"
TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\n\r\f\v]+|--[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<string>(?:[uU]&|[bBxXnN])?'(?:[^']|'')*')
    | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
    | (?P<dollar>\$(?:{LETTER}(?:{LETTER}|[0-9])*)?\$)
    | (?P<word>{LETTER}(?:{LETTER}|[0-9$])*)
    | (?P<number>[0-9](?:{LETTER}|[0-9.])*|\$[0-9]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
COMMENT = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Statement:
    """One statement.

    start, end: where it is in the text, without the comments in front of it and the semicolon.
    words:      its words outside of strings and parentheses, in lower case; other characters as they are.
    """

    start: int
    end: int
    words: tuple[str, ...]

    def of(self, text: str) -> str:
        """The statement in the text that it was cut from."""
        return text[self.start : self.end]


def statements(text: str) -> Iterator[Statement]:
    """The statements of a text; one in a body (`begin atomic … end`) ends none."""
    start: int | None = None
    end = depth = nested = 0
    words: list[str] = []
    for position, after, kind, token in _tokens(text):
        if kind == "space":
            continue
        if token == ";" and not depth and not nested:
            if start is not None:
                yield Statement(start, end, tuple(words))
            start, words = None, []
            continue
        start, end = position if start is None else start, after
        if token in "()[]" and kind == "other":
            depth = max(0, depth + (1 if token in "([" else -1))
        if kind == "word":
            nested = _nested(nested, token, words)
        if not depth and kind in ("word", "other"):
            words.append(token)
    if start is not None:
        yield Statement(start, end, tuple(words))


def _nested(nested: int, word: str, before: list[str]) -> int:
    """How deep in bodies of standard SQL we are, behind this word."""
    if nested:
        return nested + (word in ("case", "begin")) - (word == "end")
    body = word == "atomic" and before[-1:] == ["begin"] and before[:1] == ["create"]
    return 1 if body else 0


def _tokens(text: str) -> Iterator[tuple[int, int, str, str]]:
    position = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        assert found is not None
        kind, after = str(found.lastgroup), found.end()
        if kind == "comment":
            kind, after = "space", _end_of_comment(text, after)
        elif kind == "dollar":
            closing = text.find(found[0], after)
            after = len(text) if closing < 0 else closing + len(found[0])
        yield position, after, kind, found[0].lower()
        position = after


def _end_of_comment(text: str, position: int) -> int:
    """Behind a comment, which may hold others."""
    depth = 1
    while depth:
        found = COMMENT.search(text, position)
        if found is None:
            return len(text)
        depth += 1 if found[0] == "/*" else -1
        position = found.end()
    return position
