"""The API as SQL text without bodies, so that a change of it shows in a diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dotbase.catalog.api import Api, Column, Rpc
from dotbase.render.identifiers import literal, qualified, quoted

HEAD = """\
-- The API: everything that clients see, which is schema api. Written by `dotbase api` from a database built
-- of the templates, without bodies. What is taken away here breaks clients: `dotbase plan` tells it.
"""


def as_sql(api: Api, said: Mapping[str, str]) -> str:
    """The whole page. said: of each RPC and view, by name, its app and for whom it is."""
    parts = [HEAD]
    for rpc in api.rpcs:
        parts.append(f"-- {said.get(rpc.name, '')}\n{_function(rpc)}")
    for view in api.views:
        text = f"create view api.{quoted(view.name)} (\n{_columns(view.columns)}\n);\n"
        comment = _comment("view", qualified("api", view.name), view.comment)
        parts.append(f"-- {said.get(view.name, '')}\n{text}{comment}")
    for row_type in api.row_types:
        text = f"create type api.{quoted(row_type.name)} as (\n{_columns(row_type.columns)}\n);\n"
        parts.append(text + _comment("type", qualified("api", row_type.name), row_type.comment))
    return "\n".join(parts)


def _function(rpc: Rpc) -> str:
    name = qualified("api", rpc.name)
    arguments = ",\n".join(f"    {line}" for line in _arguments(rpc))
    inside = f"\n{arguments}\n" if arguments else ""
    result = rpc.result.replace("SETOF ", "setof ", 1)
    types = ", ".join(argument.type for argument in rpc.arguments)
    comment = _comment("function", f"{name}({types})", rpc.comment)
    return f"create function {name}({inside})\nreturns {result}\n{rpc.volatility};\n{comment}"


def _arguments(rpc: Rpc) -> Iterator[str]:
    for argument in rpc.arguments:
        default = f" default {argument.default}" if argument.default is not None else ""
        yield f"{quoted(argument.name)} {argument.type}{default}"


def _columns(columns: tuple[Column, ...]) -> str:
    return ",\n".join(f"    {quoted(column.name)} {column.type}" for column in columns)


def _comment(kind: str, name: str, text: str | None) -> str:
    return f"\ncomment on {kind} {name} is\n{literal(text)};\n" if text else ""
