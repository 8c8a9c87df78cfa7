"""The trend of rehearsals: a table of the last of them, and a picture that looks right on light and dark pages."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from xml.sax.saxutils import escape

from runbook import figures, page, printable
from runbook.database import Row

WIDTH = 900
LEFT, RIGHT, TOP, PANEL = 220, 880, 56, 72
"""Where the panels lie, and how high one is, in px."""
STEPS = 3
"""How many steps have a panel, the longest first."""
STYLE = """
  svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d8dee4; --all: #0969da;
        --off: #bc4c00; --inside: #8250df; --step: #1a7f37; --bad: #cf222e; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #2f353d; --all: #58a6ff; --off: #f0883e;
          --inside: #bc8cff; --step: #3fb950;
          --bad: #ff7b72; } }
  text { font: 13px system-ui, sans-serif; fill: var(--soft); }
  .title { font-size: 15px; font-weight: 600; fill: var(--ink); }
  .grid { stroke: var(--line); } .line { fill: none; stroke-width: 2.5; }
  .name { fill: var(--ink); }
  .all { stroke: var(--all); } .off { stroke: var(--off); }
  .inside { stroke: var(--inside); } .step { stroke: var(--step); }
  circle { fill: var(--page); stroke-width: 2.5; } .bad { fill: var(--bad); font-weight: 600; }
"""
SERIES = (
    ("total", "all", "whole rehearsal"),
    ("outage", "off", "users offline"),
    ("transaction", "inside", "transaction"),
)


@dataclass(frozen=True)
class Panel:
    """One value of all rehearsals, the oldest first; None: not measured."""

    name: str
    kind: str
    values: Sequence[float | None]


def table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rehearsals as rows of a table, the newest first; a column for each step that any of them had."""
    names = list(dict.fromkeys(name for row in rows for name, _, _ in row["steps"]))
    return [_row(row, names) for row in rows]


def _row(row: Row, names: Sequence[str]) -> dict[str, Any]:
    took, skipped = _sums(row), {name for name, _, outcome in row["steps"] if outcome == "skipped"}
    return {
        "rehearsal": row["label"],
        "began (UTC)": f"{row['began'].astimezone(UTC):%Y-%m-%d %H:%M}",
        "outcome": row["outcome"],
        "total": _seconds(row["total"]),
        "users offline": _seconds(row["outage"]),
        "transaction": _seconds(row["transaction"]),
        "longest lock": " on ".join(filter(None, [_seconds(row["longest_lock"]), row["longest_lock_on"]])),
        "size": figures.size(row["bytes"]) if row["bytes"] is not None else "",
        "rows": f"{row['rows']:,}" if row["rows"] is not None else "",
        "scripts": figures.short(row["scripts"]),
        **{name: "skipped" if name in skipped else _seconds(took.get(name)) for name in names},
        "reason": row["reason"],
    }


def _sums(row: Row) -> dict[str, float]:
    """Return the seconds of each step; one that was tried again is summed."""
    took: dict[str, float] = {}
    for name, seconds, _ in row["steps"]:
        took[name] = took.get(name, 0) + seconds
    return took


def _seconds(value: float | None) -> str:
    return "" if value is None else figures.duration(value)


def markdown(rows: Sequence[Row], target: str) -> str:
    """Return a page with the picture, and the newest rehearsal in a sentence."""
    if not rows:
        return f"# No rehearsal of {page.escape(target)} is recorded\n"
    picture = base64.b64encode(drawn(rows).encode()).decode()
    return f"# {page.escape(sentence(rows[0], target))}\n\n![{_alt(rows)}](data:image/svg+xml;base64,{picture})\n"


def sentence(row: Row, target: str) -> str:
    """Say in a line how a rehearsal went."""
    ends = {"done": "was done", "failed": "FAILED", "killed": "was KILLED", "nothing": "had nothing to rehearse"}
    said = f"{row['label']} on {target} {ends.get(row['outcome'], 'is at work')}"
    said += f" in {figures.duration(row['total'])}" if row["total"] is not None else ""
    said += f", users offline for {figures.duration(row['outage'])}" if row["outage"] is not None else ""
    return said + (f"; {row['reason']}" if row["outcome"] == "done" and row["reason"] else "")


def _alt(rows: Sequence[Row]) -> str:
    return f"The last {figures.count(len(rows), 'rehearsal')}: how long each took, and how long users were offline"


def drawn(rows: Sequence[Row]) -> str:
    """Draw the rehearsals, the oldest first, as an SVG that fetches nothing: a panel each, since an outage of seconds
    would be a flat line beside a clone of minutes.
    """
    shown = list(reversed(rows))
    panels = _panels(shown)
    bottom = TOP + PANEL * len(panels)
    body = [_text(20, 28, "Rehearsals", "title"), *_marks(shown, bottom)]
    for number, panel in enumerate(panels):
        body += _panel(panel, TOP + PANEL * number)
    height, said = bottom + 40, escape(_alt(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img"><title>{said}</title><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="var(--page)"/>' + "".join(body) + "</svg>"
    )


def _panels(rows: Sequence[Row]) -> list[Panel]:
    """Return what is drawn: whole, outage, transaction, and the steps that took longest in the newest with steps."""
    whole = [Panel(words, kind, [row[key] for row in rows]) for key, kind, words in SERIES]
    newest = next((sums for row in reversed(rows) if (sums := _sums(row))), {})
    slowest = sorted(newest, key=lambda name: -newest[name])[:STEPS]
    return whole + [Panel(name, "step", [_sums(row).get(name) for row in rows]) for name in slowest]


def _panel(panel: Panel, top: float) -> Iterator[str]:
    """Draw one value of all rehearsals on a scale of its own."""
    most = max([float(value) for value in panel.values if value is not None], default=0.0) or 1.0
    low, high = top + PANEL - 12, top + 8
    yield _text(20, (low + high) / 2 + 4, panel.name, "name")
    for y, words in ((high, figures.duration(most)), (low, "0")):
        yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 6, y + 4, words, anchor="end")
    places = [
        (_x(i, len(panel.values)), round(low - (low - high) * float(value) / most, 1))
        for i, value in enumerate(panel.values)
        if value is not None
    ]
    yield f'<polyline class="line {panel.kind}" points="{" ".join(f"{x:.1f},{y}" for x, y in places)}"/>'
    for x, y in places:
        yield f'<circle class="{panel.kind}" cx="{x:.1f}" cy="{y}" r="4"/>'


def _x(place: int, number: int) -> float:
    return LEFT + 20 + (RIGHT - LEFT - 40) * (place / (number - 1) if number > 1 else 0.5)


def _marks(rows: Sequence[Row], bottom: float) -> Iterator[str]:
    """Write each rehearsal's day below, and above it how it ended where that was not well."""
    every = max(1, len(rows) // 8)
    for i, row in enumerate(rows):
        x = _x(i, len(rows))
        if i % every == 0:
            yield _text(x, bottom + 12, f"{row['began'].astimezone(UTC):%m-%d}", anchor="middle")
            yield _text(x, bottom + 28, f"{row['began'].astimezone(UTC):%H:%M}", anchor="middle")
        if row["outcome"] in ("failed", "killed"):
            yield _text(x, TOP - 6, row["outcome"], "bad", "middle")


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(printable.line(words))}</text>'
