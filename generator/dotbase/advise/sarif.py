"""SARIF 2.1.0: findings as code hosts show them, beside the line that made the object."""

from __future__ import annotations

from collections import Counter
from importlib import metadata
from typing import Any

from dotbase.advise.rule import Finding, Rule, rules
from dotbase.advise.run import Advice
from dotbase.advise.sources import Place, Sources
from dotbase.render.project import APPS_FILE

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def log(advice: Advice, sources: Sources) -> dict[str, Any]:
    """The whole log: one run with all rules, and what is suppressed with its reason."""
    listed = rules()
    number = {rule.number: index for index, rule in enumerate(listed)}
    results = [_result(finding, number, sources) for finding in advice.findings]
    for finding, reason in advice.suppressed:
        result = _result(finding, number, sources)
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
        results.append(result)
    _tell_apart(results)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "dotbase advise",
                        "semanticVersion": metadata.version("dotbase"),
                        "rules": [_rule(rule) for rule in listed],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {
                                "level": "note",
                                "message": {"text": f"{rule.number} was left out: {note}."},
                                "associatedRule": {"id": rule.number, "index": number[rule.number]},
                            }
                            for rule, note in advice.skipped
                        ],
                    }
                ],
                "results": results,
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.number,
        "name": "".join(word.capitalize() for word in rule.name.split("_")),
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": LEVELS[rule.level]},
    }


def _result(finding: Finding, number: dict[str, int], sources: Sources) -> dict[str, Any]:
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": finding.object}]}
    # Code hosts take no result without a file, and what was made by hand is in none: the list of apps it is.
    place = sources.of(finding) or Place(APPS_FILE, 1)
    location["physicalLocation"] = {
        "artifactLocation": {"uri": place.file, "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": place.line},
    }
    return {
        "ruleId": finding.rule.number,
        "ruleIndex": number[finding.rule.number],
        "level": LEVELS[finding.rule.level],
        "message": {"text": f"{finding.object} {finding.detail}. {finding.rule.remedy}"},
        "locations": [location],
        "partialFingerprints": {"key/v1": finding.key},
    }


def _tell_apart(results: list[dict[str, Any]]) -> None:
    """Overloads share a key; to a code host each fingerprint is one result."""
    seen: Counter[str] = Counter()
    for result in results:
        fingerprint = result["partialFingerprints"]
        key = fingerprint["key/v1"]
        seen[key] += 1
        if seen[key] > 1:
            fingerprint["key/v1"] = f"{key} #{seen[key]}"
