"""The course of a run: one line of facts a step, a table, and a picture of characters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from runbook import figures
from runbook.models import Step
from runbook.page import Table

WIDTH = 40
"""How many characters the longest bar may have."""
OFFLINE = "users offline"

LONGEST = 120
"""How many characters of a single fact are shown."""


def table(steps: Sequence[Step]) -> Table:
    """List the steps with start, duration, outcome and what was found."""
    rows = [(f"{s.started.astimezone(UTC):%H:%M:%S}", s.name, took(s), s.outcome, facts(s.found)) for s in steps]
    return Table(("start (UTC)", "step", "took", "outcome", "found"), rows, right=(2,))


def took(step: Step) -> str:
    """Say how long a step took."""
    if step.outcome == "skipped":
        return "-"
    return figures.duration(step.seconds) if step.ended else "running"


def facts(found: Mapping[str, object]) -> str:
    """Say in one line what a step found: its ``summary`` if it has one, otherwise key by key."""
    if found.get("summary"):
        return str(found["summary"])
    return ", ".join(filter(None, (_fact(key, value) for key, value in found.items())))


def _fact(key: str, value: object) -> str:
    """Say one fact."""
    words = key.replace("_", " ")
    if value is None or value in ("", [], (), {}):
        return ""
    if isinstance(value, bool):
        return words if value else f"not {words}"
    if isinstance(value, int | float):
        return _figure(key, words, value)
    if key.endswith("sha256"):
        return f"{words} {figures.short(str(value))}"
    return f"{words} {_cut(_listed(value))}"


def _figure(key: str, words: str, value: float) -> str:
    """Say a figure; what its key ends with is its unit. How long the step took is said elsewhere."""
    if key.endswith("bytes"):
        return f"{words.removesuffix('bytes')}{figures.size(int(value))}".strip()
    if key.endswith("seconds"):
        return f"{words.removesuffix('seconds')}{figures.duration(value)}" if key != "seconds" else ""
    return f"{value:,} {words}"


def _listed(value: object) -> str:
    match value:
        case [dict(), *_] as rows:
            return str(len(rows))  # a table of its own, elsewhere
        case list() | tuple():
            return ", ".join(map(str, value))
        case dict():
            return ", ".join(f"{name} {_amount(n)}" for name, n in value.items())
        case _:
            return " ".join(str(value).split())


def _amount(value: object) -> str:
    """Say a figure, or figures by kind: "5 updated, 2 deleted"."""
    if isinstance(value, dict):
        return ", ".join(f"{_amount(n)} {kind}" for kind, n in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def picture(steps: Sequence[Step], offline: tuple[datetime, datetime | None] | None) -> list[str]:
    """Draw the steps that took time as bars of characters, and above them the time users were offline.

    Where there was an outage the picture begins with it: waiting for a decision would leave no room for the rest.
    """
    begin = offline[0] if offline else min((s.started for s in steps), default=None)
    drawn = [s for s in steps if s.ended and s.outcome != "skipped" and begin and s.started >= begin]
    if begin is None or not drawn:
        return []
    scale = _Scale(begin, max(s.ended for s in drawn if s.ended), max(len(OFFLINE), *(len(s.name) for s in drawn)))
    bars = [scale.bar(s.name, "#", s.started, s.ended) for s in drawn]
    return [scale.bar(OFFLINE, "=", *offline), *bars] if offline else bars


@dataclass(frozen=True)
class _Scale:
    """What all bars of a picture share."""

    begin: datetime
    end: datetime
    name: int

    def bar(self, name: str, ink: str, start: datetime, end: datetime | None) -> str:
        """Draw one bar, to the picture's end while it has none; even the shortest shows as one character."""
        end = end or self.end
        left = min(int(self._part(start) * WIDTH), WIDTH - 1)
        right = max(min(round(self._part(end) * WIDTH), WIDTH), left + 1)
        ink = f"{' ' * left}{ink * (right - left)}".ljust(WIDTH)
        return f"{name:<{self.name}} |{ink}| {figures.duration((end - start).total_seconds()):>12}"

    def _part(self, when: datetime) -> float:
        return (when - self.begin).total_seconds() / max((self.end - self.begin).total_seconds(), 0.001)
