"""The page about cron/<app>.yaml: its example is a declaration, with every key and the real defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dotbase.declarations.cron import Backlog, CatchUp, Job, Jobs, Requires
from dotbase.declarations.schedule import parse
from dotbase.yaml_lines import load, validate
from tests.docs import pages

PAGE = "docs/schedules.md"
THE_DEFAULT = ("attempts", "retry_on", "backoff_cap", "catch_up", "enabled")


@pytest.fixture
def declared(tmp_path: Path) -> dict[str, Any]:
    """The page's example."""
    [text] = pages.blocks(PAGE, "yaml")
    (tmp_path / "walks.yaml").write_text(text)
    document = load(tmp_path / "walks.yaml", tmp_path)
    validate(Jobs, document)
    [job] = document.data.values()
    return dict(job)


def test_the_example_has_every_key(declared: dict[str, Any]) -> None:
    assert set(declared) == set(Job.model_fields)
    assert set(declared["catch_up"]) == set(CatchUp.model_fields)
    assert set(declared["requires"]) == set(Requires.model_fields)
    assert set(declared["backlog"]) == set(Backlog.model_fields)


def test_what_the_page_calls_the_default_is(declared: dict[str, Any]) -> None:
    plain = Job.model_validate(
        {"about": "Nothing.", "schedule": "0 0 * * *", "function": "nothing", "time_limit": "1s"}
    ).model_dump()
    assert {key: declared[key] for key in THE_DEFAULT} == {key: plain[key] for key in THE_DEFAULT}


def test_the_schedules_that_the_page_names_are_allowed_or_not_as_it_says() -> None:
    for schedule in (
        "0 9 13 * fri",
        "*/10 2 * * *",
        "0 22,23,0-2 * * *",
        "0 0 L,LW * 5L,1#2",
        "5/15 * * * *",
    ):
        parse(schedule)
    for schedule in ("@daily", "0 22-2 * * *", "0 0 * * fri-sun", "0 0 ? * *", "0 0 1W * *", "0 0 L-3 * *"):
        with pytest.raises(ValueError, match="schedule"):
            parse(schedule)
    assert parse("*/90 * * * *").minutes == (0,)
