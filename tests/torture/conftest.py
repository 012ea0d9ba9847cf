"""`make torture` (TORTURE=1) writes what it saw to docs/torture.md."""

from __future__ import annotations

import os
import re
from collections import Counter

import pytest

from tests.harness.server import ROOT

KILL = re.compile(r"^(\w+), seed \d+: .*$", re.MULTILINE)
HEADER = """\
# Torture

Written by `make torture`: kill -9 of a migration or rollback (the client), of a draw and of a settlement (the
server process, hence crash recovery of the whole cluster) at random instants spread over the time that each
takes undisturbed, and a bit beyond. Afterwards everything is old or new, never between: for a migration the
catalog and the history of versions, for a draw and a settlement the round, its tiers, results and partition,
transfers, balances and the run's own record; `ledger.check()` holds; run again, it ends where an undisturbed
twin ended. Relays, and the server under them, are killed in turn while 10,000 messages leave: none is lost,
each result is handled once, every repeat carries its key. A seed alone says the instant:
`pytest … --kills 1 --kill-seed SEED` repeats it.

{verdict}

```
{lines}
```
"""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """All kills of this run, one a line."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if report.when == "call" and KILL.search(report.capstdout)
    ]
    if not reports or not os.environ.get("TORTURE"):
        return
    lines = [match[0] for report in reports for match in KILL.finditer(report.capstdout)]
    kinds = Counter(line.partition(",")[0] for line in lines)
    failed = sum(report.failed for report in reports)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    verdict = f"{len(lines)} kills ({counts}): {failed} left something between or did not go on."
    terminalreporter.section("torture")
    for line in [*lines, verdict]:
        terminalreporter.write_line(line)
    text = HEADER.format(verdict=verdict, lines="\n".join(lines))
    (ROOT / "docs" / "torture.md").write_text(text)
