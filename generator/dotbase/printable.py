"""Text of others as it may be shown: whatever ends lines or moves cursors is spelt out.

A name in a database is anything but a zero byte, and whoever may make a schema chooses it.
"""

from __future__ import annotations

import unicodedata

# Controls, formats (bidirectional overrides among them), separators of lines and paragraphs, lone surrogates.
UNSEEN = frozenset(("Cc", "Cf", "Zl", "Zp", "Cs"))
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plain(text: str) -> str:
    """One line of it, safe on a terminal and behind `--`."""
    if text.isprintable():
        return text
    return "".join(_spelt(character) for character in text)


def comment(text: str) -> str:
    """One line of SQL that does nothing, whatever is said."""
    return f"-- {plain(text)}"


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
