"""The figures as a picture: SVG that fetches nothing and looks right on light and dark pages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks import figures, scale
from benchmarks.figures import Figures, Spread
from benchmarks.measuring import SIDES
from benchmarks.scale import Scale
from benchmarks.study import Study

WIDTH, HEIGHT = 960, 400
TOP, BOTTOM = 76, 340
STYLE = """
  svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d8dee4;
        --hand: #bc4c00; --clone: #0969da; --copy: #8250df; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #2f353d;
          --hand: #f0883e; --clone: #58a6ff; --copy: #bc8cff; } }
  text { font: 13px system-ui, sans-serif; fill: var(--soft); }
  .title { font-size: 15px; font-weight: 600; fill: var(--ink); }
  .grid { stroke: var(--line); }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
  .spread { stroke-width: 1.5; }
  .hand { stroke: var(--hand); } .clone { stroke: var(--clone); } .copy { stroke: var(--copy); }
  .line.copy { stroke-dasharray: 7 4; }
  circle { fill: var(--page); stroke-width: 2.5; }
  .said { stroke: none; font-weight: 600; }
  .said.hand { fill: var(--hand); } .said.clone { fill: var(--clone); } .said.copy { fill: var(--copy); }
"""


@dataclass(frozen=True)
class Point:
    """One median with its spread, at a place on the lower axis."""

    at: float
    value: Spread


Series = dict[str, list[Point]]


@dataclass(frozen=True)
class Panel:
    """One plot of the picture: its two axes, their values and what is said above it."""

    title: str
    subtitle: str
    across: Scale
    up: Scale
    marks: Sequence[tuple[float, str]]
    ticks: Sequence[float]


def drawn(study: Study) -> str:
    """Draw the outage by size, and beside it the transaction's time by messages."""
    found = Figures(study.measurements)
    runs = [side for side in ("clone", "copy") if side in found.sides]
    left = _series(found, ["hand", *runs], figures.outage)
    right = _series(found, runs, figures.transaction, by_messages=True)
    body = [*_panel(_outage(left), left), *_panel(_transaction(right), right), *_names(left)]
    said = "How long the users are offline, by the size of the database: by hand and with the runbook."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">\n'
        f"<title>{said}</title>\n<style>{STYLE}</style>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="var(--page)"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _series(found: Figures, sides: Sequence[str], value: figures.Value, *, by_messages: bool = False) -> Series:
    messages = {one.gigabytes: one.messages for one in found.measurements}
    return {
        side: [
            Point(messages[size] if by_messages else size, spread)
            for size in found.sizes
            if (spread := found.spread(side, size, value))
        ]
        for side in sides
    }


def _outage(series: Series) -> Panel:
    points = [point for line in series.values() for point in line]
    ticks = scale.decades([value for point in points for value in (point.value.low, point.value.high)])
    marks = [(at, f"{at:g} GB") for at in sorted({point.at for point in points})]
    return Panel(
        "Users offline",
        "seconds, by size of the database; both axes logarithmic",
        _across(marks, 56, 430),
        Scale(ticks[0], ticks[-1], BOTTOM, TOP),
        marks,
        ticks,
    )


def _transaction(series: Series) -> Panel:
    points = [point for line in series.values() for point in line]
    ticks = scale.straight(max(point.value.high for point in points))
    marks = [(at, _short(at)) for at in sorted({point.at for point in points})]
    return Panel(
        "The one transaction",
        "seconds, by messages in the table",
        _across(marks, 570, 900),
        Scale(0, ticks[-1], BOTTOM, TOP, logarithmic=False),
        marks,
        ticks,
    )


def _across(marks: Sequence[tuple[float, str]], start: float, end: float) -> Scale:
    """Return the lower axis; a single value lies at its beginning."""
    low, high = marks[0][0], marks[-1][0]
    return Scale(low, high if high > low else low * 10, start + 24, end - 24)


def _short(number: float) -> str:
    """Write a large number with k or M."""
    for unit, sign in ((1e6, " M"), (1e3, " k")):
        if number >= unit:
            return f"{number / unit:g}{sign}"
    return f"{number:g}"


def _panel(panel: Panel, series: Series) -> Iterator[str]:
    left, right = panel.across.start - 24, panel.across.end + 24
    yield _text(left, 28, panel.title, "title")
    yield _text(left, 48, panel.subtitle)
    for tick in panel.ticks:
        y = panel.up.place(tick)
        yield f'<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
        yield _text(left - 8, y + 4, f"{tick:g}", anchor="end")
    for at, words in panel.marks:
        yield _text(panel.across.place(at), BOTTOM + 22, words, anchor="middle")
    for side, line in series.items():
        yield from _line(panel, side, line)


def _line(panel: Panel, side: str, line: Sequence[Point]) -> Iterator[str]:
    places = [(panel.across.place(one.at), panel.up.place(one.value.median)) for one in line]
    yield f'<polyline class="line {side}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>'
    for one, (x, y) in zip(line, places, strict=True):
        low, high = panel.up.place(one.value.low), panel.up.place(one.value.high)
        yield f'<line class="spread {side}" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>'
        yield f'<circle class="{side}" cx="{x}" cy="{y}" r="4"/>'


def _names(sides: Iterable[str]) -> Iterator[str]:
    """Write each line's name below both plots, in its colour."""
    x, y = 56.0, float(HEIGHT - 10)
    for side in sides:
        words = SIDES[side].said
        yield f'<line class="line {side}" x1="{x}" x2="{x + 26}" y1="{y - 4}" y2="{y - 4}"/>'
        yield _text(x + 34, y, words, f"said {side}")
        x += 70 + 8.0 * len(words)


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
