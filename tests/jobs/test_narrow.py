"""Eighty columns: how a run ended is a whole word, and nothing stands beyond the edge."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.text import Text

from dotbase.jobs import show, tables


def test_a_failed_run_is_told_in_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    slot, took = "Sat 2026-11-21 09:43:23 -0500", timedelta(seconds=18)
    run = (2213, slot, "schedule", None, "succeeded", slot, took, 0, "longer than 00:00:05")
    attempt = (None, None, "schedule", 3, "timed_out", slot, took, 0, "57014: canceling statement")
    show.table("the last runs", tables.RUNS, [run, attempt], spare=tables.SPARE)
    said = Text.from_ansi(capsys.readouterr().out).plain
    assert {"2213", slot.split()[-1], "succeeded", "timed_out", "longer", "canceling"} <= set(said.split())
    assert max(map(len, said.splitlines())) <= 80
