"""What a rehearsal measured: read from the clone's journal, before the clone goes."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from runbook import database, journal
from runbook.models import Step
from runbook.schema import held
from runbook.telling import summary

TRANSACTION = ("settle OAuth users", "verify the schema")
"""The first and the last step of the transaction."""


@dataclass(frozen=True)
class Measured:
    """What the rollback of the clone took; times in s, None: not measured."""

    steps: Sequence[Step]
    bytes: int
    rows: int
    longest_lock: float | None
    longest_lock_on: str | None
    """The table that was locked for so long."""
    outage: float | None
    transaction: float | None


def read() -> Measured | None:
    """Measure the newest run on the clone; None where the rollback did not begin. Raises DatabaseUnavailable."""
    with closing(database.connect()) as conn:
        runs = journal.runs(conn)
        if not runs:
            return None
        steps = journal.steps(conn, runs[0]["id"])
        size, rows = database.query(conn, "size")[0]["bytes"], database.query(conn, "history_rows")[0]["rows"]
    span, locks = summary.outage_of(steps), held.of(steps)
    return Measured(
        steps=steps,
        bytes=int(size),
        rows=int(rows),
        longest_lock=locks[0].seconds if locks else None,
        longest_lock_on=locks[0].table if locks else None,
        outage=(span[1] - span[0]).total_seconds() if span and span[1] else None,
        transaction=_transaction(steps),
    )


def _transaction(steps: Sequence[Step]) -> float | None:
    """Return the time from the transaction's first step to the end of its last."""
    named = {step.name: step for step in steps}
    first, last = (named.get(name) for name in TRANSACTION)
    return (last.ended - first.started).total_seconds() if first and last and last.ended else None
