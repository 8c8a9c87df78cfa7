"""The trend of rehearsals: a table of the last of them, and a picture that looks right on light and dark pages."""

import base64
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any
from xml.sax.saxutils import escape

from runbook import figures
from runbook.database import Row

WIDTH, HEIGHT = 900, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 880, 70, 245
STYLE = """
  svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d8dee4; --all: #0969da;
        --off: #bc4c00; --bad: #cf222e; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #2f353d; --all: #58a6ff; --off: #f0883e;
          --bad: #ff7b72; } }
  text { font: 13px system-ui, sans-serif; fill: var(--soft); }
  .title { font-size: 15px; font-weight: 600; fill: var(--ink); }
  .grid { stroke: var(--line); } .line { fill: none; stroke-width: 2.5; }
  .all { stroke: var(--all); } .off { stroke: var(--off); }
  circle { fill: var(--page); stroke-width: 2.5; } .bad { fill: var(--bad); font-weight: 600; }
"""
SERIES = (("total", "all", "whole rehearsal"), ("outage", "off", "users offline"))


def table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rehearsals as rows of a table, the newest first; a column for each step that any of them had."""
    names = list(dict.fromkeys(name for row in rows for name, _, _ in row["steps"]))
    return [_row(row, names) for row in rows]


def _row(row: Row, names: Sequence[str]) -> dict[str, Any]:
    took: dict[str, float] = {}
    for name, seconds, _ in row["steps"]:
        took[name] = took.get(name, 0) + seconds
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
        **{name: _seconds(took.get(name)) for name in names},
        "reason": row["reason"],
    }


def _seconds(value: float | None) -> str:
    return "" if value is None else figures.duration(value)


def markdown(rows: Sequence[Row], target: str) -> str:
    """Return a page with the picture, and the newest rehearsal in a sentence."""
    if not rows:
        return f"# No rehearsal of {target} is recorded\n"
    picture = base64.b64encode(drawn(rows).encode()).decode()
    return f"# {sentence(rows[0], target)}\n\n![{_alt(rows)}](data:image/svg+xml;base64,{picture})\n"


def sentence(row: Row, target: str) -> str:
    """Say in a line how a rehearsal went."""
    ends = {"done": "was done", "failed": "FAILED", "killed": "was KILLED", "nothing": "had nothing to rehearse"}
    said = f"{row['label']} on {target} {ends.get(row['outcome'], 'is at work')}"
    said += f" in {figures.duration(row['total'])}" if row["total"] is not None else ""
    return said + (f", users offline for {figures.duration(row['outage'])}" if row["outage"] is not None else "")


def _alt(rows: Sequence[Row]) -> str:
    return f"The last {figures.count(len(rows), 'rehearsal')}: how long each took, and how long users were offline"


def drawn(rows: Sequence[Row]) -> str:
    """Draw the rehearsals, the oldest first, as an SVG that fetches nothing."""
    shown = list(reversed(rows))
    most = max([float(row[key]) for row in shown for key, _, _ in SERIES if row[key] is not None], default=1.0) or 1.0
    body = [*_frame(most), *_marks(shown)]
    for key, kind, _ in SERIES:
        body += _line(
            [(_x(i, len(shown)), _y(row[key], most)) for i, row in enumerate(shown) if row[key] is not None], kind
        )
    said = escape(_alt(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img"><title>{said}</title><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="var(--page)"/>' + "".join(body) + "</svg>"
    )


def _x(place: int, number: int) -> float:
    return LEFT + 30 + (RIGHT - LEFT - 60) * (place / (number - 1) if number > 1 else 0.5)


def _y(seconds: float, most: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * float(seconds) / most, 1)


def _frame(most: float) -> Iterator[str]:
    yield _text(20, 28, "Rehearsals", "title")
    for i, (_, kind, words) in enumerate(SERIES):
        x = 20 + 170 * i
        yield f'<line class="line {kind}" x1="{x}" x2="{x + 24}" y1="46" y2="46"/>' + _text(x + 32, 50, words)
    for part in (0.0, 0.5, 1.0):
        y = _y(most * part, most)
        yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}"/>'
        yield _text(LEFT - 6, y + 4, figures.duration(most * part) if part else "0", anchor="end")


def _marks(rows: Sequence[Row]) -> Iterator[str]:
    """Write each rehearsal's day below, and above it how it ended where that was not well."""
    every = max(1, len(rows) // 8)
    for i, row in enumerate(rows):
        x = _x(i, len(rows))
        if i % every == 0:
            yield _text(x, BOTTOM + 20, f"{row['began'].astimezone(UTC):%m-%d}", anchor="middle")
            yield _text(x, BOTTOM + 36, f"{row['began'].astimezone(UTC):%H:%M}", anchor="middle")
        if row["outcome"] in ("failed", "killed"):
            yield _text(x, TOP - 6, row["outcome"], "bad", "middle")


def _line(places: Sequence[tuple[float, float]], kind: str) -> Iterator[str]:
    yield f'<polyline class="line {kind}" points="{" ".join(f"{x:.1f},{y}" for x, y in places)}"/>'
    for x, y in places:
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="4"/>'


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
