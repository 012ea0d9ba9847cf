"""`dotbase jobs`: what is scheduled, what ran, what is wrong, and running a job by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from dotbase.errors import DotbaseError
from dotbase.jobs import examination, registry, running, show, tables
from dotbase.jobs.session import Row, Session, opened
from dotbase.options import GlobalOptions
from dotbase.printable import echo, plain

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("jobs")
def command() -> None:
    """Scheduled jobs: what is scheduled, what ran, what is wrong. For the owner's members."""


@command.command("list")
@json_option
@click.pass_obj
def list_(options: GlobalOptions, as_json: bool) -> None:
    """One row a job: next slot in its own zone, how it went last, how it does."""
    with opened(options) as session:
        jobs = registry.overview(session)
    if as_json:
        show.as_json(jobs)
        return
    tables.overview(jobs)


@command.command("show")
@click.argument("name")
@json_option
@click.pass_obj
def show_(options: GlobalOptions, name: str, as_json: bool) -> None:
    """Everything about one job: its declaration, and how it does."""
    with opened(options) as session:
        declared = registry.job(session, name)
        done = next(job for job in registry.overview(session) if job["job_name"] == name)
        missing = session.value(
            "select jobs.missing_requirements(j) from jobs.jobs as j where job_name = %s", name
        )
    done["missing"] = missing
    if as_json:
        show.as_json({**declared, **done})
        return
    tables.job(declared, done)


@command.command("next")
@click.argument("name")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=5, show_default=True)
@json_option
@click.pass_obj
def next_(options: GlobalOptions, name: str, count: int, as_json: bool) -> None:
    """The next moments of a job's schedule, in its own zone."""
    with opened(options) as session:
        job = registry.job(session, name)
        slots = registry.next_slots(session, name, count)
    if as_json:
        show.as_json(slots)
        return
    tables.slots(job, slots)


@command.command()
@click.argument("name")
@click.option("--missed", is_flag=True, help="Only slots that did not run.")
@click.option("-n", "count", type=click.IntRange(1, 100000), default=10, show_default=True)
@json_option
@click.pass_obj
def history(options: GlobalOptions, name: str, missed: bool, count: int, as_json: bool) -> None:
    """A job's runs with their attempts and errors, missed slots and events; the newest last."""
    with opened(options) as session:
        zone = registry.job(session, name)["zone"]
        found: dict[str, list[Row]]
        if missed:
            found = {"missed": registry.missed(session, name, count)}
        else:
            found = registry.history(session, name, count)
    if as_json:
        show.as_json(found)
        return
    tables.history(name, zone, found)


@command.command("run")
@click.argument("name")
@click.option(
    "--slot",
    help="For this moment: 2025-01-06T00:00:00Z, or 2025-01-06T09:00 in the job's zone, the first of two.",
)
@click.option(
    "--again", type=int, metavar="RUN_ID", help="More attempts for a run that failed or was skipped."
)
@click.option(
    "--wait", type=click.FloatRange(0), metavar="SECONDS", help="0: only queue. [default: limit + 70]"
)
@json_option
@click.pass_context
def run(
    ctx: click.Context, name: str, slot: str | None, again: int | None, wait: float | None, as_json: bool
) -> None:
    """Queue a run and wait for its end; exit code 1 when it did not succeed."""
    if slot and again:
        raise click.UsageError("--slot and --again exclude each other")
    say = _silent if as_json else _progress
    with opened(ctx.obj) as session:
        job = registry.job(session, name)
        if again is None:
            moment = registry.as_slot(session, slot, job["zone"]) if slot else None
            if moment and not as_json and not registry.is_slot(session, name, moment):
                _say(f"Note: {moment} is no moment of its schedule, {job['schedule']}.", err=True)
            run_id = running.queue(session, name, moment)
        else:
            run_id = running.queue_again(session, name, again)
        say(f"run {run_id} of {name}")
        if wait == 0:
            done = running.state(session, run_id)
        else:
            done = running.wait(
                session, run_id, wait or job["time_limit"].total_seconds() + running.A_WAKE_UP, say
            )
    if as_json:
        show.as_json({key: value for key, value in done.items() if key not in ("heartbeat_at", "awake")})
    elif wait == 0:
        _say(f"{done['status']}; `dotbase jobs history {name}` tells what comes of it.")
    elif done["status"] == "succeeded":
        _say(f"{done['processed']} rows, {show.duration(done['finished_at'] - done['started_at'])}.")
    if wait != 0 and done["status"] != "succeeded":
        ctx.exit(1)


def _progress(what: str) -> None:
    _say(what)


def _say(line: str, *, err: bool = False) -> None:
    """One line, whatever names and messages are in it."""
    echo(plain(line), err=err)


def _silent(what: str) -> None:
    """Programs get the end alone."""


def _switch(function: Callable[..., Any]) -> Callable[..., Any]:
    """What enable and disable are told."""
    for option in (
        click.pass_obj,
        json_option,
        click.option(
            "--all", "every", is_flag=True, help="The main switch: all jobs, the watcher, catch_up."
        ),
        click.argument("name", required=False),
    ):
        function = option(function)
    return function


@command.command()
@_switch
def enable(options: GlobalOptions, name: str | None, every: bool, as_json: bool) -> None:
    """Switch one job, or with --all everything, back on."""
    _set(options, name, every, True, as_json)


@command.command()
@_switch
def disable(options: GlobalOptions, name: str | None, every: bool, as_json: bool) -> None:
    """Switch one job, or with --all everything, off; it stays so through migrations."""
    _set(options, name, every, False, as_json)


def _set(options: GlobalOptions, name: str | None, every: bool, on: bool, as_json: bool) -> None:
    if (name is None) != every:
        raise click.UsageError("name one job, or say --all")
    with opened(options) as session:
        job = registry.job(session, name) if name else None
        if name is None:
            fires = session.switch("select jobs.set_live(%s)", on)
        else:
            fires = session.switch("select jobs.set_enabled(%s, %s)", name, on)
        live = session.value("select jobs.is_live()")
    if as_json:
        show.as_json({"job": name, "on": on, "live": live, "pg_cron": fires})
        return
    _say(f"{name or 'The main switch'} is {'on' if on else 'off'}.")
    if on and job and not job["declared_enabled"]:
        _say(f"Note: cron/{job['app']}.yaml declares it off.")
    elif on and not live:
        _say("Note: the main switch is off; `dotbase jobs enable --all` switches it on.")
    elif on and not fires:
        _say("Note: pg_cron is not in this database; nothing fires.")


@command.command()
@json_option
@click.pass_obj
def reschedule(options: GlobalOptions, as_json: bool) -> None:
    """Make pg_cron's lines those that the registry wants, and show which were not."""
    with opened(options) as session:
        drifted, done = _reschedule(session)
    if as_json:
        show.as_json({"drifted": drifted})
    else:
        for difference in drifted:
            _say(f"  {difference}")
        _say(f"{len(drifted)} lines put right." if drifted else "Every line was as it should be.")
    if not done:
        raise DotbaseError("pg_cron is not in this database", "`dotbase jobs doctor` says where it is")


def _reschedule(session: Session) -> tuple[list[str], bool]:
    drifted = [row["line"] for row in session.rows("select d as line from jobs.drifted_lines() as d")]
    return drifted, session.switch("select jobs.sync_pg_cron()")


@command.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what is wrong with the schedules and what fixes it; exit code 1 on any finding."""
    with opened(ctx.obj) as session:
        seen = examination.examine(ctx.obj, session)
    if as_json:
        show.as_json({"watcher": seen.watcher, "findings": seen.findings, "notes": seen.notes})
    else:
        sound = not seen.findings and not seen.notes
        well = f" All is well with {seen.watcher['jobs']} jobs." if sound else ""
        _say(examination.age(seen.watcher) + well)
        for finding in seen.findings:
            _say(f"  {finding['finding']}: {finding['detail']}")
            _say(f"    fix: {finding['remedy']}")
        for note in seen.notes:
            _say(f"Note: {note}", err=True)
    ctx.exit(1 if seen.findings else 0)
