"""`dotbase jobs` as people and programs use it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import make_conninfo

from dotbase.cli import group
from dotbase.errors import DotbaseError
from dotbase.jobs import examination, registry
from dotbase.jobs.session import Session
from dotbase.options import GlobalOptions
from tests.harness.clones import Clones
from tests.harness.databases import ZONE, Database
from tests.harness.server import ROOT, Server
from tests.harness.target import CRON_ALONE, OWNER, only_on_postgres
from tests.jobs.live import live_database
from tests.jobs.shop import catch_up, declare, effects, job, stock

Dotbase = Callable[..., Result]
TEN = datetime(2025, 1, 6, 10, tzinfo=ZONE)


def cli(db: Database, user: str | None = None) -> Dotbase:
    """`dotbase jobs …` on this database."""
    options = ["--project", str(ROOT), "--cluster", "test", "--database-url"]
    url = db.server.conninfo(db.name, user)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(group, [*options, make_conninfo(url), "jobs", *arguments])

    return run


def sentence(result: Result) -> str:
    """What a foreseeable failure says."""
    assert isinstance(result.exception, DotbaseError), result.output
    return result.exception.sentence


@pytest.fixture(scope="module")
def shop(module_db: Database) -> Database:
    """Jobs of the tests' own, live, at Monday, 6 January 2025, 10:00 in Seoul, with runs behind them."""
    stock(module_db)
    module_db.clock("2025-01-06 09:30")
    module_db.owner.execute("select jobs.set_live(true)")
    quick: dict[str, Any] = {"attempts": 2, "retry_on": ["ZC"], "backoff_cap": "0.001 seconds"}
    declare(
        module_db.owner,
        job("work", routine="shop.work"),
        job("fail", routine="shop.fail", **quick),
        job("needy", required_secrets=["key"], catch_up="skip"),
        job("by_hand", routine="shop.work"),
        job("in_york", "30 2 9 3 *", zone="America/New_York"),
    )
    module_db.clock(TEN)
    for name in ("work", "fail", "needy"):
        module_db.run_job(name)
    return module_db


@pytest.fixture
def dotbase(shop: Database) -> Dotbase:
    return cli(shop)


@pytest.fixture
def working(shop: Database) -> Iterator[None]:
    """catch_up at work, as it is through a minute."""
    ended = False

    def go_on() -> None:
        while not ended:
            catch_up(shop)

    with ThreadPoolExecutor(1) as pool:
        at_work = pool.submit(go_on)
        try:
            yield
        finally:
            ended = True
            at_work.result(timeout=30)


def test_list_shows_each_job_with_its_next_slot_in_its_own_zone(dotbase: Dotbase) -> None:
    said = dotbase("list")
    assert said.exit_code == 0, said.output
    lines = {line.split()[0]: line for line in said.output.splitlines() if line.strip()}
    assert lines["5"].strip() == "5 jobs"
    assert "Mon 2025-01-06 11:00  Asia/Seoul" in " ".join(lines["work"].split()).replace(" Asia", "  Asia")
    assert "Sun 2025-03-09 03:00" in lines["in_york"], "half past two is jumped over"
    assert "1 failed" in lines["fail"]
    listed = {row["job_name"]: row for row in json.loads(dotbase("list", "--json").output)}
    assert listed["work"]["next_slot_at"] == "2025-01-06T11:00:00"
    assert (listed["fail"]["last_status"], listed["fail"]["failures_in_a_row"]) == ("failed", 1)
    assert listed["work"]["p50"] >= 0


def test_show_tells_the_declaration_and_how_it_does(dotbase: Dotbase) -> None:
    said = dotbase("show", "needy").output
    assert "needy, declared in cron/shop.yaml" in said
    assert "missing: secret key" in said
    assert "secret key" in json.loads(dotbase("show", "needy", "--json").output)["missing"]


def test_next_shows_local_time_through_daylight_saving(dotbase: Dotbase) -> None:
    said = dotbase("next", "in_york", "-n", "2").output
    assert "Sun 2025-03-09 03:00 -0400" in said, "half past two is jumped over"
    assert "Mon 2026-03-09 02:30 -0400" in said
    slots = json.loads(dotbase("next", "work", "-n", "3", "--json").output)
    assert [datetime.fromisoformat(slot) for slot in slots] == [TEN + timedelta(hours=n) for n in (1, 2, 3)]


def test_history_shows_runs_attempts_errors_and_events(dotbase: Dotbase, shop: Database) -> None:
    said = dotbase("history", "fail").output
    assert said.count("ZC004: ") == 2, said
    assert "failed" in said
    assert '"failures": 2' in said
    found = json.loads(dotbase("history", "fail", "--json").output)
    assert [a["status"] for a in found["runs"][-1]["attempts_made"]] == ["failed", "failed"]
    assert [e["kind"] for e in found["events"]] == ["failed"]
    assert "no slot was missed" in said
    skipped = dotbase("history", "needy").output
    assert "missing: secret key" in skipped


def test_history_of_missed_slots_alone(dotbase: Dotbase, shop: Database) -> None:
    shop.owner.execute(
        "insert into jobs.missed_slots"
        " (job_name, first_slot_at, last_slot_at, slots, cause, reason, noted_at)"
        " values ('in_york', %s, %s, 3, 'down', 'too_old', now())",
        [TEN - timedelta(days=1), TEN],
    )
    said = dotbase("history", "in_york", "--missed").output
    assert "Sat 2025-01-04 20:00 -0500  Sun 2025-01-05 20:00 -0500" in re.sub(" {2,}", "  ", said)
    assert "too_old" in said
    found = json.loads(dotbase("history", "in_york", "--missed", "--json").output)
    assert [(m["slots"], m["cause"]) for m in found["missed"]] == [(3, "down")]
    shop.owner.execute("delete from jobs.missed_slots")


@pytest.mark.usefixtures("working")
def test_run_queues_waits_and_says_how_it_went(dotbase: Dotbase, shop: Database) -> None:
    before = effects(shop)
    said = dotbase("run", "by_hand")
    assert said.exit_code == 0, said.output
    assert said.output.splitlines()[-2:][0] == "succeeded"
    assert said.output.splitlines()[-1].startswith("1 rows, ")
    # The same moment is the same run: written in the job's own time, or in GMT.
    for slot in ("2025-01-06T08:15", "2025-01-05T23:15:00Z", "2025-01-06 08:15:00+09:00"):
        said = dotbase("run", "by_hand", "--slot", slot, "--json")
        assert json.loads(said.output)["status"] == "succeeded"
    assert effects(shop) == before + 2
    assert json.loads(said.output)["trigger"] == "owner"


@pytest.mark.parametrize(
    ("written", "zone", "moment"),
    [
        ("2025-11-02T01:30", "America/New_York", "2025-11-02T05:30:00Z"),
        ("2025-11-02T01:30-05:00", "America/New_York", "2025-11-02T06:30:00Z"),
        ("2025-11-02T02:00", "America/New_York", "2025-11-02T07:00:00Z"),
        ("2025-03-09T03:00", "America/New_York", "2025-03-09T07:00:00Z"),
        # Half an hour, on the other half of the globe.
        ("2025-04-06T01:45", "Australia/Lord_Howe", "2025-04-05T14:45:00Z"),
        ("2025-04-06 01:45+10:30", "Australia/Lord_Howe", "2025-04-05T15:15:00Z"),
        ("2025-01-06T09:00", "Asia/Seoul", "2025-01-06T00:00:00Z"),
    ],
)
def test_a_time_that_comes_twice_is_the_first_of_the_two(
    written: str, zone: str, moment: str, shop: Database
) -> None:
    """Fault 27. The second was another run of the same slot."""
    assert registry.as_slot(Session(shop.owner), written, zone) == moment


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("2025-03-09T02:30", "America/New_York"),
        ("2025-10-05T02:15", "Australia/Lord_Howe"),
        ("2011-12-30T12:00", "Pacific/Apia"),
    ],
)
def test_a_time_that_the_clock_skips_is_refused(written: str, zone: str, shop: Database) -> None:
    """Fault 27. It was taken for a moment half an hour, or a day, off."""
    with pytest.raises(DotbaseError) as refusal:
        registry.as_slot(Session(shop.owner), written, zone)
    assert refusal.value.sentence.startswith(
        f"{written} never comes in {zone}: the clock is put forward past it; name a moment before or after"
    )


@pytest.mark.usefixtures("working")
def test_run_of_a_moment_that_the_schedule_does_not_have_says_so(dotbase: Dotbase) -> None:
    told = dotbase("run", "by_hand", "--slot", "2025-01-06T08:31")
    assert told.stderr.startswith("Note: 2025-01-05T23:31:00Z is no moment of its schedule, ")
    assert (told.exit_code, dotbase("run", "by_hand").stderr) == (0, "")


@pytest.mark.usefixtures("working")
def test_run_that_fails_ends_with_1_and_again_is_the_same_run(dotbase: Dotbase) -> None:
    failed = dotbase("run", "fail", "--slot", "2025-01-06T08:20", "--json")
    assert failed.exit_code == 1
    run = json.loads(failed.output)
    assert (run["status"], run["attempts"]) == ("failed", 2)
    again = dotbase("run", "fail", "--again", str(run["run_id"]))
    assert again.exit_code == 1
    assert f"run {run['run_id']} of fail" in again.output
    skipped = dotbase("run", "needy")
    assert skipped.exit_code == 1
    assert "skipped (missing: secret key)" in skipped.output


def test_run_says_what_to_do_when_nobody_takes_it(dotbase: Dotbase, shop: Database) -> None:
    shop.owner.execute("delete from jobs.heartbeats")
    waited = dotbase("run", "by_hand", "--slot", "2025-01-06T07:00", "--wait", "0.1")
    assert "nobody has taken runs off the queue ever" in sentence(waited)
    assert "`dotbase jobs doctor` says why" in sentence(waited)
    shop.owner.execute("select jobs.record_heartbeat('catch_up')")
    waited = dotbase("run", "by_hand", "--slot", "2025-01-06T07:00", "--wait", "0.1")
    assert "is queued after 0 s; it goes on without you: `dotbase jobs history by_hand`" in sentence(waited)
    queued = dotbase("run", "by_hand", "--slot", "2025-01-06T07:00", "--wait", "0")
    assert (queued.exit_code, queued.output.split(";")[0].split()[-1]) == (0, "queued")
    catch_up(shop)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "none"], "there is no job none; `dotbase jobs list` has them all."),
        (["run", "none"], "there is no job none"),
        (["next", "none"], "there is no job none"),
        (["history", "none"], "there is no job none"),
        (["run", "work", "--slot", "noon"], "noon is no moment; write 2025-01-06T00:00:00Z"),
        (["run", "work", "--slot", "2999-01-01T00:00:00Z"], "That moment cannot be run; Name a moment"),
        (["run", "work", "--again", "999999"], "work has no run 999999"),
        (["enable", "none"], "there is no job none; `dotbase jobs list` has them all"),
    ],
)
def test_a_slip_is_one_sentence(arguments: list[str], said: str, dotbase: Dotbase) -> None:
    assert sentence(dotbase(*arguments)).startswith(said)


def test_what_succeeded_is_not_run_again(dotbase: Dotbase, shop: Database) -> None:
    run = shop.value("select run_id from jobs.runs where job_name = 'work' and status = 'succeeded'")
    assert "not one that failed" in sentence(dotbase("run", "work", "--again", str(run)))


def test_enable_and_disable_one_or_all(dotbase: Dotbase, shop: Database) -> None:
    def states() -> dict[str, str]:
        return {r["job_name"]: r["state"] for r in shop.rows("select job_name, state from jobs.overview()")}

    assert dotbase("disable", "in_york").output == "in_york is off.\n"
    assert states()["in_york"] == "switched off"
    assert dotbase("disable", "--all").output == "The main switch is off.\n"
    assert "the main switch is off" in dotbase("enable", "in_york").output
    assert set(states().values()) == {"not live"}
    assert json.loads(dotbase("enable", "--all", "--json").output) == {
        "job": None,
        "on": True,
        "live": True,
        "pg_cron": False,
    }
    assert set(states().values()) == {"on"}
    assert dotbase("enable").exit_code == 2
    assert dotbase("disable", "work", "--all").exit_code == 2


@pytest.mark.parametrize("user", [*CRON_ALONE, "authenticator"])
def test_who_may_not_look_after_jobs_is_told_who_may(user: str, shop: Database) -> None:
    said = sentence(cli(shop, user)("list"))
    assert said == f"role {user} may not look after jobs; connect as a superuser or a member of {OWNER}."


@only_on_postgres("the owner there may log in")
def test_the_owner_may(shop: Database) -> None:
    shop.owner.execute("alter role dotbase_owner login")
    try:
        assert cli(shop, "dotbase_owner")("list").exit_code == 0
    finally:
        shop.owner.execute("alter role dotbase_owner nologin")


def test_a_database_without_jobs_is_told_apart(shop: Database) -> None:
    empty = Database(shop.server, "postgres")
    assert "this database has no jobs yet" in sentence(cli(empty)("list"))


def test_reschedule_where_there_is_no_pg_cron(dotbase: Dotbase) -> None:
    assert "pg_cron is not in this database" in sentence(dotbase("reschedule"))


def test_reschedule_shows_what_had_drifted(server: Server, clones: Clones) -> None:
    with live_database(server, clones) as live:
        dotbase = cli(live)
        live.owner.execute("update cron.job set active = false where jobname = 'create_new_round'")
        assert dotbase("reschedule").output == "  create_new_round is inactive\n1 lines put right.\n"
        assert dotbase("reschedule").output == "Every line was as it should be.\n"


def test_doctor_begins_with_the_watchers_age_and_ends_with_1_on_a_finding(
    dotbase: Dotbase, shop: Database
) -> None:
    shop.owner.execute("delete from jobs.heartbeats")
    said = dotbase("doctor")
    assert said.exit_code == 1
    assert said.output.splitlines()[0] == "The watcher has never run."
    assert "    fix: select core.set_secret('key', '…'); the next run works" in said.output.splitlines()
    shop.owner.execute("select jobs.record_heartbeat('watch')")
    assert dotbase("doctor").output.startswith("The watcher was alive 0 s ago.\n")
    found = json.loads(dotbase("doctor", "--json").output)
    assert "pg_cron lives in another database" in [f["finding"] for f in found["findings"]]


def test_doctor_is_one_line_and_0_when_all_is_well_and_sees_what_is_not_migrated(
    server: Server, clones: Clones, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live_database(server, clones) as live:
        live.owner.execute("select jobs.record_heartbeat('watch'), jobs.record_heartbeat('catch_up')")
        well = cli(live)("doctor")
        assert (well.exit_code, well.output.count("\n")) == (0, 1), well.output
        assert re.match(r"The watcher was alive \d s ago. All is well with \d+ jobs.", well.output)
        rename = "alter function jobs.{} rename to {}"
        live.owner.execute(rename.format("purge_history", "purged").encode())
        try:
            said = cli(live)("doctor").output
        finally:
            live.owner.execute(rename.format("purged", "purge_history").encode())
        assert re.search(
            r"^  migrations are pending: 0 versions, \d repeatable steps, 0 to remove$", said, re.M
        )
        assert "    fix: dotbase plan; dotbase migrate\n" in said
        assert cli(live)("doctor").exit_code == 0

        def unknown(options: GlobalOptions) -> None:
            raise DotbaseError("a file is gone", "bring it back")

        monkeypatch.setattr(examination, "_pending", unknown)
        unsure = cli(live)("doctor").output
        assert "All is well" not in unsure
        assert "whether all migrations are applied is not known: a file is gone; bring it back." in unsure
