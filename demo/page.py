"""report.html: one page with everything in it, for people who were not at the terminal."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import jinja2

from demo import charts
from demo.odds import TIERS, Expectation
from demo.recount import POTS, PRIZES
from demo.season import ZONE
from demo.summary import Summary

TEMPLATES = Path(__file__).parent


def write(summary: Summary, path: Path) -> None:
    """Write the page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda number: f"{number:,}"
    environment.filters["mean"] = _mean
    text = environment.get_template("report.html.j2").render(
        summary=summary,
        total=summary.total,
        calls=sum(summary.calls.values()),
        tiers=TIERS,
        pots=POTS,
        prizes=PRIZES,
        tickets_by_day=charts.tickets_by_day(summary.days, summary.rounds),
        winners=charts.winners(summary.rounds),
        money=charts.money(summary.rounds),
        now=datetime.now(ZONE),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _mean(chance: Expectation) -> str:
    return f"{chance.mean:,.{0 if chance.mean >= 100 else 1 if chance.mean >= 1 else 3}f}"
