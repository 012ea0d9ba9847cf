"""The texts of new migrations: what a recorded migration did, cut where its transactions end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dotbase.errors import DotbaseError
from dotbase.render import sources
from dotbase.supabase.manifest import MARKER
from dotbase.supabase.recording import Statement

MOMENT = "%Y%m%d%H%M%S"
HEAD = f"{MARKER}. Not to be edited: change the templates and render again."
LONGEST_NAME = 60


@dataclass
class Piece:
    """What one file does: a transaction's statements, or a single statement outside of one.

    last: number of the last transaction in it.
    """

    statements: list[Statement]
    transactional: bool
    last: int


def cut(statements: Sequence[Statement], committed: Iterable[int]) -> list[Piece]:
    """One piece a transaction, one a statement outside of transactions.

    committed: numbers of all transactions, also of those that did nothing but write or read the history;
    these are joined with their neighbours.
    """
    pieces: list[Piece] = []
    for number in committed:
        inside = [found for found in statements if found.transaction == number and found.inside]
        if pieces and pieces[-1].transactional and not (inside and pieces[-1].statements):
            pieces[-1].statements += inside
            pieces[-1].last = number
        else:
            pieces.append(Piece(inside, True, number))
        pieces += [
            Piece([found], False, number)
            for found in statements
            if found.transaction == number and not found.inside
        ]
    return pieces


def text_of(piece: Piece, first: str, history: Sequence[str]) -> str:
    """The text of a transactional file: the refusal in front, the statements, the history."""
    parts = [HEAD, "set check_function_bodies = off;", first]
    for statement in piece.statements:
        if statement.source is not None:
            parts.append(f"-- Source: {statement.source}\n{statement.text.strip()}")
        else:
            parts.append(f"{statement.text.strip().rstrip(';')};")
    if history:
        parts += ["-- The history of dotbase migrate, as it would have written them.", *history]
    return "\n\n".join(part for part in parts if part) + "\n"


def text_outside(statement: Statement) -> str:
    """The text of a file that holds one statement, which no transaction may hold."""
    return f"{HEAD}\n-- Source: {statement.source}\n{statement.text.rstrip().rstrip(';')};\n"


def name_of(pieces: Sequence[Piece], removed: Iterable[str]) -> str:
    """What the files are about: a versioned file, else the apps."""
    sources = [s.source for piece in pieces for s in piece.statements if s.source is not None]
    versioned = [source for source in sources if source.startswith("schema/")]
    if len(versioned) == 1:
        return slug(versioned[0].removeprefix("schema/"))
    apps = dict.fromkeys(re.split(r"[/.]", key)[1] for key in [*(versioned or sources), *removed])
    return slug("_".join(apps) or "dotbase")


def slug(name: str) -> str:
    """A name for a file. Supabase's program takes an old `…_init.sql` for its own and skips it."""
    found = re.sub(r"[^a-z0-9]+", "_", sources.stem(name.lower())).strip("_")[:LONGEST_NAME].strip("_")
    if not found:
        raise DotbaseError(f"{name} gives no name of a file", "name it in latin letters, with --name")
    return f"{found}ial" if re.search(r"(^|_)init$", found) else found


def versions(count: int, existing: Sequence[int], moment: datetime) -> list[str]:
    """Versions of 14 digits from a moment on, a second apart, all greater than those that exist."""
    newest = max(existing, default=0)
    start = moment
    if newest >= int(moment.strftime(MOMENT)):
        try:
            start = datetime.strptime(str(newest), MOMENT) + timedelta(seconds=1)
        except (ValueError, OverflowError):
            start = None  # type: ignore[assignment]
    if start is not None:
        return [(start + timedelta(seconds=number)).strftime(MOMENT) for number in range(count)]
    found = [str(newest + 1 + number) for number in range(count)]
    if len(found[-1]) > len(str(10**13)):
        raise DotbaseError(
            f"no version of 14 digits comes after {newest}", "give that migration a moment as its version"
        )
    return found
