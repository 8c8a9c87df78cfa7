"""Plan, progress, end and errors in a terminal; in plain ASCII where the terminal has nothing more."""

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, JustifyMethod
from rich.table import Table as Grid
from rich.text import Text

from runbook import figures, held, plandata, planpage, reportpage, timeline
from runbook.errors import RollbackError
from runbook.models import Check, Outcome, Plan, Step
from runbook.page import Block, Bullets, Fixed, Page, Table
from runbook.request import RollbackRequest
from runbook.standing import Standing
from runbook.summary import Summary, outage_words

MARKS: dict[Outcome, tuple[str, str, str]] = {
    "done": ("✓", "ok", "green"),
    "skipped": ("-", "--", "dim"),
    "failed": ("✗", "XX", "bold red"),
    "running": ("…", "..", "cyan"),
}
"""How an outcome is marked: as a sign, in ASCII, and in which style."""
NAME = 20
"""Width of a step's name."""
WORD = 16
"""A table's column is as wide as its longest word, but no wider than this where there is no room."""
PLAIN = str.maketrans({"…": "...", "\u2013": "-", "\u2014": "-", "→": "->", "≤": "<=", "≥": ">="})


def plan(
    plan: Plan, request: RollbackRequest, console: Console, now: datetime | None = None, minutes: int = 30
) -> None:
    """Show the plan; ``minutes`` is the decision window."""
    style = "bold green" if plandata.go_ahead(plan) or not plan.needed else "bold red"
    _page(planpage.plan_page(plan, request, now or datetime.now(UTC), minutes), style, console)


def step(step: Step, console: Console) -> None:
    """Show a step in one line: mark, name, duration, and what it found."""
    sign, ascii_sign, style = MARKS[step.outcome]
    mark = f"{ascii_sign:<2}" if _ascii(console) else sign
    line = Text.assemble((mark, style), f" {step.name:<{NAME}}{timeline.took(step):>12}  ")
    line.append(_fit(timeline.facts(step.found), console), "bold red" if step.outcome == "failed" else "dim")
    line.rstrip()
    console.print(line, soft_wrap=True)


def summary(summary: Summary, console: Console, files: Sequence[Path] = ()) -> None:
    """Show how a run ended: checks side by side, state, next, and where backup and report lie."""
    good = summary.outcome == "done" and not summary.missed
    _say(reportpage.verdict(summary), console, "bold green" if good else "bold red")
    rows = [
        ("Outage", outage_words(summary)),
        ("Longest lock", held.longest(held.of(summary.steps))),
        ("Run", figures.duration((summary.ended - summary.began).total_seconds())),
        *_backups(summary),
        *(("Report" if path.suffix == ".md" else "", str(path)) for path in files),
        ("Problem", summary.problem),
        ("State", summary.state),
        ("Next", summary.next),
    ]
    _each(summary.checks, console)
    _block(Table(("", ""), [row for row in rows if row[1]]), console)


def _backups(summary: Summary) -> list[tuple[str, str]]:
    """Name the snapshot with the file that brings it back, and the dump."""
    copy, dump = summary.copy, summary.backup
    rows = [("Snapshot", copy.database), ("Way back", copy.way_back)] if copy else []
    if dump or not copy:
        rows.append(("Backup", dump.path if dump else "none was taken"))
    return rows


def error(error: RollbackError, console: Console) -> None:
    """Show what is wrong, what state things are in, and what to do now."""
    first, *others = str(error).splitlines()
    _say(f"{type(error).__name__}: {first}", console, "bold red")
    for line in others:
        _say(line, console)


def _page(page: Page, style: str, console: Console) -> None:
    _say(page.verdict, console, style)
    for block in page.lead:
        _block(block, console)
    for section in page.sections:
        console.print()
        _say(section.title, console, "bold")
        for block in section.blocks:
            _block(block, console)


def _block(block: Block, console: Console) -> None:
    match block:
        case Bullets():
            for mark, item in zip(block.marks(), block.items, strict=True):
                _say(f"  {mark} {item}", console, indent=len(mark) + 3)
        case Table() if any(block.header):
            console.print(_grid(block, console))
        case Table():
            _facts(block, console)
        case Fixed(lines):
            for line in lines:
                _say(f"  {line}", console)
        case _:
            _say(f"  {block}", console)


def _facts(table: Table, console: Console) -> None:
    """Show names and values line by line; a long path is not broken, so that it can be copied."""
    width = max((len(row[0]) for row in table.rows), default=0)
    for name, value in table.rows:
        _say(f"  {name:<{width}}  {value}", console, indent=width + 4)


def _grid(table: Table, console: Console) -> Grid:
    """Lay a table out without lines, so that it can be copied; cells fold where the terminal ends."""
    grid = Grid(box=None, padding=(0, 1))
    for i, title in enumerate(table.header):
        justify: JustifyMethod = "right" if i in table.right else "left"
        words = [word for row in table.rows for word in row[i].split()] + [title]
        # No word is broken, but a path or a hash where nothing else can give way.
        least = min(max(map(len, words)), WORD)
        grid.add_column(Text(title), justify=justify, overflow="fold", min_width=least)
    for row in table.rows:
        grid.add_row(*(Text(_plain(cell, console)) for cell in row))
    return grid


def _say(text: str, console: Console, style: str = "", indent: int = 0) -> None:
    """Print a text as it is: no markup of rich's, no colouring of figures.

    A terminal's lines are broken between words and go on ``indent`` columns in; a file gets them whole.
    """
    lines = _plain(text, console).split("\n")
    if console.is_terminal:
        lines = [_wrapped(line, console.width, indent) for line in lines]
    console.print(Text("\n".join(lines), style), soft_wrap=True)


def _wrapped(line: str, width: int, indent: int) -> str:
    """Break a line between words; a word that is longer than a line, such as a path, stays whole to be copied."""
    return textwrap.fill(
        line,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )


def _fit(text: str, console: Console) -> str:
    """Keep a step on one line of a real terminal; where output goes to a file, all of it is kept."""
    text = _plain(" ".join(text.split()), console)
    room = console.width - NAME - 17
    return text if not console.is_terminal or len(text) <= room else f"{text[: max(room - 3, 0)]}..."


def _ascii(console: Console) -> bool:
    return console.options.ascii_only


def _plain(text: str, console: Console) -> str:
    """Write a text so that the terminal can show it, without anything that would steer it."""
    printable = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    return printable.translate(PLAIN).encode("ascii", "replace").decode() if _ascii(console) else printable


def status(standing: Standing, console: Console) -> None:
    """Show where we stand: state, whether it is safe to stop, what is next, and the last run's steps."""
    _say(standing.state, console, "bold")
    rows = [
        ("Database", standing.database),
        ("Safe to stop here", "yes" if standing.safe else "no"),
        ("Next", standing.next),
        ("Runner", standing.runner or "nobody"),
        *((f"Migration {number}", state) for number, state in standing.migrations.items()),
    ]
    _facts(Table(("", ""), rows), console)
    if standing.last:
        _say(f"Last run: {standing.last['incident']}, {standing.last['outcome']}. {standing.last['state']}", console)
    for one in standing.steps:
        step(one, console)


def _each(checks: Sequence[Check], console: Console) -> None:
    """Show expected and found side by side."""
    for block in reportpage.checks(checks) if checks else []:
        _block(block, console)


def verified(checks: Sequence[Check], console: Console) -> None:
    """Show how the database compares with the end state, the answer first."""
    missed = [check for check in checks if not check.passed]
    if missed:
        said = f"Not at the declared end state: {len(missed)} of {len(checks)} checks differ. rollback status says why."
    else:
        said = f"At the declared end state: all {len(checks)} checks match."
    _say(said, console, "bold red" if missed else "bold green")
    _each(checks, console)


def facts(title: str, rows: Sequence[tuple[str, str]], console: Console) -> None:
    """Show the facts of one thing under its name."""
    _say(title, console, "bold")
    _facts(Table(("", ""), rows), console)
