"""What a file may not say: what ends the transaction that it is in, and what psql or a stream would read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dotbase.errors import DotbaseError
from dotbase.render.sql_text import Statement, statements
from dotbase.render.steps import Step

CONTROLS = (
    ("begin",),
    ("start", "transaction"),
    ("commit",),
    ("end",),
    ("rollback",),
    ("abort",),
    ("savepoint",),
    ("release",),
    ("prepare", "transaction"),
    ("set", "transaction"),
    ("set", "session", "characteristics"),
    ("set", "local", "transaction"),
)
STREAMS = (("from", "stdin"), ("to", "stdout"))
GUARDS = ("lock_timeout",)
TAKE_OUT = "take the line out: migrate makes the transactions, so that all is applied or nothing"
INSTEAD = "write the rows as `insert … values`, or load them with psql afterwards"
OF_PSQL = "take the line out: a command that begins with \\ is psql's, and the server does not know it"


def require_plain(steps: Iterable[Step]) -> None:
    """Refuse the first statement of these steps that would take the transaction out of our hands."""
    for step in steps:
        _require_plain(step)


def _require_plain(step: Step) -> None:
    found = list(statements(step.sql))
    for statement in found:
        what = _refused(statement, alone=len(found) == 1 and not step.transactional)
        if what is not None:
            said, remedy = what
            raise DotbaseError(said, remedy, step.place_of(statement.start))


def _refused(statement: Statement, *, alone: bool) -> tuple[str, str] | None:
    words = statement.words
    if words[:1] == ("\\",):
        return f"`\\{words[1] if len(words) > 1 else ''}` cannot be run", OF_PSQL
    for control in CONTROLS:
        if words[: len(control)] == control:
            return f"`{' '.join(control)}` would end or change the transaction of the migration", TAKE_OUT
    if words[:1] == ("copy",):
        for stream in STREAMS:
            if _holds(words, stream):
                return f"`copy … {' '.join(stream)}` has no stream here", INSTEAD
    return _guard(words)


def _guard(words: Sequence[str]) -> tuple[str, str] | None:
    """The guard against a queue behind a lock is not a file's to switch off, as the header of a dump does."""
    name = words[1:2] if words[1:2] not in (("local",), ("session",)) else words[2:3]
    if words[:1] == ("set",) and name and name[0] in GUARDS:
        return (
            f"`set {name[0]}` would switch off the guard that nobody waits behind this migration",
            "take the line out, and give the time with --lock-timeout",
        )
    return None


def _holds(words: Sequence[str], part: Sequence[str]) -> bool:
    return any(tuple(words[at : at + len(part)]) == tuple(part) for at in range(len(words)))
