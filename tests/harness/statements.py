"""The SQL that PostgREST 14 sends: one statement a request, the body as one JSON parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from tests.harness.schema_cache import Routine

Statement = tuple[sql.Composed, list[object]]

SETTINGS_OF_RESPONSE = sql.SQL(
    "nullif(current_setting('response.headers', true), '') as response_headers, "
    "nullif(current_setting('response.status', true), '') as response_status"
)
ROWS = sql.SQL("coalesce(json_agg(_postgrest_t), '[]')")
ORDERS = {"asc": "asc", "desc": "desc", "nullsfirst": "nulls first", "nullslast": "nulls last"}


def settings(pairs: Sequence[tuple[str, str]]) -> Statement:
    """All settings of the transaction in one select."""
    calls = sql.SQL(", ").join([sql.SQL("set_config(%s, %s, true)")] * len(pairs))
    return sql.SQL("select ") + calls, [value for pair in pairs for value in pair]


def call_with_body(schema: str, routine: Routine, keys: set[str], body: str) -> Statement:
    """A POST call: arguments leave the JSON body through json_to_record, typed by the signature."""
    given = [p for p in routine.parameters if p.name in keys]
    arguments: sql.Composable
    source: sql.Composable
    if routine.takes_whole_body:
        arguments, source = sql.SQL(f"%s::{routine.parameters[0].type}"), sql.SQL("")
    elif not given:
        arguments, source = sql.SQL(""), sql.SQL("")
    else:
        arguments = sql.SQL(", ").join(
            sql.SQL("{}{} := pgrst_body.{}").format(
                sql.SQL("variadic " if p.variadic else ""), sql.Identifier(p.name), sql.Identifier(p.name)
            )
            for p in given
        )
        source = _json_body({p.name: p.type for p in given}, body, first_only=True) + sql.SQL(", lateral ")
    parameters: list[object] = [body] if given or routine.takes_whole_body else []
    return _call(schema, routine, source, arguments), parameters


def call_with_query(schema: str, routine: Routine, query: Mapping[str, str]) -> Statement:
    """A GET call: each argument is text from the query string, cast to the parameter's type."""
    given = [p for p in routine.parameters if p.name in query]
    arguments = sql.SQL(", ").join(
        sql.SQL("{} := %s::{}").format(sql.Identifier(p.name), sql.SQL(p.type)) for p in given
    )
    return _call(schema, routine, sql.SQL(""), arguments), [query[p.name] for p in given]


def _call(schema: str, routine: Routine, source: sql.Composable, arguments: sql.Composable) -> sql.Composed:
    function: sql.Composable = sql.SQL("{}({})").format(sql.Identifier(schema, routine.name), arguments)
    if routine.returns_scalar:
        what = sql.SQL("pgrst_call.pgrst_scalar")
        function = sql.SQL("(select {} pgrst_scalar) pgrst_call").format(function)
        row = sql.SQL("_postgrest_t.pgrst_scalar")
    else:
        what = sql.SQL("pgrst_call.*")
        function = function + sql.SQL(" pgrst_call")
        row = sql.SQL("_postgrest_t")
    if routine.returns_set:
        total = sql.SQL("pg_catalog.count(_postgrest_t)")
        aggregate = sql.SQL("coalesce(json_agg({}), '[]')").format(row)
    else:
        total = sql.SQL("1")
        aggregate = sql.SQL("coalesce(json_agg({})->0, 'null')").format(row)
    query = sql.SQL("select {} from {}{}").format(what, source, function)
    return _wrapped(query, total, aggregate, sql.SQL("select * from pgrst_source"))


def read(
    schema: str,
    relation: str,
    columns: Sequence[str],
    filters: Mapping[str, object],
    order: str,
    limit: int | None,
) -> Statement:
    """A GET of a table or view."""
    target = sql.Identifier(schema, relation)
    chosen = sql.SQL(", ").join(target + sql.SQL(".") + sql.Identifier(c) for c in columns)
    where, parameters = _where(target, filters)
    query = sql.SQL("select {} from {}{}{}{}").format(
        chosen if columns else target + sql.SQL(".*"),
        target,
        where,
        _order(target, order),
        sql.SQL("") if limit is None else sql.SQL(" limit {}").format(sql.Literal(limit)),
    )
    inner = sql.SQL("select * from pgrst_source")
    return _wrapped(query, sql.SQL("pg_catalog.count(_postgrest_t)"), ROWS, inner), parameters


def insert(schema: str, relation: str, types: Mapping[str, str], body: str, returning: bool) -> Statement:
    """A POST to a table or view; `types`: the columns that the body names."""
    target = sql.Identifier(schema, relation)
    columns = sql.SQL(", ").join(sql.Identifier(c) for c in types)
    values = sql.SQL(", ").join(sql.Identifier("pgrst_body", c) for c in types)
    query = sql.SQL("insert into {}{} select {} from {} {}").format(
        target,
        sql.SQL("({})").format(columns) if types else sql.SQL(""),
        values,
        _json_body(types, body, first_only=False) if types else _empty_rows(body),
        _returning(target, returning),
    )
    return _written(query, returning), [body]


def update(
    schema: str,
    relation: str,
    types: Mapping[str, str],
    body: str,
    filters: Mapping[str, object],
    returning: bool,
) -> Statement:
    """A PATCH of a table or view; one that names no column changes nothing."""
    target = sql.Identifier(schema, relation)
    if not types:
        return _written(sql.SQL("select * from {} where false").format(target), returning), []
    sets = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(c), sql.Identifier("pgrst_body", c)) for c in types
    )
    where, parameters = _where(target, filters)
    query = sql.SQL("update {} set {} from {}{} {}").format(
        target, sets, _json_body(types, body, first_only=False), where, _returning(target, returning)
    )
    return _written(query, returning), [body, *parameters]


def delete(schema: str, relation: str, filters: Mapping[str, object], returning: bool) -> Statement:
    """A DELETE from a table or view."""
    target = sql.Identifier(schema, relation)
    where, parameters = _where(target, filters)
    query = sql.SQL("delete from {}{} {}").format(target, where, _returning(target, returning))
    return _written(query, returning), parameters


def _wrapped(
    query: sql.Composable, total: sql.Composable, body: sql.Composable, inner: sql.Composable
) -> sql.Composed:
    return sql.SQL(
        "with pgrst_source as ({}) "
        "select null::bigint as total_result_set, {} as page_total, ({})::text as body, {} "
        "from ({}) _postgrest_t"
    ).format(query, total, body, SETTINGS_OF_RESPONSE, inner)


def _written(query: sql.Composable, returning: bool) -> sql.Composed:
    inner = sql.SQL("select * from pgrst_source")
    return _wrapped(
        query, sql.SQL("pg_catalog.count(_postgrest_t)"), ROWS if returning else sql.SQL("''::text"), inner
    )


def _json_body(types: Mapping[str, str], body: str, *, first_only: bool) -> sql.Composed:
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in types)
    typed = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(type_)) for name, type_ in types.items()
    )
    return sql.SQL(
        "(select %s::json as json_data) pgrst_payload, "
        "lateral (select {} from {}(pgrst_payload.json_data) as _({}){}) pgrst_body"
    ).format(
        columns,
        sql.SQL("json_to_record" if _is_object(body) else "json_to_recordset"),
        typed,
        sql.SQL(" limit 1" if first_only else ""),
    )


def _empty_rows(body: str) -> sql.Composed:
    """As many rows as a body without any column has: one for `{}`, none for `[]`, two for `[{}, {}]`."""
    rows = "(values (1)) _" if _is_object(body) else "json_array_elements(pgrst_payload.json_data) _"
    return sql.SQL(
        "(select %s::json as json_data) pgrst_payload, lateral (select from {}) pgrst_body"
    ).format(sql.SQL(rows))


def _is_object(body: str) -> bool:
    """As PostgREST: only a look at it; the parameter itself is checked by Postgres."""
    return body.lstrip(" \t\r\n").startswith("{")


def _where(target: sql.Composable, filters: Mapping[str, object]) -> tuple[sql.Composable, list[object]]:
    if not filters:
        return sql.SQL(""), []
    conditions: list[sql.Composable] = []
    parameters: list[object] = []
    for name, value in filters.items():
        column = target + sql.SQL(".") + sql.Identifier(name)
        if value is None:
            conditions.append(column + sql.SQL(" is null"))
        else:
            conditions.append(column + sql.SQL(" = %s"))
            parameters.append(text(value))
    return sql.SQL(" where ") + sql.SQL(" and ").join(conditions), parameters


def text(value: object) -> str:
    """A value as a query string carries it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _order(target: sql.Composable, order: str) -> sql.Composable:
    if not order:
        return sql.SQL("")
    terms: list[sql.Composable] = []
    for term in order.split(","):
        name, *modifiers = term.split(".")
        words = "".join(f" {ORDERS[modifier]}" for modifier in modifiers)
        terms.append(target + sql.SQL(".") + sql.Identifier(name) + sql.SQL(words))
    return sql.SQL(" order by ") + sql.SQL(", ").join(terms)


def _returning(target: sql.Composable, returning: bool) -> sql.Composable:
    return sql.SQL("returning {}.*").format(target) if returning else sql.SQL("returning 1")
