"""Triggers: who may run a job now, by which proof; the same moment is the same run."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.harness.databases import ZONE, Database
from tests.harness.people import Person, admin, anon, service, walker
from tests.harness.refusals import refused
from tests.harness.target import OWNER, SUPERUSER
from tests.jobs.shop import attempts, catch_up, declare, effects, job, runs

SECRET = "a long secret that nobody guesses"
HALF_PAST = "2025-01-06T00:30:00Z"
WRONG = "the signature is wrong"
NOT_NOW = "the timestamp is not within five minutes"
EVERYBODY = ["service_role", "administrator", "signature"]


@pytest.fixture
def open_job(quiet: Database) -> Database:
    """A job that all three kinds of callers may trigger, at 09:31 in Seoul; no secret is set."""
    declare(quiet.owner, job("work", routine="shop.work", triggered_by=EVERYBODY), app="triggers")
    quiet.clock("2025-01-06 09:31")
    return quiet


@pytest.fixture
def keyed(open_job: Database) -> Database:
    """The same with the secret of signatures."""
    with open_job.owner.transaction():
        open_job.owner.execute(f"set local role {OWNER}".encode())
        open_job.owner.execute("select core.set_secret('cron_secret', %s)", [SECRET])
    return open_job


def signing(
    job: str, slot: str, *, secret: str = SECRET, at: float | None = None, signed_at: float | None = None
) -> Person:
    """Somebody without a token who signs, as document 003's caller does."""
    timestamp = str(int(at if at is not None else time.time()))
    signed = str(int(signed_at)) if signed_at is not None else timestamp
    text = f"{job}|{slot}|{signed}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return anon.sending(x_cron_timestamp=timestamp, x_cron_secret=signature)


def refusals(db: Database) -> list[str]:
    return [row["reason"] for row in db.rows("select reason from jobs.refused_triggers order by 1")]


@pytest.mark.parametrize("person", [service, admin], ids=lambda p: p.name)
def test_service_role_and_administrators_queue_a_run_and_catch_up_runs_it(
    person: Person, open_job: Database
) -> None:
    answer = open_job.call(person, "trigger_job", job="work", slot=HALF_PAST)
    assert answer.status == 200
    assert answer.body["success"] is True
    assert (answer.body["status"], answer.body["processed"]) == ("queued", 0)
    assert effects(open_job) == 0
    catch_up(open_job)
    again = open_job.call(person, "trigger_job", job="work", slot=HALF_PAST)
    assert again.body["run_id"] == answer.body["run_id"]
    assert (again.body["status"], again.body["processed"]) == ("succeeded", 1)
    assert effects(open_job) == 1
    [run] = runs(open_job, "work")
    assert run["slot_at"] == datetime(2025, 1, 6, 0, 30, tzinfo=UTC)
    assert run["trigger"] == ("service_role" if person is service else "administrator")


def test_an_administrator_whose_token_has_expired_triggers_nothing(open_job: Database) -> None:
    late = admin.claiming(exp=int(time.time()) - 3600)
    answer = open_job.call(late, "trigger_job", job="work", slot=HALF_PAST)
    assert (answer.status, answer.code) == (401, "not_signed_in")
    assert runs(open_job, "work") == []


def test_a_signature_is_as_good_once(keyed: Database) -> None:
    person = signing("work", HALF_PAST)
    answer = keyed.call(person, "trigger_job", job="work", slot=HALF_PAST)
    assert (answer.status, answer.body["success"]) == (200, True)
    repeated = keyed.call(person, "trigger_job", job="work", slot=HALF_PAST)
    assert (repeated.status, repeated.code) == (401, "cron_signature_invalid")
    assert refusals(keyed) == ["the signature was used before"]
    retry = keyed.call(
        signing("work", HALF_PAST, at=time.time() + 2), "trigger_job", job="work", slot=HALF_PAST
    )
    assert retry.body["run_id"] == answer.body["run_id"]
    catch_up(keyed)
    assert effects(keyed) == 1
    assert [a["trigger"] for a in attempts(keyed, "work")] == ["signature"]


def test_a_signature_is_remembered_for_as_long_as_its_timestamp_holds(keyed: Database) -> None:
    ahead = int(time.time()) + 290
    assert (
        keyed.call(signing("work", HALF_PAST, at=ahead), "trigger_job", job="work", slot=HALF_PAST).status
        == 200
    )
    assert keyed.value("select min(expires_at) > to_timestamp(%s) from jobs.used_signatures", ahead + 300)


@pytest.mark.parametrize(
    ("anybody", "reason"),
    [
        (lambda: anon, "no signature"),
        (lambda: walker(1), "no signature"),
        (lambda: signing("work", HALF_PAST, secret="another"), WRONG),
        (lambda: signing("work", "2025-01-06T00:29:00Z"), WRONG),
        (lambda: signing("other", HALF_PAST), WRONG),
        (lambda: signing("work", HALF_PAST, signed_at=1), WRONG),
        (lambda: signing("work", HALF_PAST, at=0), NOT_NOW),
        (lambda: signing("work", HALF_PAST, at=1e11), NOT_NOW),
        (lambda: anon.sending(x_cron_timestamp="now", x_cron_secret="x"), NOT_NOW),
        (lambda: anon.sending(x_cron_timestamp="9" * 40, x_cron_secret="x"), NOT_NOW),
    ],
    ids=range(10),
)
def test_whoever_has_no_proof_is_told_401_and_leaves_a_trace(
    anybody: Callable[[], Person], reason: str, keyed: Database
) -> None:
    person = anybody()  # signs now: the tests were collected minutes ago
    answer = keyed.call(person, "trigger_job", job="work", slot=HALF_PAST)
    assert (answer.status, answer.code) == (401, "cron_signature_invalid")
    assert answer.body["success"] is False
    assert answer.details["message_ko"]
    assert refusals(keyed) == [reason]
    assert runs(keyed, "work") == []
    [trace] = keyed.rows("select * from jobs.refused_triggers")
    assert person.headers.get("x-cron-secret", "no secret at all") not in str(trace)


def test_without_the_secret_no_signature_is_good(open_job: Database) -> None:
    answer = open_job.call(signing("work", HALF_PAST), "trigger_job", job="work", slot=HALF_PAST)
    assert answer.status == 401
    assert refusals(open_job) == ["the secret cron_secret is not set"]


@pytest.mark.parametrize("person", [anon, walker(1), service, admin], ids=lambda p: p.name)
def test_who_is_not_declared_may_not_and_cannot_tell_which_jobs_there_are(
    person: Person, quiet: Database
) -> None:
    declare(quiet.owner, job("work", routine="shop.work"), app="triggers")
    answers = [quiet.call(person, "trigger_job", job=name, slot=HALF_PAST) for name in ("work", "none", "")]
    assert {(a.status, a.code) for a in answers} == {(401, "cron_signature_invalid")}
    assert len({str(a.body) for a in answers}) == 1
    assert runs(quiet, "work") == []


FUNCTIONS = """
select schemaname || '.' || funcname as name, calls
from pg_stat_xact_user_functions
order by 1
"""


@pytest.mark.parametrize("headers", ["{}", None], ids=["unsigned", "signed wrongly"])
def test_a_refusal_takes_the_same_work_whatever_the_job(headers: str | None, keyed: Database) -> None:
    """Fault 49. Its time told an anonymous caller which jobs accept signatures."""
    declare(keyed.owner, job("other", routine="shop.work", triggered_by=["service_role"]), app="others")
    headers = headers or json.dumps({"x-cron-timestamp": str(int(time.time())), "x-cron-secret": "0" * 64})
    work = []
    # The first call of a session makes what the others find.
    for name in ("work", "work", "other", "none"):
        with (
            keyed.server.connect(keyed.name, user=SUPERUSER) as connection,
            connection.transaction(force_rollback=True),
        ):
            connection.execute("set local track_functions = 'all'")
            connection.execute("select set_config('request.headers', %s, true)", [headers])
            connection.execute("set local role anon")
            answer = connection.execute("select (api.trigger_job(%s, %s)).code", [name, HALF_PAST]).fetchone()
            assert answer == ("cron_signature_invalid",)
            connection.execute("set local role none")
            work.append(connection.execute(FUNCTIONS.encode()).fetchall())
    assert len(work[0]) > 3, "functions are counted"
    assert all(one == work[0] for one in work)


@pytest.mark.parametrize(
    "slot",
    [
        "2025-01-06T00:32:00Z",
        "2025-01-04T00:30:00Z",
        "2025-01-06 00:30:00",
        "2025-01-06T00:30:00+00:00",
        "2025-13-06T00:30:00Z",
        "2025-02-30T00:30:00Z",
        "2025-01-06T25:30:00Z",
        "now",
        "infinity",
        "",
    ],
)
def test_a_moment_in_the_future_too_old_or_not_written_as_one_is_refused(
    slot: str, open_job: Database
) -> None:
    answer = open_job.call(service, "trigger_job", job="work", slot=slot)
    assert (answer.status, answer.code) == (400, "slot_invalid")
    assert runs(open_job, "work") == []


def test_a_moment_whose_run_may_have_been_purged_is_too_old(quiet: Database) -> None:
    """However long the job may be caught up: nobody would know that it has run."""
    patient = job("work", routine="shop.work", triggered_by=EVERYBODY, catch_up_age="200 days")
    declare(quiet.owner, patient, app="triggers")
    assert quiet.call(service, "trigger_job", job="work", slot="2024-10-09T00:00:00Z").ok
    too_old = quiet.call(service, "trigger_job", job="work", slot="2024-10-08T00:00:00Z")
    assert (too_old.status, too_old.code) == (400, "slot_invalid")


def test_without_a_moment_it_is_now(open_job: Database) -> None:
    answer = open_job.call(service, "trigger_job", job="work")
    assert datetime.fromisoformat(answer.body["slot"]) == datetime(2025, 1, 6, 0, 31, tzinfo=UTC)


@pytest.mark.parametrize("begun", ["running", "succeeded"])
def test_without_a_moment_it_is_a_run_that_begins_after_the_call(begun: str, open_job: Database) -> None:
    """Fault 26. What came after this second's run had begun is not left out."""
    first = open_job.call(service, "trigger_job", job="work")
    joined = open_job.call(service, "trigger_job", job="work")
    assert joined.body["run_id"] == first.body["run_id"], "it has not begun"
    if begun == "succeeded":
        catch_up(open_job)
    else:
        open_job.owner.execute("select jobs.start_run(%s, 'owner')", [first.body["run_id"]])
    later = [open_job.call(service, "trigger_job", job="work") for _ in range(2)]
    assert later[0].body["run_id"] == later[1].body["run_id"] != first.body["run_id"]
    assert later[0].body["status"] == "queued"
    named = open_job.call(service, "trigger_job", job="work", slot="2025-01-06T00:31:00Z")
    assert named.body["run_id"] == first.body["run_id"], "a moment that is named is its run"


def test_a_triggered_run_stands_beside_the_scheduled_ones(open_job: Database) -> None:
    open_job.call(service, "trigger_job", job="work", slot="2025-01-06T00:00:00Z")
    open_job.clock("2025-01-06 10:00")
    open_job.run_job("work")
    catch_up(open_job)
    assert effects(open_job) == 2
    nothing = open_job.call(service, "trigger_job", job="work", slot="2025-01-06T01:00:00Z")
    assert nothing.body["status"] == "succeeded", "the moment of a scheduled run is that run"


def test_thirty_triggers_of_one_moment_race_for_one_run(open_job: Database) -> None:
    def act(session: Any, number: int) -> int:
        return int(session.call(service, "trigger_job", job="work", slot=HALF_PAST).body["run_id"])

    assert len(set(open_job.race(30, act))) == 1
    catch_up(open_job)
    assert effects(open_job) == 1


def test_the_owner_runs_again_what_failed_and_never_what_succeeded(quiet: Database) -> None:
    quiet.owner.execute("insert into shop.faults (sqlstate, times) values ('P0001', 1)")
    declare(quiet.owner, job("stumble", routine="shop.stumble"), app="triggers")
    quiet.clock(datetime(2025, 1, 6, 10, tzinfo=ZONE))
    failed = quiet.run_job("stumble")
    assert failed is not None
    quiet.owner.execute("select jobs.run_again(%s)", [failed["run_id"]])
    catch_up(quiet)
    assert [a["status"] for a in attempts(quiet, "stumble")] == ["failed", "succeeded"]
    with refused("run_not_to_be_repeated"):
        quiet.owner.execute("select jobs.run_again(%s)", [failed["run_id"]])
    assert effects(quiet) == 1


def test_a_job_that_is_switched_off_runs_for_those_who_ask(open_job: Database) -> None:
    open_job.owner.execute("select jobs.set_enabled('work', false)")
    open_job.call(service, "trigger_job", job="work", slot=HALF_PAST)
    open_job.clock(datetime(2025, 1, 6, 11, tzinfo=ZONE) + timedelta(seconds=1))
    assert open_job.run_job("work") is not None
    assert effects(open_job) == 0
    catch_up(open_job)
    assert effects(open_job) == 1


def test_a_job_that_is_switched_off_is_run_again_for_those_who_ask(quiet: Database) -> None:
    quiet.owner.execute("insert into shop.faults (sqlstate, times) values ('P0001', 1)")
    declare(quiet.owner, job("stumble", routine="shop.stumble"), app="triggers")
    quiet.clock(datetime(2025, 1, 6, 10, tzinfo=ZONE))
    failed = quiet.run_job("stumble")
    assert failed is not None
    quiet.owner.execute("select jobs.set_enabled('stumble', false)")
    quiet.owner.execute("select jobs.run_again(%s)", [failed["run_id"]])
    catch_up(quiet)
    assert runs(quiet, "stumble")[0]["status"] == "succeeded"
