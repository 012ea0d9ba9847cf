"""SARIF: the log is what its schema asks for, and says of each finding where it comes from."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from dotbase.advise import sarif
from dotbase.advise.rule import Finding, by_number, rules
from dotbase.advise.run import Advice
from dotbase.advise.sources import Sources
from dotbase.render.project import Project
from tests.harness.server import ROOT

NODE = ROOT / ".venv" / "bin" / "node"
SCHEMA = ROOT / "node_modules" / "@microsoft" / "jest-sarif"


@pytest.fixture(scope="module")
def log() -> dict[str, Any]:
    """A finding with a line, one without, one suppressed, and a rule that was left out."""
    all_rules = by_number()
    advice = Advice(
        len(rules()),
        findings=[
            Finding(all_rules["DB201"], "ledger", "accounts", None, "has no primary key"),
            Finding(all_rules["DB304"], "core", "by_hand", "an_idx", "is the beginning of another"),
        ],
        suppressed=[(Finding(all_rules["DB103"], "jobs", "run", None, "has no path"), "It commits.")],
        skipped=[(all_rules["DB107"], "extension plpgsql_check is not installed")],
    )
    return sarif.log(advice, Sources(Project(ROOT)))


def complaints(log: dict[str, Any]) -> list[str]:
    """What the schema has against a log."""
    done = subprocess.run(
        [NODE, ROOT / "tests" / "advise" / "sarif.js"],
        input=json.dumps(log),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"NODE_PATH": str(ROOT / "node_modules")},
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(not SCHEMA.exists(), reason="`make node-packages` brings SARIF's schema")
def test_the_log_is_what_the_schema_asks_for(log: dict[str, Any]) -> None:
    assert complaints(log) == []
    del log["runs"][0]["results"][0]["message"]
    try:
        assert complaints(log) == [".runs[0].results[0] should have required property 'message'"]
    finally:
        log["runs"][0]["results"][0]["message"] = {"text": "put back"}


def test_a_result_has_the_line_that_made_its_object(log: dict[str, Any]) -> None:
    made, by_hand, suppressed = log["runs"][0]["results"]
    place = made["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {
        "uri": "schema/ledger/0003_ledger.sql",
        "uriBaseId": "%SRCROOT%",
    }
    line = (
        (ROOT / place["artifactLocation"]["uri"]).read_text().splitlines()[place["region"]["startLine"] - 1]
    )
    assert line == "create table ledger.accounts ("
    [location] = by_hand["locations"]
    assert location["logicalLocations"] == [{"fullyQualifiedName": "core.by_hand.an_idx"}]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "apps.yaml"
    assert [result["level"] for result in (made, by_hand, suppressed)] == ["warning", "note", "warning"]
    assert [result["partialFingerprints"]["key/v1"] for result in (made, by_hand)] == [
        "DB201 ledger.accounts",
        "DB304 core.by_hand.an_idx",
    ]


def test_what_is_suppressed_is_in_it_with_its_reason(log: dict[str, Any]) -> None:
    results = log["runs"][0]["results"]
    assert [result.get("suppressions") for result in results] == [
        None,
        None,
        [{"kind": "external", "status": "accepted", "justification": "It commits."}],
    ]
    [note] = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "DB107 was left out: extension plpgsql_check is not installed."


def test_every_rule_is_described_and_numbered_as_results_say(log: dict[str, Any]) -> None:
    run = log["runs"][0]
    listed = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in listed] == [rule.number for rule in rules()]
    assert all(listed[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_two_findings_of_one_name_are_two_results() -> None:
    rule = by_number()["DB103"]
    twice = [Finding(rule, "core", "now", None, "has the search_path of its caller")] * 2
    log = sarif.log(Advice(len(rules()), findings=twice), Sources(Project(ROOT)))
    keys = [result["partialFingerprints"]["key/v1"] for result in log["runs"][0]["results"]]
    assert keys == ["DB103 core.now", "DB103 core.now #2"]
