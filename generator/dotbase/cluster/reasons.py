"""Why something failed, out of what libpq and the server's log say."""

from __future__ import annotations

import re

import psycopg

PREFIX = re.compile(r"^.*?\] (?:\S+@\S+ )?[A-Z]+: +")
FAREWELLS = re.compile(r"shutting down|shut down at|is shut down")


def of_refused_connection(error: psycopg.OperationalError) -> str:
    """The server's or libpq's reason, without which attempt on which address it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "FATAL:" in line), lines[0] if lines else "no reason given")
    return re.split(r"FATAL:|failed: ", said)[-1].strip()


def of_failed_start(log: str) -> str:
    """The last things that a server said that did not start."""
    lines = [PREFIX.sub("", line) for line in log.splitlines() if not FAREWELLS.search(line)]
    return "; ".join(line.strip().rstrip(".") for line in lines[-3:])
