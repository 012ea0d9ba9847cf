"""What changed: the files that differ from where the branch left its trunk, committed or not."""

from __future__ import annotations

import subprocess
from pathlib import Path

TRUNKS = ("origin/main", "main")


def changed(root: Path, since: str | None = None) -> list[str]:
    """Paths from the root that are there and differ from the merge base with `since`, else with the trunk."""
    base = _merge_base(root, since)
    named = _git(root, "diff", "--name-only", "--no-renames", "--diff-filter=d", base)
    new = _git(root, "ls-files", "--others", "--exclude-standard")
    return sorted({*named.splitlines(), *new.splitlines()})


def _merge_base(root: Path, since: str | None) -> str:
    for trunk in [since] if since else TRUNKS:
        found = subprocess.run(
            ["git", "merge-base", "HEAD", trunk], cwd=root, capture_output=True, text=True, check=False
        )
        if found.returncode == 0:
            return found.stdout.strip()
    raise SystemExit(
        f"git knows no {since or ' and no '.join(TRUNKS)} to compare with; name one with --since"
    )


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout
