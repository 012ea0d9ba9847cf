"""A text of SQL cut into its statements, as psql does it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*)
    |(?P<string>[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<dollar>\$(?:[^\W\d]\w*)?\$)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<mark>[();])
    |\s+|.
    """,
    re.VERBOSE | re.DOTALL,
)
COMMENT_END = re.compile(r"/\*|\*/")
MAKES_ROUTINE = re.compile(r"create (or replace )?(function|procedure)")


@dataclass(frozen=True)
class Statement:
    """A statement without its semicolon, from its first word on, and where in the text that stands."""

    text: str
    position: int


def split(text: str) -> Iterator[Statement]:
    """The statements of a text; one that holds comments alone is none."""
    begin: int | None = None
    parentheses = blocks = at = 0
    words: list[str] = []
    while at < len(text):
        token = TOKEN.match(text, at)
        assert token is not None
        kind, found = token.lastgroup, token[0]
        at = token.end()
        if kind == "comment":
            at = _after_comment(text, at) if found == "/*" else at
            continue
        if found.isspace():
            continue
        if found == ";" and not parentheses and not blocks:
            if begin is not None:
                yield Statement(text[begin : token.start()].rstrip(), begin)
            begin, words = None, []
            continue
        begin = token.start() if begin is None else begin
        if kind == "dollar":
            end = text.find(found, at)
            at = len(text) if end < 0 else end + len(found)
        elif found in "()":
            parentheses = max(parentheses + (1 if found == "(" else -1), 0)
        elif kind == "word":
            words = [*words, found.lower()] if len(words) < 4 else words
            blocks = _depth(blocks, found.lower(), words)
    if begin is not None:
        yield Statement(text[begin:].rstrip(), begin)


def _after_comment(text: str, at: int) -> int:
    """Where a comment of `/*` ends; those of Postgres hold others."""
    depth = 1
    while depth:
        mark = COMMENT_END.search(text, at)
        if mark is None:
            return len(text)
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
    return at


def _depth(blocks: int, word: str, words: list[str]) -> int:
    """How deep in `begin atomic … end` the next word stands, which only routines have."""
    if not MAKES_ROUTINE.match(" ".join(words)):
        return blocks
    if word == "begin" or (word == "case" and blocks):
        return blocks + 1
    return blocks - 1 if word == "end" and blocks else blocks
