"""The plots of the report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

from demo.odds import TIERS
from demo.summary import RoundLine
from demo.svg import Axis, Drawing

WIDTH = 1040
LEFT, RIGHT = 64, 16


def tickets_by_day(days: Sequence[tuple[date, int, int]], rounds: Sequence[RoundLine]) -> Markup:
    """A bar a day: claims that became tickets at once, and those that were banked for the next round."""
    drawing = Drawing(WIDTH, 280, "Tickets by day")
    axis = Axis(0, 1.04 * max((claims for _, claims, _ in days), default=1), top=10, bottom=234)
    axis.draw(drawing, LEFT, WIDTH - RIGHT)
    slot = (WIDTH - LEFT - RIGHT) / max(len(days), 1)
    names = {line.day: line for line in rounds}
    for place, (day, claims, banked) in enumerate(days):
        x = LEFT + place * slot
        width = min(slot - 2, 40)
        inset = (slot - width) / 2
        title = f"{day:%a %d %B}: {claims:,} tickets, {banked:,} of them banked"
        at_once = claims - banked
        drawing.rect(x + inset, axis.y(at_once), width, axis.bottom - axis.y(at_once), "fill-1", title)
        drawing.rect(x + inset, axis.y(claims), width, axis.y(at_once) - axis.y(claims), "fill-2", title)
        if day.weekday() == 6:
            drawing.line(x, 10, x, axis.bottom + 8, "week")
        if day in names:
            middle = x + slot - 3.5 * slot
            drawing.text(middle, axis.bottom + 22, str(names[day].round_no), "label", "middle")
            drawing.text(middle, axis.bottom + 40, f"{day:%d %b}".lstrip("0"), "tick", "middle")
    drawing.line(LEFT, axis.bottom, WIDTH - RIGHT, axis.bottom, "axis")
    return drawing.markup()


def winners(rounds: Sequence[RoundLine]) -> Markup:
    """Four panels, tiers 2 to 5: what was found, over what chance gives with its 95 % range."""
    drawing = Drawing(WIDTH, 560, "Winning tickets against expectation")
    gap, height = 44, 268
    width = (WIDTH - gap) / 2
    for place, tier in enumerate(TIERS[1:]):
        left = (place % 2) * (width + gap)
        top = (place // 2) * (height + 16)
        _winners_of_tier(drawing, rounds, tier, left, top, width, height)
    return drawing.markup()


def _winners_of_tier(
    drawing: Drawing,
    rounds: Sequence[RoundLine],
    tier: int,
    left: float,
    top: float,
    width: float,
    height: float,
) -> None:
    found = [line.winners[tier - 1] for line in rounds]
    chances = [line.expected[tier - 1] for line in rounds]
    low = min([*found, *(chance.low for chance in chances)])
    high = max([*found, *(chance.high for chance in chances)])
    padding = (high - low) * 0.06
    axis = Axis(low - padding, high + padding, top=top + 40, bottom=top + height - 34)
    start = left + 56
    drawing.text(left, top + 18, f"{7 - tier} numbers (tier {tier})", "heading")
    axis.draw(drawing, start, left + width)
    slot = (left + width - start) / max(len(rounds), 1)
    for place, (line, number, chance) in enumerate(zip(rounds, found, chances, strict=True)):
        x = start + (place + 0.5) * slot
        cap = min(slot * 0.22, 9)
        drawing.line(x, axis.y(chance.low), x, axis.y(chance.high), "range")
        for end in (chance.low, chance.high):
            drawing.line(x - cap, axis.y(end), x + cap, axis.y(end), "range")
        drawing.line(x - cap * 1.6, axis.y(chance.mean), x + cap * 1.6, axis.y(chance.mean), "mean")
        style = "found" if chance.holds(number) else "outside"
        title = f"Round {line.round_no}: {number:,} found, {chance.mean:,.1f} expected"
        title += f", {chance.low:,} to {chance.high:,} in 95 of 100"
        drawing.dot(x, axis.y(number), 5, style, title)
        drawing.text(x, axis.bottom + 20, _short(line, rounds), "tick", "middle")


def money(rounds: Sequence[RoundLine]) -> Markup:
    """Two panels: what the two pots came to, and the fixed prizes of tiers 3 to 5."""
    drawing = Drawing(WIDTH, 284, "Money paid and kept, by round")
    gap = 44
    width = (WIDTH - gap) / 2
    pots = [[line.paid_by_tier[0] + line.paid_by_tier[1], line.remainder] for line in rounds]
    fixed = [[line.paid_by_tier[tier - 1] for tier in (5, 4, 3)] for line in rounds]
    _stacks(
        drawing,
        rounds,
        pots,
        ("fill-2", "fill-rest"),
        ("paid", "kept"),
        0,
        width,
        "Pots of tiers 1 and 2, won",
    )
    _stacks(
        drawing,
        rounds,
        fixed,
        ("fill-1", "fill-3", "fill-4"),
        ("tier 5", "tier 4", "tier 3"),
        width + gap,
        width,
        "Prizes of tiers 3 to 5, won",
    )
    return drawing.markup()


def _stacks(
    drawing: Drawing,
    rounds: Sequence[RoundLine],
    stacks: Sequence[Sequence[int]],
    styles: Sequence[str],
    names: Sequence[str],
    left: float,
    width: float,
    heading: str,
) -> None:
    start = left + 76
    axis = Axis(0, 1.04 * max((sum(stack) for stack in stacks), default=1), top=34, bottom=254)
    drawing.text(left, 18, heading, "heading")
    axis.draw(drawing, start, left + width)
    slot = (left + width - start) / max(len(rounds), 1)
    bar = min(slot * 0.66, 48)
    for place, (line, stack) in enumerate(zip(rounds, stacks, strict=True)):
        x = start + (place + 0.5) * slot
        title = f"Round {line.round_no}: " + ", ".join(
            f"{name} {amount:,} won" for name, amount in zip(names, stack, strict=True)
        )
        base = 0
        for style, amount in zip(styles, stack, strict=True):
            top = axis.y(base + amount)
            drawing.rect(x - bar / 2, top, bar, axis.y(base) - top, style, title)
            base += amount
        drawing.text(x, axis.bottom + 20, _short(line, rounds), "tick", "middle")
    drawing.line(start, axis.bottom, left + width, axis.bottom, "axis")


def _short(line: RoundLine, rounds: Sequence[RoundLine]) -> str:
    """The round's number where there is room for it, else every other one."""
    step = 1 if len(rounds) <= 12 else (len(rounds) + 11) // 12
    return str(line.round_no) if (line.round_no - rounds[0].round_no) % step == 0 else ""
