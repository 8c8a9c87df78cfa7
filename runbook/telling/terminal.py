"""Plan, progress, end and errors in a terminal; in plain ASCII where the terminal has nothing more."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from runbook import figures, printable
from runbook.errors import RollbackError
from runbook.models import Check, Outcome, Plan, Step
from runbook.page import Table
from runbook.planning import plandata, planpage
from runbook.request import RollbackRequest
from runbook.schema import held
from runbook.telling import reportpage, screen, timeline, told
from runbook.telling.standing import Standing
from runbook.telling.summary import Summary, outage_words

MARKS: dict[Outcome, tuple[str, str, str]] = {
    "done": ("✓", "ok", "green"),
    "skipped": ("-", "--", "dim"),
    "open": ("!", "!!", "bold yellow"),
    "failed": ("✗", "XX", "bold red"),
    "running": ("…", "..", "cyan"),
}
"""How an outcome is marked: as a sign, in ASCII, and in which style."""
NAME = 20
"""Width of a step's name."""


def plan(
    plan: Plan, request: RollbackRequest, console: Console, now: datetime | None = None, minutes: int = 30
) -> None:
    """Show the plan; ``minutes`` is the decision window."""
    style = "bold green" if plandata.go_ahead(plan) or not plan.needed else "bold red"
    screen.page(planpage.plan_page(plan, request, now or datetime.now(UTC), minutes), style, console)


def step(step: Step, console: Console) -> None:
    """Show a step in one line: mark, name, duration, and what it found."""
    sign, ascii_sign, style = MARKS[step.outcome]
    mark = f"{ascii_sign:<2}" if screen.ascii_only(console) else sign
    name = screen.plain(printable.line(step.name), console)
    line = Text.assemble((mark, style), f" {name:<{NAME}}{timeline.took(step):>12}  ")
    line.append(_fit(timeline.facts(step.found), console), "bold red" if step.outcome == "failed" else "dim")
    line.rstrip()
    console.print(line, soft_wrap=True)


def summary(summary: Summary, console: Console, files: Sequence[Path] = ()) -> None:
    """Show how a run ended: checks side by side, state, next, and where backup and report lie."""
    good = summary.outcome == "done" and not summary.missed
    screen.sentence(reportpage.verdict(summary), console, "bold green" if good else "bold red")
    rows = [
        ("Outage", outage_words(summary)),
        ("Longest lock", held.longest(held.of(summary.steps))),
        ("Run", figures.duration((summary.ended - summary.began).total_seconds())),
        *_backups(summary),
        *((_kind(path), str(path)) for path in files),
        ("Problem", summary.problem),
        ("State", summary.state),
        ("Next", summary.next),
    ]
    _each(summary.checks, console)
    screen.block(Table(("", ""), [row for row in rows if row[1]]), console)


def _kind(path: Path) -> str:
    """Name a file of the report once, with its text; what lies beside it has no name of its own."""
    kind = "Post-mortem" if path.name.startswith("post-mortem") else "Report"
    return kind if path.suffix == ".md" else ""


def _backups(summary: Summary) -> list[tuple[str, str]]:
    """Name the snapshot with the file that brings it back, and the dump."""
    copy, dump = summary.copy, summary.backup
    rows = [("Snapshot", copy.database), ("Way back", copy.way_back)] if copy else []
    if dump or not copy:
        rows.append(("Backup", dump.path if dump else "none was taken"))
    return rows


def error(error: RollbackError, console: Console) -> None:
    """Show what is wrong, what state things are in, and what to do now."""
    first, *others = str(error).split("\n")
    screen.say(f"{type(error).__name__}: {first}", console, "bold red")
    for line in others:
        screen.say(line, console)


def _fit(text: str, console: Console) -> str:
    """Keep a step on one line of a real terminal; where output goes to a file, all of it is kept."""
    text = screen.plain(printable.line(text), console)
    room = console.width - NAME - 17
    return text if not console.is_terminal or len(text) <= room else f"{text[: max(room - 3, 0)]}..."


def status(standing: Standing, console: Console) -> None:
    """Show where we stand: state, whether it is safe to stop, what is next, and the last run's steps."""
    screen.sentence(standing.state, console, "bold")
    rows = [
        ("Database", standing.database),
        ("Safe to stop here", "yes" if standing.safe else "no"),
        ("Next", standing.next),
        ("Runner", standing.runner or "nobody"),
        ("Settings", f"environment, then {standing.settings_file or 'nothing: there is no .env with any here'}"),
        *_refused(standing),
        *((f"Told of {incident}", told.counts(who)) for incident, who in standing.told.items()),
        *(("Proposed" if nr == 0 else "", line) for nr, line in enumerate(standing.proposals)),
        *((f"Migration {number}", state) for number, state in standing.migrations.items()),
    ]
    screen.facts(Table(("", ""), rows), console)
    if standing.last:
        last = standing.last
        screen.sentence(f"Last run: {last['incident']}, {last['outcome']}. {last['state']}", console)
    for one in standing.steps:
        step(one, console)


def _refused(standing: Standing) -> list[tuple[str, str]]:
    """Say how many runs the worker refused, where any were."""
    refused = standing.refused
    return [("Refused runs", f"{refused.day} in the last day; the newest {refused.newest}")] if refused.newest else []


def _each(checks: Sequence[Check], console: Console) -> None:
    """Show expected and found side by side."""
    for block in reportpage.checks(checks) if checks else []:
        screen.block(block, console)


def verified(checks: Sequence[Check], console: Console) -> None:
    """Show how the database compares with the end state, the answer first."""
    missed = [check for check in checks if not check.passed]
    if missed:
        said = f"Not at the declared end state: {len(missed)} of {len(checks)} checks differ. rollback status says why."
    else:
        said = f"At the declared end state: all {len(checks)} checks match."
    screen.say(said, console, "bold red" if missed else "bold green")
    _each(checks, console)


def facts(title: str, rows: Sequence[tuple[str, str]], console: Console) -> None:
    """Show the facts of one thing under its name."""
    screen.sentence(title, console, "bold")
    screen.facts(Table(("", ""), rows), console)
