"""Text of others as it may be shown: whatever ends lines or moves cursors is spelt out.

A name in a database is anything but a zero byte, and whoever may make a schema chooses it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TextIO

import click

# Controls, formats (bidirectional overrides among them), separators of lines and paragraphs, lone surrogates.
UNSEEN = frozenset(("Cc", "Cf", "Zl", "Zp", "Cs"))
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
LAYOUT = frozenset("\n\t")
# What a statement writes that may hold any character.
QUOTED = re.compile(
    r"""
    "(?P<name>(?:[^"]|"")*)"
    |[eE]'(?P<escape>(?:[^'\\]|''|\\.)*)'
    |'(?P<string>(?:[^']|'')*)'
    |\$(?P<tag>(?:[^\W\d]\w*)?)\$(?P<body>.*?)\$(?P=tag)\$
    |\w[\w$]*
    |.
    """,
    re.VERBOSE | re.DOTALL,
)


def echo(text: object, *, err: bool = False, nl: bool = True, stream: TextIO | None = None) -> None:
    """Print lines: all that commands print comes through here, or is a table of rich's made of `plain` texts.

    `plain` has been over what others wrote, so that no line of it ends; the rest is spelt out here at last.
    """
    said = str(text)
    if _hides(said):
        said = "".join(one if one in LAYOUT else _spelt(one) for one in said)
    click.echo(said, file=stream, err=err, nl=nl)


def plain(text: str) -> str:
    """One line of it, safe on a terminal and behind `--`."""
    if text.isprintable():
        return text
    return "".join(_spelt(character) for character in text)


def comment(text: str) -> str:
    """One line of SQL that does nothing, whatever is said."""
    return f"-- {plain(text)}"


def statement(text: str) -> str:
    """A statement that names and says the same, in signs that are to be seen; its lines stay lines."""
    return text if not _hides(text) else QUOTED.sub(_statement_part, text)


def _statement_part(found: re.Match[str]) -> str:
    part = found[0]
    if not _hides(part):
        return part
    if (name := found["name"]) is not None:
        return 'U&"' + "".join(_unicode_escape(character) for character in name) + '"'
    if (escape := found["escape"]) is not None:
        return f"e'{_escaped_text(escape)}'"
    if (string := found["string"]) is not None:
        return f"e'{_escaped_text(string.replace(chr(92), chr(92) * 2))}'"
    if (body := found["body"]) is not None:
        doubled = body.replace(chr(92), chr(92) * 2).replace("'", "''")
        return f"e'{_escaped_text(doubled)}'"
    return plain(part)


def _hides(text: str) -> bool:
    return any(unicodedata.category(one) in UNSEEN and one not in LAYOUT for one in text)


def _unicode_escape(character: str) -> str:
    if character == "\\":
        return "\\\\"
    return f"\\+{ord(character):06x}" if unicodedata.category(character) in UNSEEN else character


def _escaped_text(text: str) -> str:
    return "".join(
        f"\\U{ord(one):08x}" if unicodedata.category(one) in UNSEEN and one not in LAYOUT else one
        for one in text
    )


def json_lines(text: str) -> str:
    """What json.dumps wrote: the same values, every character of them to be seen."""
    return "".join(
        character
        if character == "\n" or unicodedata.category(character) not in UNSEEN
        else _escaped(character)
        for character in text
    )


def _spelt(character: str) -> str:
    if unicodedata.category(character) not in UNSEEN:
        return character
    number = ord(character)
    return SHORT.get(character) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")


def _escaped(character: str) -> str:
    """As JSON has it: in halves beyond the first plane."""
    code = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{code[at : at + 2].hex()}" for at in range(0, len(code), 2))
