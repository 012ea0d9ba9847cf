"""What the tests run on: DOTBASE_TEST_TARGET, plain PostgreSQL or shaped like Supabase's; its version."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from dotbase.cluster import binaries
from dotbase.render.templates import Target, Variables

TARGET = cast(Target, os.environ.get("DOTBASE_TEST_TARGET") or "postgres")
# The server that DOTBASE_POSTGRES names, and its version; else Debian's, which has all that tests need.
NAMED = binaries.named()
VERSION = NAMED.major if NAMED else None
LACKING = NAMED.missing() if NAMED else []
SUPABASE = TARGET == "supabase"
OWNER = Variables(target=TARGET).owner
CRON = Variables(target=TARGET).cron_role
# pg_cron's role, where it is not the owner.
CRON_ALONE = [] if CRON == OWNER else [CRON]
# Of the tests' cluster: makes databases, counts coverage, and is nobody in the tests themselves.
SUPERUSER = "supabase_admin" if SUPABASE else "postgres"


def variables(master_key_file: Path | None, clock: str = "movable") -> Variables:
    """What the tests' databases are rendered with; Vault needs no key."""
    return Variables(target=TARGET, clock=clock, master_key_file=None if SUPABASE else master_key_file)


def missing(name: str) -> str:
    """Why a test is skipped that needs what npm's PostgreSQL comes without."""
    return f"this server has no {name}"


def only_on_postgres(reason: str) -> pytest.MarkDecorator:
    """For what the other target does not have: skipped there, with this reason."""
    return pytest.mark.skipif(SUPABASE, reason=f"on plain PostgreSQL only: {reason}")
