"""The locks that the transaction takes, statement by statement, as sql/locks.csv lists them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import sql
from runbook.models import Plan
from runbook.planning import choices
from runbook.schema import transaction

NONE = "none new"
"""What stands for the lock of a statement that works under those the script has already."""


@dataclass(frozen=True)
class Lock:
    """A lock that a statement takes, whatever state it finds: the most that it can be."""

    file: str
    """Below sql/."""
    line: str
    """Where the statement stands; empty for all that a script only reads."""
    statement: str
    mode: str
    """In PostgreSQL's words, or ``NONE``."""
    on: Sequence[str]
    """Tables and views; indexes and types are called so."""
    meanwhile: str
    """What others can still do with the rows: read and write, read, nothing."""

    @property
    def tables(self) -> Sequence[str]:
        """The tables and views among what is locked."""
        return [name for name in self.on if not name.startswith(("index ", "type "))]


def listed() -> list[Lock]:
    """Return all locks of all scripts, in the order in which these run."""
    rows = csv.reader(sql.read("locks.csv").splitlines(keepends=True))
    next(rows)
    return [
        Lock(file, line, text, mode, tuple(on.split(", ")) if on else (), free)
        for file, line, text, mode, on, free in rows
    ]


def of(plan: Plan) -> list[Lock]:
    """Return the locks of the scripts that this plan runs, with that of its choice for OAuth users."""
    files = files_of(plan)
    return [lock for lock in listed() if lock.file in files]


def files_of(plan: Plan) -> dict[str, str]:
    """Return the steps of the plan's scripts, by file below sql/."""
    settle = transaction.OAUTH_SCRIPTS.get(plan.oauth) if choices.touched(plan) else None
    files = {settle: "settle OAuth users"} if settle else {}
    for script in plan.scripts:
        if script.action == "run":
            files |= {script.name: script.migration, script.name.replace("rollback/", "verify/", 1): script.migration}
    return files
