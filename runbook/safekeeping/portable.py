"""The portable dump: what a run's backup is worth away from its server, and what is said where it is missing."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from typing import Any

from runbook import journal
from runbook.errors import NotificationFailed, RollbackError
from runbook.runs import Run
from runbook.safekeeping import snapshots
from runbook.safekeeping.kept import Backup
from runbook.telling import team
from runbook.telling.summary import Summary


def dump(run: Run) -> Backup | None:
    """Return the newest dump that a step of this run wrote down: of the step back up, or of the snapshot later."""
    for step in reversed(journal.steps(run.side, run.id)):
        if step.name in ("back up", "portable dump") and step.outcome == "done" and "path" in step.found:
            found: dict[str, Any] = dict(step.found)
            # A step of an earlier version wrote fewer fields.
            named = {field.name: found[field.name] for field in fields(Backup) if field.name in found}
            return Backup(**{**named, "seconds": step.seconds})
    return None


def with_dump(run: Run, summary: Summary) -> Summary:
    """Return what a run came to, now that its snapshot's portable dump is taken and proved."""
    return replace(summary, steps=journal.steps(run.side, run.id), backup=dump(run), copy=snapshots.of(run))


@contextmanager
def all_but_the_dump(run: Run) -> Iterator[None]:
    """Tell of a portable dump that failed: the team, and whoever reads the error, which says what stands all the same.

    Raises RollbackError in place of any error; signals and cancellations stay as they are.
    """
    try:
        yield
    except Exception as error:
        problem = error.problem if isinstance(error, RollbackError) else f"{type(error).__name__}: {error}"
        failed = RollbackError(
            f"The portable dump of the snapshot is missing: {problem}",
            "Mend it, then: rollback snapshots tidy. Until then the snapshot is the only backup; it is not dropped.",
            "The database is rolled back and verified, and the services run.",
        )
        with suppress(NotificationFailed):
            team.tell(run.settings, f"{run.request.incident}: the portable dump is missing", str(failed))
        raise failed from error
