"""Declaring jobs: the example is accepted, and every key and what it means when left out is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_core import PydanticUndefined

from dotbase.render.declarations.cron import PASSING, RESERVED, CatchUp, Job, Requires, Schedules
from dotbase.render.declarations.schedule import parse
from dotbase.render.documents import load
from tests.docs.pages import blocks, pages

PAGE = "docs/schedules.md"


def keys() -> dict[str, str]:
    """What the table says of each key when it is left out."""
    lines = [line.split("|") for line in pages()[PAGE].splitlines() if line.startswith("| `")]
    return {cells[1].strip(" `"): cells[-2].strip() for cells in lines}


def test_the_example_is_accepted_and_has_every_key(tmp_path: Path) -> None:
    [example] = blocks(PAGE, "yaml")
    (tmp_path / "courier.yaml").write_text(example)
    Schedules("Asia/Seoul").sql("courier", load(tmp_path / "courier.yaml", tmp_path))
    [job] = yaml.safe_load(example).values()
    assert set(job) == set(keys()) == set(Job.model_fields)
    assert set(job["catch_up"]) == set(CatchUp.model_fields)
    assert set(job["requires"]) == set(Requires.model_fields)


def test_the_page_says_what_a_key_left_out_means() -> None:
    said = keys()
    defaults: dict[str, Any] = {name: field.default for name, field in Job.model_fields.items()}
    assert {name for name, default in defaults.items() if default is PydanticUndefined} == {
        name for name, left_out in said.items() if left_out == "–"
    }
    assert said["attempts"] == str(defaults["attempts"])
    assert said["backoff_cap"] == defaults["backoff_cap"]
    caught_up = defaults["catch_up"]
    assert said["catch_up"] == f"{caught_up.slots}, {caught_up.within}, {caught_up.at_most}"
    assert defaults["retry_on"] == list(PASSING)[:4]


def test_the_page_tells_every_word_that_a_key_may_have() -> None:
    words = {*PASSING, *RESERVED, "skip", "latest", "all", "service_role", "administrator", "signature"}
    assert {word for word in words if f"`{word}`" not in pages()[PAGE]} == set()


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
