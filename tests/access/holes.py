"""Holes of every kind: SQL that opens one, SQL that closes it, and the cells that are then wrong."""

from __future__ import annotations

from dataclasses import dataclass

from dotbase.access.matrix import Matrix
from tests.access.callers import CALLERS
from tests.harness.target import CRON_ALONE, OWNER, SUPABASE

Cells = tuple[tuple[str, str, tuple[str | None, ...]], ...]
# A caller that is a role, and enters no schema.
WITHOUT_A_SCHEMA = CRON_ALONE[0] if CRON_ALONE else "authenticator"
EVERYBODY = frozenset(caller.name for caller in CALLERS)
PEOPLE = frozenset({"walker one", "walker two", "administrator"})
WALKERS = frozenset({"walker one", "walker two"})
TICKET = ("ticket_id", "user_id", "round_no", "mask", "created_at")
TIER = ("round_no", "tier", "winners_count", "prize_each", "remainder")
NOTE = ("note_id", "user_id", "title", "pinned", "length")
SETTINGS_SEQUENCE = "core.setting_changes_setting_change_id_seq"
IN_FORCE = "round_no in (select r.round_no from luckywalk.rounds as r where r.drawn_result_no = r.result_no)"
OWN = "user_id = (select auth.uid())"
ADMINISTRATORS = "core.require_administrator()"


@dataclass(frozen=True)
class Hole:
    """SQL that opens it and that closes it, and every cell that is wrong between: callers × (command, object,
    columns). Without `undo`, it was the check of administrators: every call that asks for one is wrong.
    """

    name: str
    sql: str
    undo: str | None
    callers: frozenset[str]
    cells: Cells
    schemas_open: bool = True
    more: tuple[tuple[frozenset[str], Cells], ...] = ()

    def expected(self, matrix: Matrix) -> set[tuple[str, str, str, str | None]]:
        """The cells, one by one."""
        if self.undo is None:
            return {
                (caller, cell.command, cell.object, cell.column)
                for caller in self.callers
                for cell in matrix.cells
                if cell.role == "authenticated" and cell.refused == "claim"
            }
        return {
            (caller, command, name, column)
            for callers, cells in ((self.callers, self.cells), *self.more)
            for caller in callers
            for command, name, columns in cells
            for column in columns
        }


def calls_of(*rpcs: str, app: str) -> Cells:
    """The RPC and the function behind it."""
    return tuple(("execute", f"{schema}.{rpc}", (None,)) for rpc in rpcs for schema in ("api", app))


HOLES = [
    Hole(
        "a grant on a table",
        "grant select on luckywalk.tickets to anon",
        "revoke select on luckywalk.tickets from anon",
        frozenset({"anon"}),
        (("select", "luckywalk.tickets", TICKET),),
    ),
    Hole(
        "a grant on one column",
        "grant update (mask) on luckywalk.tickets to authenticated",
        "revoke update (mask) on luckywalk.tickets from authenticated",
        PEOPLE,
        (("update", "luckywalk.tickets", ("mask",)),),
    ),
    Hole(
        "a grant to insert, to a role without a schema",
        f"grant insert (amount) on ledger.transfers to {WITHOUT_A_SCHEMA}",
        f"revoke insert (amount) on ledger.transfers from {WITHOUT_A_SCHEMA}",
        frozenset({WITHOUT_A_SCHEMA}),
        (("insert", "ledger.transfers", ("amount",)),),
    ),
    Hole(
        "a grant to everybody",
        "grant delete on core.settings to public",
        "revoke delete on core.settings from public",
        EVERYBODY,
        (("delete", "core.settings", (None,)),),
    ),
    Hole(
        "a grant to truncate and to add triggers",
        "grant truncate, trigger on jobs.runs to service_role",
        "revoke truncate, trigger on jobs.runs from service_role",
        frozenset({"service_role"}),
        (("truncate", "jobs.runs", (None,)), ("trigger", "jobs.runs", (None,))),
    ),
    Hole(
        "row-level security switched off",
        "alter table luckywalk.round_tiers disable row level security",
        "alter table luckywalk.round_tiers enable row level security",
        PEOPLE | {"anon"},
        (("select", "luckywalk.round_tiers", TIER),),
    ),
    Hole(
        "a policy that shows more rows",
        "alter policy anon_select on luckywalk.round_tiers using (true)",
        f"alter policy anon_select on luckywalk.round_tiers using ({IN_FORCE})",
        frozenset({"anon"}),
        (("select", "luckywalk.round_tiers", TIER),),
    ),
    Hole(
        "a second policy, which adds rows",
        "create policy more on notes.notes for select to authenticated using (pinned)",
        "drop policy more on notes.notes",
        PEOPLE,
        (("select", "notes.notes", NOTE),),
    ),
    Hole(
        "a policy that lets others' rows be written",
        "alter policy authenticated_update on notes.notes using (true) with check (true)",
        f"alter policy authenticated_update on notes.notes using ({OWN}) with check ({OWN})",
        PEOPLE,
        (("update", "notes.notes", ("user_id", "title")),),
    ),
    Hole(
        "a policy that lets others' rows be deleted",
        "alter policy authenticated_delete on notes.notes using (true)",
        f"alter policy authenticated_delete on notes.notes using ({OWN})",
        PEOPLE,
        (("delete", "notes.notes", (None,)),),
    ),
    Hole(
        "a policy that lets rows be made for others",
        "alter policy authenticated_insert on notes.notes with check (true)",
        f"alter policy authenticated_insert on notes.notes with check ({OWN})",
        PEOPLE,
        (("insert", "notes.notes", ("user_id",)),),
    ),
    Hole(
        "a policy that lets rows be given away",
        "alter policy authenticated_update on notes.notes with check (true)",
        f"alter policy authenticated_update on notes.notes with check ({OWN})",
        PEOPLE,
        (("update", "notes.notes", ("user_id",)),),
    ),
    Hole(
        "a condition that got wider",
        "alter policy anon_select on notes.boards using (is_public or editor like 'walker%')",
        "alter policy anon_select on notes.boards using (is_public)",
        frozenset({"anon"}),
        (("select", "notes.boards", ("board_id", "motto")),),
    ),
    Hole(
        "a policy gone: what a line promises is not given",
        "drop policy authenticated_select on luckywalk.rounds",
        "create policy authenticated_select on luckywalk.rounds for select to authenticated using (true)",
        PEOPLE,
        (
            (
                "select",
                "luckywalk.rounds",
                (
                    *("round_no", "status", "opens_at", "closes_at", "draws_at", "settles_at", "tier1_pot"),
                    *("tier2_pot", "tier3_prize", "tier4_prize", "tier5_prize", "total_tickets", "seal_root"),
                    *("closed_at", "result_no", "winning_mask", "drawn_result_no", "drawn_at"),
                    *("winners_count", "settled_at"),
                ),
            ),
            # Their line asks for rounds.
            ("select", "luckywalk.round_tiers", TIER),
        ),
    ),
    Hole(
        "a right gone: what a line promises is refused",
        "revoke execute on function luckywalk.my_today() from authenticated",
        "grant execute on function luckywalk.my_today() to authenticated",
        PEOPLE,
        calls_of("my_today()", app="luckywalk"),
    ),
    Hole(
        "a function that everybody may call",
        "grant execute on function luckywalk.create_new_round() to public",
        "revoke execute on function luckywalk.create_new_round() from public",
        EVERYBODY,
        (("execute", "luckywalk.create_new_round()", (None,)),),
    ),
    Hole(
        "a check of the caller that got lost",
        "create or replace function core.require_administrator() returns text "
        "language sql stable set search_path = '' as 'select core.caller_role()'",
        None,
        WALKERS,
        (),
    ),
    Hole(
        "a view that reads as its owner",
        "alter view api.round_tiers set (security_invoker = false)",
        "alter view api.round_tiers set (security_invoker = true)",
        PEOPLE | {"anon"},
        (("select", "api.round_tiers", TIER),),
    ),
    Hole(
        "a view that can be written through",
        "grant update on api.round_tiers to anon",
        "revoke update on api.round_tiers from anon",
        frozenset({"anon"}),
        (("update", "api.round_tiers", TIER),),
    ),
    Hole(
        "a sequence that can be read and advanced",
        f"grant usage on sequence {SETTINGS_SEQUENCE} to service_role",
        f"revoke usage on sequence {SETTINGS_SEQUENCE} from service_role",
        frozenset({"service_role"}),
        (("select", SETTINGS_SEQUENCE, (None,)), ("usage", SETTINGS_SEQUENCE, (None,))),
    ),
    Hole(
        "a schema to look into",
        "grant usage on schema ledger to service_role",
        "revoke usage on schema ledger from service_role",
        frozenset({"service_role"}),
        (("usage", "ledger", (None,)),),
        schemas_open=False,
    ),
    Hole(
        "a schema to build in",
        "grant create, usage on schema api to anon",
        "revoke create on schema api from anon",
        frozenset({"anon"}),
        (("create", "api", (None,)),),
        schemas_open=False,
    ),
    Hole(
        "a table that changed hands",
        "alter table luckywalk.user_profiles owner to service_role",
        f"alter table luckywalk.user_profiles owner to {OWNER}",
        frozenset({"service_role"}),
        (
            *(
                (command, "luckywalk.user_profiles", ("user_id", "nickname", "created_at", "updated_at"))
                for command in ("select", "insert", "update")
            ),
            *(
                (command, "luckywalk.user_profiles", (None,))
                for command in ("delete", "truncate", "trigger", "policy", "disable row-level security")
            ),
        ),
        # Its own functions run as the owner, who may not read it any more; on Supabase he is a member.
        more=() if SUPABASE else ((PEOPLE, calls_of("my_walker_profile()", app="luckywalk")),),
    ),
]
