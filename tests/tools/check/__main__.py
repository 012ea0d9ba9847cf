"""The command: `python -m tests.tools.check`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from tests.harness.server import ROOT
from tests.tools.check import lint, tests
from tests.tools.check.changes import changed

SECONDS = 50  # for all of it; the last test that began before may end after


def main() -> int:
    """Says what it looks at and leaves out; 1 when lint finds something or a test fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.check", description=__doc__)
    parser.add_argument("--since", metavar="REF", help="compare with where this branch left REF (main)")
    parser.add_argument("--list", action="store_true", help="say which tests it would run, and stop")
    options = parser.parse_args()
    started = time.monotonic()
    files = changed(ROOT, options.since)
    chosen = tests.of(ROOT, files)
    print(f"{len(files)} files changed, which concern {len(chosen)} files of tests.", flush=True)
    if options.list:
        print("\n".join(chosen))
        return 0
    wrong = False
    for section in lint.sections(ROOT, files):
        print(f"{section.name}: {section.looked_at}: {section.verdict}", flush=True)
        for finding in section.findings:
            print(f"  {finding}")
            wrong = True
    if chosen:
        left = max(10, SECONDS - int(time.monotonic() - started))
        command = [sys.executable, "-m", "pytest", "-n", "2", "--maxfail", "5", "--within", str(left)]
        wrong |= subprocess.run([*command, *chosen], cwd=ROOT, check=False).returncode != 0
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
