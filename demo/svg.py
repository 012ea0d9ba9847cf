"""A drawing as inline SVG: shapes with classes, whose colours the page's style sheet gives."""

from __future__ import annotations

from math import ceil, floor, log10

from markupsafe import Markup, escape


class Drawing:
    """Collects shapes; y grows downwards, as in SVG."""

    def __init__(self, width: int, height: int, label: str) -> None:
        self.width = width
        self.height = height
        self._label = label
        self._parts: list[Markup] = []

    def rect(self, x: float, y: float, width: float, height: float, style: str, title: str = "") -> None:
        """A rectangle, with a text that shows on hovering."""
        self._parts.append(
            Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">{}</rect>').format(
                style, x, y, max(width, 0), max(height, 0), _title(title)
            )
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        """A straight line."""
        self._parts.append(
            Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
                style, x1, y1, x2, y2
            )
        )

    def dot(self, x: float, y: float, radius: float, style: str, title: str = "") -> None:
        """A filled circle, with a text that shows on hovering."""
        self._parts.append(
            Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}">{}</circle>').format(
                style, x, y, radius, _title(title)
            )
        )

    def text(self, x: float, y: float, text: str, style: str = "", anchor: str = "start") -> None:
        """One line of text; anchor: start, middle or end."""
        self._parts.append(
            Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
                style, x, y, anchor, text
            )
        )

    def markup(self) -> Markup:
        """The element, as wide as its place on the page allows."""
        opening = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            self.width, self.height, self._label
        )
        return opening + Markup("").join(self._parts) + Markup("</svg>")


class Axis:
    """A vertical scale: values to heights, with round ticks."""

    def __init__(self, low: float, high: float, top: float, bottom: float, ticks: int = 4) -> None:
        self.bottom = bottom
        self.low = low
        self.high = max(high, low + 1)
        self._top = top
        step = _round_step((self.high - self.low) / ticks)
        places = range(ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9) + 1)
        self.ticks = [place * step for place in places]

    def y(self, value: float) -> float:
        """Where this value is."""
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self._top)

    def draw(self, drawing: Drawing, left: float, right: float) -> None:
        """Grid lines with their values."""
        for tick in self.ticks:
            drawing.line(left, self.y(tick), right, self.y(tick), "grid")
            drawing.text(left - 8, self.y(tick) + 4, f"{tick:,.0f}", "tick", "end")


def _round_step(least: float) -> float:
    power = 10 ** floor(log10(least)) if least > 0 else 1
    return max(1, next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least - 1e-9))


def _title(text: str) -> Markup:
    return Markup("<title>{}</title>").format(escape(text)) if text else Markup("")
