"""What a relay tells about itself: a line an event, on stderr. Never a secret, a body, or an address's query.

Whoever tells something gives names, numbers and codes. The text of an exception is not among them: those of
HTTP clients have the address in them, which may be the secret.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TextIO

from dotbase.printable import echo, plain

Value = str | int | float | bool | None


class Lines:
    """Lines of text, or of JSON for programs."""

    def __init__(self, as_json: bool, verbose: bool = False, stream: TextIO | None = None) -> None:
        self._as_json = as_json
        self._verbose = verbose
        self._stream = stream or sys.stderr

    def say(self, event: str, **facts: Value) -> None:
        """One line. Nobody who reads it any more is no reason to stop."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = {name: value for name, value in facts.items() if value is not None}
        if self._as_json:
            line = json.dumps({"at": at, "event": event, **known})
        else:
            line = plain(" ".join([at, event, *(f"{name}={value}" for name, value in known.items())]))
        try:
            echo(line, stream=self._stream)
        except (OSError, ValueError):
            return

    def detail(self, event: str, **facts: Value) -> None:
        """A line for those who want to see every message."""
        if self._verbose:
            self.say(event, **facts)


def place(error: BaseException) -> str:
    """What kind of exception, and where it was raised: all that may be told of one that nobody foresaw."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    module = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{type(error).__name__} in {module}:{trace.tb_lineno}"
