"""The course of a run as a picture: SVG that fetches nothing and can be read on light and on dark pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from runbook import figures, printable
from runbook.models import Step
from runbook.telling.summary import LAST_INSIDE, LATER, Summary, outage, outage_words

LEFT, RIGHT, WIDTH = 170, 850, 960
"""Where time begins and ends, and how wide the picture is, in px."""
TOP, ROW = 96, 24
"""Where the first step stands, and how high a step is, in px."""
LONGEST = 600
"""How many characters a text in the picture may have."""
QUOTE = {'"': "&quot;"}
NARROW = 3
"""How wide the shortest bar is, in px."""
TICKS = 8
"""How many ticks the axis has at most."""
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
"""Between which round times, in s, the ticks may stand."""
STYLE = """
  svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d8dee4; --band: #fff1e5;
        --done: #0969da; --failed: #cf222e; --mark: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #2f353d; --band: #3d2a14;
          --done: #58a6ff; --failed: #ff7b72; --mark: #f0883e; } }
  text { font: 13px system-ui, sans-serif; fill: var(--soft); }
  .title { font-size: 15px; font-weight: 600; fill: var(--ink); }
  .name { fill: var(--ink); }
  .grid { stroke: var(--line); }
  .band { fill: var(--band); }
  .done { fill: var(--done); } .failed { fill: var(--failed); }
  .mark { stroke: var(--mark); stroke-width: 2; stroke-dasharray: 5 3; }
  .said { fill: var(--mark); font-weight: 600; }
"""


@dataclass(frozen=True)
class Course:
    """What is drawn: the steps from the outage on, and the time they share."""

    begin: datetime
    end: datetime
    steps: Sequence[Step]

    @property
    def seconds(self) -> float:
        """How long it all took, in s; never nothing."""
        return max((self.end - self.begin).total_seconds(), 0.001)

    @property
    def bottom(self) -> int:
        """Where the last step ends, in px."""
        return TOP + ROW * len(self.steps)

    def place(self, when: datetime) -> float:
        """Return where a moment stands, in px."""
        part = (when - self.begin).total_seconds() / self.seconds
        return round(LEFT + (RIGHT - LEFT) * min(max(part, 0), 1), 1)


def drawn(summary: Summary) -> str:
    """Draw the course of a run; empty where no step took time.

    As in the picture of characters it begins with the outage, if there was one: waiting for a decision would leave no
    room for the rest. What follows when the run has ended is named below.
    """
    course = _course(summary)
    if course is None:
        return ""
    said = printable.line(f"{summary.request.incident} on {summary.target}: {outage_words(summary)}", LONGEST)
    height = course.bottom + 62
    body = [*_outage(summary, course), *_axis(course), *_commit(summary, course), *_bars(course)]
    body += [_text(16, height - 14, _beside(summary, course))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="{escape(said, QUOTE)}">\n<title>{escape(said)}</title>\n<style>{STYLE}</style>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="var(--page)"/>\n'
        + "\n".join([_text(16, 28, said, "title"), *body])
        + "\n</svg>\n"
    )


def _course(summary: Summary) -> Course | None:
    offline = outage(summary)
    begin = offline[0] if offline else summary.began
    steps = [one for one in summary.steps if one.ended and one.outcome != "skipped" and one.name not in LATER]
    steps = [one for one in steps if one.ended and one.ended > begin]
    return Course(begin, max(one.ended for one in steps if one.ended), steps) if steps else None


def _outage(summary: Summary, course: Course) -> Iterator[str]:
    """Shade the time in which users were offline."""
    offline = outage(summary)
    if offline is None:
        return
    start, end = course.place(offline[0]), course.place(offline[1] or course.end)
    yield f'<rect class="band" x="{start}" y="44" width="{round(end - start, 1)}" height="{course.bottom - 38}"/>'
    yield _text(start + 6, 60, "users offline", "said")


def _axis(course: Course) -> Iterator[str]:
    step = next((one for one in STEPS if course.seconds / one <= TICKS), STEPS[-1])
    for number in range(int(course.seconds / step) + 1):
        x = round(LEFT + (RIGHT - LEFT) * number * step / course.seconds, 1)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP - 12}" y2="{course.bottom + 6}"/>'
        yield _text(x, course.bottom + 22, _tick(number * step), anchor="middle")


def _tick(seconds: float) -> str:
    """Write a tick in one unit as far as it goes; binary fractions are rounded away."""
    return f"{round(seconds, 1):g} s" if seconds < figures.MINUTE else figures.duration(seconds)


def _bars(course: Course) -> Iterator[str]:
    """Draw a bar a step, with its name before it and how long it took after it."""
    for row, step in enumerate(course.steps):
        y, start = TOP + ROW * row, course.place(step.started)
        end = max(course.place(step.ended or course.end), start + NARROW)
        kind = "failed" if step.outcome == "failed" else "done"
        yield _text(LEFT - 10, y + 13, step.name, "name", "end")
        yield f'<rect class="{kind}" x="{start}" y="{y + 2}" width="{round(end - start, 1)}" height="{ROW - 8}"/>'
        yield _text(end + 6, y + 13, figures.duration(step.seconds) + (", FAILED" if kind == "failed" else ""))


def _commit(summary: Summary, course: Course) -> Iterator[str]:
    """Mark the point of no return, where it was passed."""
    ends = [one.ended for one in course.steps if one.name == LAST_INSIDE and one.outcome == "done" and one.ended]
    if not ends or not summary.changed:
        return
    x = course.place(ends[-1])
    yield f'<line class="mark" x1="{x}" x2="{x}" y1="68" y2="{course.bottom + 6}"/>'
    yield _text(x + 6, 78, "commit: the point of no return", "said")


def _beside(summary: Summary, course: Course) -> str:
    """Say when time 0 is, and how long the steps took that are not drawn."""
    rest = [one for one in summary.steps if one not in course.steps and one.ended and one.outcome != "skipped"]
    said = [f"{one.name} {figures.duration(one.seconds)}" for one in rest]
    return f"0 is {figures.moment(course.begin.astimezone(UTC))}." + (f" Not drawn: {', '.join(said)}." if said else "")


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    shown = escape(printable.line(words, LONGEST))
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{shown}</text>'
