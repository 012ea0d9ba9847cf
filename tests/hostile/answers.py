"""What an answer to hostile input may be, and what it must leave as it was: tables, and the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.harness.apps import registered
from tests.harness.databases import Database
from tests.harness.declared import APPS
from tests.harness.people import walker
from tests.harness.refusals import all_declared_errors
from tests.harness.responses import Response

# What Postgres or PostgREST says before our code runs; nothing else may come undeclared. 54000, an array
# of more than six dimensions, is refused while the body is read: docs/decisions/0010.
BEFORE_US = {"22P02", "22003", "22007", "22008", "22023", "22P05", "54000", "54001", "PGRST102", "PGRST202"}
FOUR_KEYS = {"code", "message", "details", "hint"}
DECLARED = all_declared_errors()
TABLES = """
select format(
    'select %%L as name, md5(coalesce(string_agg(md5(t::text), '''' order by md5(t::text)), '''')) as sum '
    'from %%s as t', c.oid::regclass, c.oid::regclass
) as query
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname = any (%s || array['test_clock'])
order by 1
"""
SESSION = """
select
    session_user, current_user, current_setting('role'), current_setting('search_path'),
    current_setting('TimeZone'), current_setting('statement_timeout'), current_setting('row_security'),
    nullif(current_setting('request.jwt.claims', true), ''),
    nullif(current_setting('response.status', true), ''),
    pg_my_temp_schema(),
    (select count(*) from pg_listening_channels()),
    (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())
"""


class Watch:
    """Sums of every table of ours, what PostgREST's session is set to, and what nobody may be told."""

    def __init__(self, db: Database) -> None:
        self._db = db
        apps = registered().values()
        # Answered by a row instead of raised, since an error would take its trace back: code, table.
        self._traces = {code: table for app in apps for code, table in app.traces.items()}
        self._query = " union all ".join(row["query"] for row in db.rows(TABLES, list(APPS)))
        self._others = [str(walker(2).user_id), walker(2).name]
        queries = [query for app in apps for query in app.secrets]
        told_to_nobody = [str(next(iter(row.values()))) for query in queries for row in db.rows(query)]
        of_ours = [*(f"{app}." for app in APPS), "_pkey", "PL/pgSQL", "line "]
        self._secrets = [*of_ours, *told_to_nobody, *self._others]
        # Of a new session: ours has been through RPCs already.
        with db.server.connect(db.name, user="authenticator") as fresh:
            self._fresh = fresh.execute(SESSION.encode()).fetchone()
        self.accept()

    def accept(self) -> None:
        """What the tables hold now is right."""
        self._tables = self._sums()

    def complaint(self, answer: Response, values: Sequence[str]) -> str | None:
        """What is wrong with an answer to these values (JSON text); None when nothing is."""
        if answer.ok:
            self.accept()
            told = str(answer.body)
            return next((f"tells {other}" for other in self._others if other in told), None)
        if isinstance(answer.body, dict) and answer.body.get("code") in self._traces:
            if complaint := self._trace(answer):
                return complaint
            answer = replace(answer, body={key: answer.body[key] for key in FOUR_KEYS})
        return self._refusal(answer, values) or self.changed()

    def changed(self) -> str | None:
        """What is not as it was."""
        tables, self._tables = self._tables, self._sums()
        names = [name for name, total in self._tables.items() if tables[name] != total]
        if names:
            return f"is refused, and changed {names}"
        session = self._db.connection.execute(SESSION.encode()).fetchone()
        return None if session == self._fresh else f"left the session as {session}"

    def _trace(self, answer: Response) -> str | None:
        """What is wrong with a refusal that is a row: it leaves a row of its trace, and says nothing more."""
        table = self._traces[answer.body["code"]]
        before, self._tables[table] = self._tables[table], self._sums()[table]
        if self._tables[table] == before:
            return f"is refused, and leaves no trace in {table}"
        said = {key for key, value in answer.body.items() if value not in (None, False, 0)}
        return None if said == FOUR_KEYS else f"is refused by a row that says {sorted(said)}"

    def _refusal(self, answer: Response, values: Sequence[str]) -> str | None:
        code = str(answer.body.get("code")) if isinstance(answer.body, dict) else None
        told = f"{answer.body} {dict(answer.headers)}"
        error = DECLARED.get(str(code))
        if code == "internal_error":
            return "is an internal error"
        if error is None and code not in BEFORE_US:
            return f"answers {answer.status} {code}, which nobody declared"
        if set(answer.body) != FOUR_KEYS:
            return f"has the keys {sorted(answer.body)}"
        if error is not None:
            if (answer.status, answer.body["message"]) != (error.status, error.en):
                return f"says {answer.status} {answer.body['message']}, where {code} is declared otherwise"
            if any(len(value) > 6 and value.strip('"') in told for value in values):
                return "gives the input back"
        return next((f"tells {secret}" for secret in self._secrets if secret in told), None)

    def _sums(self) -> dict[str, str]:
        return {row["name"]: row["sum"] for row in self._db.rows(self._query)}
