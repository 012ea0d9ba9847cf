"""functions/<app>/lanes.yaml: a mistake is a sentence with its line; what is right reaches the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dotbase.render.assembly import render_steps
from dotbase.render.project import Project
from dotbase.render.templates import Variables
from dotbase.verify.declarations import errors
from tests.generator.small import dotbase, make, refused, write
from tests.generator.test_migrate_commands import copy_project
from tests.harness.databases import Database

APPS = 'zone: Asia/Seoul\napps:\n  outbox: {needs: [], about: "o"}\n  shop: {needs: [outbox], about: "a"}\n'
LANE = "letters:\n  about: Sends letters.\n  hosts: [api.example.com]\n"
KEY = "functions/shop/lanes.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make(tmp_path)
    write(tmp_path, "apps.yaml", APPS)
    write(tmp_path, "policies/outbox.yaml", "tables: {}\n")
    return tmp_path


def rendered(project: Path, text: str) -> dict[str, Any]:
    """The one lane of this text, as the database gets it."""
    write(project, KEY, text)
    [step] = [step for step in render_steps(Project(project), Variables()) if step.key == KEY]
    assert step.sql.startswith("select outbox.declare_lanes('shop', $json$")
    [lane] = json.loads(step.sql.split("$json$")[1])
    assert isinstance(lane, dict)
    return lane


def test_a_lane_says_little_and_the_rest_is_the_field_s_usual(project: Path) -> None:
    assert rendered(project, LANE) == {
        "name": "letters",
        "description": "Sends letters.",
        "sender": "relay",
        "hosts": ["api.example.com"],
        "auth": {"kind": "none"},
        "secrets": [],
        "response_limit": 8192,
        "per_minute": None,
        "burst": 1,
        "ramp": "0 seconds",
        "in_flight": 10,
        "connect_timeout": "5 seconds",
        "request_timeout": "30 seconds",
        "lease": "90 seconds",
        "delays": [
            *("0 seconds", "5 seconds", "5 minutes", "30 minutes"),
            *("2 hours", "5 hours", "10 hours", "14 hours", "20 hours", "24 hours"),
        ],
        "has_keys": True,
        "pause_on": [401, 403],
        "result_function": None,
    }


@pytest.mark.parametrize(
    ("auth", "secrets"),
    [
        ("none", []),
        ("{kind: bearer, secret: one}", ["one"]),
        ("{kind: basic, secret: one}", ["one"]),
        ("{kind: url, secret: one}", ["one"]),
        ("{kind: header, name: X-Key, secret: one}", ["one"]),
        ("{kind: query, name: key, secret: one}", ["one"]),
        ("{kind: google, secret: one, scope: 'https://www.googleapis.com/auth/firebase.messaging'}", ["one"]),
        ("{kind: standard_webhooks, secrets: [one, two]}", ["one", "two"]),
    ],
)
def test_a_lane_s_secrets_are_those_that_its_auth_names(project: Path, auth: str, secrets: list[str]) -> None:
    assert rendered(project, f"{LANE}  auth: {auth}\n")["secrets"] == secrets


def test_a_rate_has_a_second_s_burst_unless_it_says_more(project: Path) -> None:
    assert rendered(project, f"{LANE}  per_minute: 600\n")["burst"] == 10
    assert rendered(project, f"{LANE}  per_minute: 600\n  burst: 50\n")["burst"] == 50


@pytest.mark.parametrize(
    ("more", "line", "what"),
    [
        ("  host: x\n", 4, "`letters host`: Extra inputs are not permitted"),
        ("  auth: {kind: magic}\n", 4, "`letters auth`: Input tag 'magic'"),
        ("  auth: {kind: bearer}\n", 4, "`letters auth bearer secret`: Field required"),
        (
            "  auth: {kind: bearer, secret: 'the value!'}\n",
            4,
            "`letters auth bearer secret`: String should match",
        ),
        (
            "  auth: {kind: none, secret: x}\n",
            4,
            "`letters auth none secret`: Extra inputs are not permitted",
        ),
        (
            "  auth: {kind: header, secret: x, name: 'X: y'}\n",
            4,
            "`letters auth header name`: String should match",
        ),
        (
            "  auth: {kind: standard_webhooks, secrets: [a, b, c]}\n",
            4,
            "`letters auth standard_webhooks secrets`: ",
        ),
        ("  response_limit: 8388609\n", 4, "`letters response_limit`: Input should be less than"),
        ("  sender: pigeon\n", 4, "`letters sender`: "),
        ("  per_minute: 0\n", 4, "`letters per_minute`: "),
        ("  burst: 5\n", 1, "`letters`: `burst` and `ramp` are of a rate"),
        ("  ramp: 60s\n", 1, "`letters`: `burst` and `ramp` are of a rate"),
        ("  in_flight: 0\n", 4, "`letters in_flight`: "),
        (
            "  lease: 30s\n",
            1,
            "`letters`: `lease` is no longer than `request_timeout`: a message would be sent twice",
        ),
        ("  connect_timeout: 31s\n", 1, "`letters`: `connect_timeout` is longer than `request_timeout`"),
        ("  lease: soon\n", 4, "`letters lease`: soon is no duration"),
        ("  delays: []\n", 4, "`letters delays`: "),
        ("  delays: [0, -5s]\n", 4, "`letters delays 1`: -5s is no duration"),
        ("  keys: some\n", 4, "`letters keys`: "),
        ("  pause_on: [200]\n", 4, "`letters pause_on 0`: "),
        ("  result_function: shop.take\n", 4, "`letters result_function`: String should match"),
    ],
)
def test_a_mistake_is_refused_with_its_line(project: Path, more: str, line: int, what: str) -> None:
    write(project, KEY, LANE + more)
    said = dotbase(project, "render")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"dotbase: {KEY}:{line}: {what}"), said.err


@pytest.mark.parametrize(
    "host",
    [
        *(
            "https://api.example.com",
            "api.example.com/",
            "API.example.com",
            "*.example.com",
            "api",
            "a b.com",
        ),
        *(
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "api.example.com:0",
            "user@example.com",
            "-a.example.com",
        ),
        *("http://api.example.com", "http://10.0.0.1:80", "[::1]", "api.example.com\\n", "a..com", ""),
    ],
)
def test_what_is_no_host_is_refused(project: Path, host: str) -> None:
    write(project, KEY, LANE.replace("[api.example.com]", f'["{host}"]'))
    said = dotbase(project, "render")
    assert said.err.startswith(f"dotbase: {KEY}:3: `letters hosts`: "), said.err


@pytest.mark.parametrize(
    "host",
    [
        "api.example.com:8443",
        "http://127.0.0.1:8080",
        "http://localhost",
        "http://[::1]:9",
        "xn--hq1bm8jm9l.kr",
    ],
)
def test_what_is_a_host_is_taken(project: Path, host: str) -> None:
    assert rendered(project, LANE.replace("[api.example.com]", f'["{host}"]'))["hosts"] == [host]


def test_a_lane_stands_once_in_all_apps(project: Path) -> None:
    write(project, KEY, LANE)
    write(project, "functions/outbox/lanes.yaml", "\n" + LANE)
    refused(
        project,
        f"{KEY}:1: lane letters is declared already, at functions/outbox/lanes.yaml:2; rename one of them.",
    )


def test_an_app_with_lanes_needs_the_outbox(project: Path) -> None:
    write(
        project,
        "apps.yaml",
        APPS.replace("shop: {needs: [outbox]", "shop: {needs: []").replace("  outbox", "  z"),
    )
    write(project, "policies/z.yaml", "tables: {}\n")
    (project / "policies/outbox.yaml").unlink()
    write(project, KEY, LANE)
    refused(
        project,
        f"{KEY}: app shop has lanes, but does not need the app that sends by them; "
        "add outbox to its `needs` in apps.yaml, or delete the file.",
    )


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("function {}(results outbox.result[]) returns void language sql as 'select'", None),
        ("function {}(outbox.result[]) returns void language sql as 'select'", None),
        (
            "function {}(results outbox.result) returns void language sql as 'select'",
            "does not take results; ",
        ),
        ("function {}() returns void language sql as 'select'", "does not take results; "),
        (
            "function {}(lane text, results outbox.result[]) returns void language sql as 'select'",
            "does not take results; ",
        ),
        (
            "function {}(results outbox.result[]) returns integer language sql as 'select 1'",
            "returns integer; ",
        ),
        (
            "function {}(results outbox.result[], more int default 1) returns void language sql as 'select'",
            "does not",
        ),
        (
            "procedure {}(results outbox.result[]) language sql as 'select'",
            "returns nothing, as procedures do; ",
        ),
        ("function luckywalk.another() returns void language sql as 'select'", "does not exist; "),
    ],
)
def test_a_result_function_takes_results_and_returns_nothing(
    made: str, said: str | None, tmp_path: Path, module_db: Database
) -> None:
    project = Project(copy_project(tmp_path))
    write(tmp_path, "functions/luckywalk/lanes.yaml", f"{LANE}  result_function: take\n")
    with module_db.server.connect(module_db.name) as looking, looking.transaction(force_rollback=True):
        looking.execute(f"create {made.format('luckywalk.take')}".encode())
        sentences = [str(one) for one in errors(looking, project, Variables())]
    about = [one for one in sentences if one.startswith("functions/luckywalk/lanes.yaml")]
    assert [said is not None and said in one for one in about] == ([True] if said else []), sentences
    assert all(one.startswith("functions/luckywalk/lanes.yaml:4: ") for one in about)
