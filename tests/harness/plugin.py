"""What the harness adds to pytest: the coverage option, and the section "dotbase" in the summary."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import Any

import pytest

from dotbase.cluster import placement
from tests.harness.bouncer import Bouncer
from tests.harness.coverage import share, uncovered_lines
from tests.harness.depth import DEEP, chosen, depth
from tests.harness.figures import count_once, distinct, figures
from tests.harness.findings import FINDINGS, Findings
from tests.harness.responses import own_answers
from tests.harness.sessions import Session
from tests.harness.target import LACKING, SUPABASE, VERSION, missing

WORKER_KEY = "dotbase_harness"
# What PostgreSQL of npm comes without: tests ask for it by the fixture or the mark of that name.
ON_SOME_SERVERS = ("pg_cron", "plpgsql_check")
KILL_SEED = "DOTBASE_KILL_SEED"
SESSION = pytest.StashKey[Session]()
BEGAN = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The threshold, which only a run of all tests can be held to."""
    parser.addoption(
        "--plpgsql-coverage",
        type=float,
        metavar="PERCENT",
        help="Fail below this share of executed PL/pgSQL statements, and list those not executed.",
    )

    parser.addoption(
        "--within",
        type=float,
        metavar="SECONDS",
        help="Skip what would begin later: `make check` ends in time.",
    )
    parser.addoption("--pgbouncer", action="store_true", help="PostgREST's connections go through PgBouncer.")
    parser.addoption(
        "--kills",
        type=int,
        default=depth(2, 10),
        metavar="N",
        help="Random instants that each kill test is run for.",
    )
    parser.addoption(
        "--kill-seed", type=int, metavar="SEED", help="Where the kill tests' seeds begin, to repeat a run."
    )


def pytest_configure(config: pytest.Config) -> None:
    """A place for the findings; servers in memory; seeds that the workers of xdist agree on."""
    config.stash[FINDINGS] = Findings()
    os.environ.setdefault(placement.WANTED, "1")
    Bouncer.on = config.getoption("--pgbouncer")
    for name in ON_SOME_SERVERS:
        config.addinivalue_line("markers", f"{name}: skipped on a server without it (DOTBASE_POSTGRES)")
    config.addinivalue_line("markers", "deep: only in `make test-deep`")
    config.addinivalue_line("markers", "deeper: goes further in `make test-deep`")
    config.addinivalue_line("markers", "kill: kills a process at a random instant, once a seed (--kills)")
    seed = config.getoption("--kill-seed")
    if seed is not None:
        os.environ[KILL_SEED] = str(seed)
    os.environ.setdefault(KILL_SEED, str(random.randrange(10**6)))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """A run begins: before it has workers."""
    session.config.stash[BEGAN] = time.monotonic()
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        session.config.stash[SESSION] = Session()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`-m kill` chooses the tests that kill. What a fixture of that name asks for is marked by it."""
    for item in filter(_kills, items):
        item.add_marker("deeper")
    if others := [item for item in items if not chosen(item)]:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if chosen(item)]
        if not DEEP:
            count_once("tests left to make test-deep", [item.nodeid for item in others])
    for item in items:
        for name in ON_SOME_SERVERS:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)
            if name in LACKING and item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=missing(name)))
        if _kills(item):
            item.add_marker("kill")


def _kills(item: pytest.Item) -> bool:
    return "kill_seed" in getattr(item, "fixturenames", ())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `kill_seed` runs once a seed; the seed is in its name."""
    if "kill_seed" in metafunc.fixturenames:
        first = int(os.environ[KILL_SEED])
        seeds = range(first, first + metafunc.config.getoption("--kills"))
        metafunc.parametrize("kill_seed", seeds, ids=lambda seed: f"seed-{seed}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of xdist ended: take its findings."""
    if WORKER_KEY in getattr(node, "workeroutput", {}):
        node.config.stash[FINDINGS].merge(node.workeroutput[WORKER_KEY])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the findings up, or judge them."""
    findings = session.config.stash[FINDINGS]
    findings.own_answers.update(own_answers)
    findings.figures.update(figures)
    findings.add_distinct(distinct)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[WORKER_KEY] = findings.as_json()
        return
    threshold = session.config.getoption("--plpgsql-coverage")
    below = threshold is not None and bool(findings.statements) and _percent(findings) < threshold
    if (below or _other_skips(session.config)) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test begins after the time that the run has."""
    within = item.config.getoption("--within")
    if within is not None and time.monotonic() - item.config.stash[BEGAN] > within:
        pytest.skip(f"there was no time for it within {within:g} s; `make test` runs it")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The run is over, however it went: what it started is stopped."""
    if SESSION in config.stash:
        config.stash[SESSION].close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Own answers of the fixture, cost of clones, what tests counted, coverage of PL/pgSQL."""
    findings = config.stash[FINDINGS]
    lines = _target_lines(terminalreporter) + _version_lines(terminalreporter)
    if findings.own_answers:
        answers = ", ".join(f"{code} {count}" for code, count in sorted(findings.own_answers.items()))
        lines.append(f"Answered by the fixture itself, not by the database: {answers}.")
    if findings.kill_seeds:
        seeds = ", ".join(map(str, sorted(set(findings.kill_seeds))))
        lines.append(f"{len(findings.kill_seeds)} kills at random instants; seeds {seeds}.")
    if findings.clones:
        mean = 1000 * findings.clone_seconds / findings.clones
        lines.append(f"{findings.clones} databases cloned and dropped, {mean:.0f} ms each.")
    counted = {**findings.figures, **{name: len(keys) for name, keys in findings.distinct.items()}}
    lines += [f"{number:,} {name}." for name, number in sorted(counted.items())]
    if findings.statements:
        lines += _coverage_lines(findings, config.getoption("--plpgsql-coverage"))
    if lines:
        terminalreporter.section("dotbase")
        for line in lines:
            terminalreporter.write_line(line)


def _target_lines(terminalreporter: pytest.TerminalReporter) -> list[str]:
    """Why tests were skipped; on another target than plain PostgreSQL, the share of those that ran."""
    if VERSION is not None and not SUPABASE:
        return []
    reasons = _reasons(terminalreporter)
    skipped = reasons.total()
    lines = [f"  {number} skipped: {reason}" for reason, number in reasons.most_common()]
    if not SUPABASE:
        return [line.strip() for line in lines]
    passed = len(terminalreporter.stats.get("passed", []))
    share = f"{100 * skipped / max(1, passed + skipped):.1f} %"
    return [f"Target supabase: {passed} passed, {skipped} skipped ({share}).", *lines]


def _reasons(reporter: Any) -> Counter[str]:
    """Why tests were skipped."""
    reports = reporter.stats.get("skipped", []) if reporter else []
    return Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)


def _other_skips(config: pytest.Config) -> Counter[str]:
    """On a server that lacks what some tests need, no other test may be skipped."""
    if VERSION is None or SUPABASE:
        return Counter()
    reasons = _reasons(config.pluginmanager.get_plugin("terminalreporter"))
    allowed = map(missing, ON_SOME_SERVERS)
    return Counter({reason: number for reason, number in reasons.items() if reason not in [*allowed]})


def _version_lines(terminalreporter: pytest.TerminalReporter) -> list[str]:
    """On a server that DOTBASE_POSTGRES names: how many tests it cannot run, and why."""
    if VERSION is None:
        return []
    reasons = _reasons(terminalreporter)
    lacking = {name: reasons[missing(name)] for name in ON_SOME_SERVERS}
    each = ", ".join(f"{name} {number}" for name, number in lacking.items())
    lines = [f"{sum(lacking.values())} tests skipped on {VERSION}: {each}."]
    others = _other_skips(terminalreporter.config)
    return lines + [f"  {number} more, which they may NOT be: {reason}" for reason, number in others.items()]


def _percent(findings: Findings) -> float:
    executed, total = share(findings.statements, findings.coverage)
    return 100 * executed / total if total else 100.0


def _coverage_lines(findings: Findings, threshold: float | None) -> list[str]:
    executed, total = share(findings.statements, findings.coverage)
    functions = len({s.function for s in findings.statements})
    lines = [
        f"PL/pgSQL statements executed: {_percent(findings):.1f} % "
        f"({executed} of {total}, in {functions} functions)."
    ]
    if threshold is not None:
        lines += [
            f"  {signature}: not executed: line {', '.join(map(str, numbers))}"
            for signature, numbers in uncovered_lines(findings.statements, findings.coverage)
        ]
        verdict = "at least" if _percent(findings) >= threshold else "BELOW"
        lines.append(f"That is {verdict} the {threshold:g} % asked for.")
    return lines
