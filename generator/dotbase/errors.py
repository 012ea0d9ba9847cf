"""The one exception for everything foreseeable: what, where, and what to do about it."""

from __future__ import annotations

from dotbase.printable import plain


class DotbaseError(Exception):
    """Something foreseeable that stops a command.

    what:   what happened, as the start of a sentence, without a full stop.
    remedy: what to do about it, as a clause or sentence, without a full stop.
    where:  file and line (`policies/luckywalk.yaml:12`) or object it happened at.
    """

    def __init__(self, what: str, remedy: str, where: str | None = None) -> None:
        self.what = what.rstrip(". ")
        self.remedy = remedy.rstrip(". ")
        self.where = where
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """One line: `where: what; remedy.`"""
        place = f"{self.where}: " if self.where else ""
        return plain(" ".join(f"{place}{self.what}; {self.remedy}.".split()))
