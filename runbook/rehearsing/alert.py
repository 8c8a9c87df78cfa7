"""Alerts of a rehearsal to the team: it failed, or a step was slower than usual."""

import logging
from collections.abc import Sequence

from runbook import figures, printable
from runbook.database import Row
from runbook.errors import RollbackError
from runbook.settings import Settings
from runbook.telling import messages, team

log = logging.getLogger(__name__)


def why(failure: BaseException) -> str:
    """Say in a line why a rehearsal failed."""
    if isinstance(failure, RollbackError):
        return printable.line(failure.problem)
    name = type(failure).__name__
    return printable.line(f"{name}: {failure}" if str(failure) else f"It was ended by {name}.")


def failed(settings: Settings, label: str, failure: BaseException, prefect_run: str | None) -> None:
    """Tell the team that a rehearsal failed."""
    lines = [why(failure)]
    if isinstance(failure, RollbackError):
        lines += [f"State: {failure.state}"] if failure.state else []
        lines += [f"Do now: {failure.remedy}"] if failure.remedy else []
    lines.append("A rollback of production may fail in the same way: mend it, then rehearse again.")
    _tell(settings, f"The rehearsal {label} on {settings.target} FAILED", lines, prefect_run)


def slow(settings: Settings, label: str, steps: Sequence[Row], prefect_run: str | None) -> None:
    """Tell the team which steps were slower than usual."""
    lines = [
        f"{row['name']}: {figures.duration(row['seconds'])}, usually {figures.duration(row['usual'])} "
        f"(median of {row['runs']})"
        for row in steps
    ]
    _tell(settings, f"The rehearsal {label} on {settings.target} was slower than usual", lines, prefect_run)


def _tell(settings: Settings, title: str, lines: Sequence[str], prefect_run: str | None) -> None:
    """Tell the team; that it cannot be told must not hide how the rehearsal ended."""
    link = messages.link(settings, prefect_run or "")
    shown = [printable.unmarked(printable.line(line)) for line in [*lines, *([link] if link else [])]]
    try:
        team.tell(settings, title, "\n".join(shown) + "\n")
    except RollbackError as error:
        log.error("The team could not be told: %s", error.problem)
