"""What no writer gets past: each check of a table, at the last value it allows and the first it does not."""

from __future__ import annotations

import psycopg
import pytest

from tests.harness.databases import Database

BIT_46 = (1 << 46) | 62  # bits 1 to 5, and one past 45
ROUND = "luckywalk.rounds"
CLOSED = "total_tickets = 0, seal_root = '', closed_at = now()"
NOT_CLOSED = "total_tickets = null, seal_root = null, closed_at = null"
NUMBERS = "result_no = 1, winning_mask = 126"
NO_NUMBERS = "result_no = null, winning_mask = null"
DRAWN = "drawn_at = now(), drawn_result_no = 1, winners_count = 0"
NOT_DRAWN = "drawn_at = null, drawn_result_no = null, winners_count = null"
SETTLED = "settled_at = now(), paid = 0, remainder = 0"
NOT_SETTLED = "settled_at = null, paid = null, remainder = null"
STATES = {
    "open": ("status = 'open'", NOT_CLOSED, NO_NUMBERS, NOT_DRAWN, NOT_SETTLED),
    "closed": ("status = 'closed'", CLOSED, NUMBERS, NOT_DRAWN, NOT_SETTLED),
    "drawn": ("status = 'drawn'", CLOSED, NUMBERS, DRAWN, NOT_SETTLED),
    "settled": ("status = 'settled'", CLOSED, NUMBERS, DRAWN, SETTLED),
}
# A run in each status: with the moments that it must have, and without those that it must not.
RUN = "jobs.runs"
ENDED = "finished_at = now(), due_at = null, deadline_at = null"
DUE = "finished_at = null, due_at = now(), deadline_at = null"
UNDER_WAY = "finished_at = null, due_at = null, deadline_at = now()"
RUNS = {
    **dict.fromkeys(("succeeded", "failed", "skipped"), ENDED),
    **dict.fromkeys(("queued", "waiting"), DUE),
    "running": UNDER_WAY,
}
TRIGGERS = ("schedule", "catch_up", "service_role", "administrator", "signature", "owner")
ENDS = ("succeeded", "failed", "timed_out", "cancelled", "crashed", "interrupted")
PRIZES = ("tier1_pot", "tier2_pot", "tier3_prize", "tier4_prize", "tier5_prize")

ALLOWED = [
    *[(ROUND, ", ".join(parts)) for parts in STATES.values()],
    (ROUND, ", ".join(("status = 'closed'", CLOSED, NO_NUMBERS, NOT_DRAWN, NOT_SETTLED))),
    *[(ROUND, f"{prize} = 0") for prize in PRIZES],
    (ROUND, "round_no = 1"),
    (ROUND, "winning_mask = 126"),
    ("luckywalk.user_profiles", "nickname = 'x'"),
    ("luckywalk.user_profiles", "nickname = repeat('x', 30)"),
    ("luckywalk.round_tiers", "winners_count = 0, prize_each = 0, remainder = 0"),
    ("luckywalk.draw_results", "result_no = 2, reason = 'x'"),
    ("luckywalk.draw_results", "result_no = 2, reason = repeat('x', 500)"),
    ("luckywalk.daily_progress", "steps = 0"),
    ("luckywalk.daily_progress", "steps = 200000"),
    ("luckywalk.claims", "banked_mask = 126"),
    ("jobs.jobs", "attempts = 20"),
    ("jobs.jobs", "attempts = 1"),
    ("jobs.jobs", "catch_up_count = 1"),
    ("jobs.jobs", "catch_up_count = 10000"),
    *[("jobs.jobs", f"catch_up = '{policy}'") for policy in ("skip", "latest", "all")],
    ("jobs.jobs", "triggered_by = '{service_role,administrator,signature}'"),
    ("jobs.jobs", "batch_limit = 1, backlog_normal = 0, backlog_alarm = 0"),
    *[(RUN, f"trigger = '{trigger}'") for trigger in TRIGGERS],
    *[(RUN, f"status = '{status}', {moments}") for status, moments in RUNS.items()],
    *[("jobs.attempts", f"status = '{status}', finished_at = now()") for status in ENDS],
    ("jobs.attempts", "status = 'running', finished_at = null"),
    ("jobs.missed_slots", "last_slot_at = first_slot_at, slots = 1"),
    *[("jobs.missed_slots", f"cause = '{cause}'") for cause in ("down", "busy", "off", "not_woken")],
    *[
        ("jobs.missed_slots", f"reason = '{reason}'")
        for reason in ("skip", "superseded", "too_old", "too_many", "off")
    ],
    *[
        ("jobs.events", f"kind = '{kind}'")
        for kind in ("failed", "timed_out", "crashed", "skipped", "missed", "recovered")
    ],
    ("ledger.balances", "balance = 0"),
    ("ledger.balances", "balance = -1, may_overdraw = true"),
]
REFUSED = [
    (ROUND, "round_no = 0", "rounds_round_no_is_positive"),
    (ROUND, ", ".join(("status = 'paid'", *STATES["open"][1:])), "rounds_status_known"),
    (ROUND, "opens_at = closes_at", "rounds_times_in_order"),
    (ROUND, "closes_at = draws_at", "rounds_times_in_order"),
    (ROUND, "settles_at = draws_at", "rounds_times_in_order"),
    *[(ROUND, f"{prize} = -1", "rounds_prizes_not_negative") for prize in PRIZES],
    *[
        (ROUND, f"{part} = null", "rounds_sealed_when_closed")
        for part in ("total_tickets", "seal_root", "closed_at")
    ],
    (ROUND, ", ".join((*STATES["open"][:1], CLOSED, *STATES["open"][2:])), "rounds_sealed_when_closed"),
    *[
        (ROUND, f"winning_mask = {mask}", "rounds_winning_mask_has_six_of_45")
        for mask in (62, 254, 63, BIT_46)
    ],
    (ROUND, ", ".join((*STATES["closed"][:2], "result_no = null", NOT_DRAWN, NOT_SETTLED)), None),
    (
        ROUND,
        ", ".join((*STATES["open"][:2], NUMBERS, NOT_DRAWN, NOT_SETTLED)),
        "rounds_numbers_after_closing",
    ),
    *[
        (ROUND, f"{part} = null", None)
        for part in ("drawn_at", "drawn_result_no", "winners_count", "settled_at", "paid", "remainder")
    ],
    (ROUND, ", ".join((*STATES["closed"][:3], DRAWN, NOT_SETTLED)), "rounds_drawn_with_numbers"),
    (ROUND, ", ".join((*STATES["drawn"][:4], SETTLED)), "rounds_settled_with_what_was_paid"),
    (ROUND, "drawn_result_no = 2", "rounds_settled_on_the_numbers_in_force"),
    ("luckywalk.user_profiles", "nickname = ''", None),
    ("luckywalk.user_profiles", "nickname = repeat('x', 31)", "user_profiles_nickname_length"),
    *[("luckywalk.round_tiers", f"tier = {tier}", "round_tiers_tier_known") for tier in (0, 6)],
    *[
        ("luckywalk.round_tiers", f"{column} = -1", "round_tiers_not_negative")
        for column in ("winners_count", "prize_each", "remainder")
    ],
    *[
        ("luckywalk.draw_results", values, "draw_results_correction_has_a_reason")
        for values in (
            "result_no = 1, reason = 'x'",
            "result_no = 2, reason = null",
            "result_no = 2, reason = ''",
            "result_no = 2, reason = repeat('x', 501)",
        )
    ],
    *[("luckywalk.daily_progress", f"steps = {n}", "daily_progress_steps_in_bounds") for n in (-1, 200001)],
    ("luckywalk.claims", "source = 'luck'", "claims_source_known"),
    *[("luckywalk.claims", f"step = {n}", "claims_step_is_a_threshold") for n in (0, 999, 1500, 11000)],
    *[
        ("luckywalk.claims", f"banked_mask = {mask}", "claims_banked_mask_has_six_of_45")
        for mask in (62, 254, 63, BIT_46)
    ],
    *[
        ("luckywalk.tickets", f"mask = {mask}", "tickets_mask_has_six_of_45")
        for mask in (62, 254, 63, BIT_46)
    ],
    *[("luckywalk.results_user", f"tier = {tier}", "results_user_tier_known") for tier in (0, 6)],
    ("jobs.jobs", "job_name = 'Not snake'", "jobs_job_name_is_snake_case"),
    ("jobs.jobs", "time_limit = '0'", "jobs_time_limit_is_positive"),
    *[("jobs.jobs", f"attempts = {n}", "jobs_attempts_in_bounds") for n in (0, 21)],
    ("jobs.jobs", "catch_up = 'sometimes'", "jobs_catch_up_known"),
    *[("jobs.jobs", f"catch_up_count = {n}", "jobs_catch_up_in_bounds") for n in (0, 10001)],
    ("jobs.jobs", "catch_up_age = '0'", "jobs_catch_up_in_bounds"),
    ("jobs.jobs", "triggered_by = '{anon}'", "jobs_triggered_by_known"),
    ("jobs.jobs", "batch_limit = 0", "jobs_batch_limit_is_positive"),
    ("jobs.jobs", "backlog_normal = -1, backlog_alarm = 0", "jobs_backlog_alarm_not_below_normal"),
    ("jobs.jobs", "backlog_normal = 1, backlog_alarm = 0", "jobs_backlog_alarm_not_below_normal"),
    (RUN, "status = 'paused', finished_at = null", "runs_status_known"),
    (RUN, "trigger = 'luck'", "runs_trigger_known"),
    *[
        (RUN, f"status = '{status}', {moments}", None)
        for status, right in RUNS.items()
        for moments in (ENDED, DUE, UNDER_WAY)
        if moments != right
    ],
    (RUN, "due_at = now()", "runs_due_at_fits_status"),
    (RUN, "deadline_at = now()", "runs_deadline_at_fits_status"),
    (RUN, "finished_at = null", "runs_finished_at_fits_status"),
    ("jobs.attempts", "status = 'paused'", "attempts_status_known"),
    ("jobs.attempts", "status = 'running'", "attempts_finished_when_not_running"),
    ("jobs.attempts", "finished_at = null", "attempts_finished_when_not_running"),
    ("jobs.missed_slots", "last_slot_at = first_slot_at - interval '1 second'", "missed_slots_in_order"),
    ("jobs.missed_slots", "slots = 0", "missed_slots_count_is_positive"),
    ("jobs.missed_slots", "cause = 'luck'", "missed_slots_cause_known"),
    ("jobs.missed_slots", "reason = 'luck'", "missed_slots_reason_known"),
    ("jobs.outages", "ended_at = began_at", "outages_in_order"),
    ("jobs.events", "kind = 'luck'", "events_kind_known"),
    ("jobs.switch", "only_row = false", "switch_has_one_row"),
    ("ledger.accounts", "holder = 'bank'", None),
    ("ledger.accounts", "account = 'undotted'", "accounts_account_is_dotted"),
    ("ledger.accounts", "holder = 'house', may_overdraw = false", "accounts_house_may_overdraw"),
    ("ledger.balances", "balance = -1, may_overdraw = false", "balances_no_overdraft"),
]


def change(db: Database, table: str, values: str) -> None:
    with db.owner.transaction(force_rollback=True):
        one = f"(select tableoid, ctid from {table} order by ctid limit 1)"
        done = db.owner.execute(f"update {table} set {values} where (tableoid, ctid) in {one}".encode())
        assert done.rowcount == 1


@pytest.mark.parametrize(("table", "values"), ALLOWED)
def test_a_row_may_say(settled_by_hand: Database, table: str, values: str) -> None:
    change(settled_by_hand, table, values)


@pytest.mark.parametrize(("table", "values", "constraint"), REFUSED)
def test_no_row_may_say(settled_by_hand: Database, table: str, values: str, constraint: str | None) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refusal:
        change(settled_by_hand, table, values)
    if constraint:
        assert refusal.value.diag.constraint_name == constraint
