"""The record of a rehearsal: begun before anything is touched, written on as it goes, ended whatever happens."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import psycopg

from runbook import database, journal
from runbook.database import Row
from runbook.errors import DatabaseUnavailable, RollbackError
from runbook.models import Outcome, Step
from runbook.rehearsing import alert, history, stagingmark
from runbook.rehearsing import request as requests
from runbook.rehearsing.request import RehearsalRequest
from runbook.settings import Settings

End = Literal["done", "nothing", "failed"]

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Record:
    """A rehearsal at work, and where it is written down."""

    id: UUID
    label: str
    request: RehearsalRequest
    settings: Settings
    conn: psycopg.Connection
    """To the history; holds the target's lock."""
    killed: Sequence[Row]
    """Earlier rehearsals that were killed."""
    outcome: End = "done"
    reason: str = ""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def folder(self) -> Path:
        """Return where the reports and messages of this rehearsal go."""
        return self.settings.report_dir.absolute() / f"{self.label}-{self.began:%Y%m%d-%H%M%S}"

    def write(self, query: str, /, **values: Any) -> list[Row]:
        """Write to the history, over a new connection where the old one was lost. Raises DatabaseUnavailable."""
        try:
            return database.query(self.conn, query, **values)
        except DatabaseUnavailable:
            log.warning("The connection to the history was lost; making a new one.")
            self.conn.close()
            self.conn = history.opened(self.settings)
            return database.query(self.conn, query, **values)


@contextmanager
def begun(request: RehearsalRequest, settings: Settings, prefect_run: str | None) -> Iterator[Record]:
    """Write down that a rehearsal begins, and how it ended; tell the team where it did not end well, or was slow.

    Raises RehearsalRefused, SecondRunner, DatabaseUnavailable.
    """
    called = requests.label(request)
    try:
        stagingmark.check(settings)
        with _opened(called, request, settings, prefect_run) as record:
            yield record
            slow = history.slower(record.conn, settings, record.id) if record.outcome == "done" else []
    except BaseException as failure:
        alert.failed(settings, called, failure, prefect_run)
        raise
    if slow:
        alert.slow(settings, called, slow, prefect_run)


@contextmanager
def _opened(called: str, request: RehearsalRequest, settings: Settings, prefect_run: str | None) -> Iterator[Record]:
    conn = history.opened(settings)
    record = Record(uuid4(), called, request, settings, conn, history.lock(conn, settings.target))
    for row in record.killed:
        log.warning("The rehearsal %s of %s was killed; cleaning up after it.", row["label"], row["began"])
    try:
        words = {"label": called, "target": settings.target, "prefect_run": prefect_run}
        record.write("history_begin", id=record.id, scripts=history.scripts(request.oauth, request.gemini), **words)
        yield record
        record.write("history_end", id=record.id, outcome=record.outcome, reason=record.reason)
    except BaseException as failure:
        _fail(record, failure)
        raise
    finally:
        record.conn.close()


def _fail(record: Record, failure: BaseException) -> None:
    """Write down that a rehearsal failed. Where that cannot be done, the next one finds it killed."""
    try:
        record.write("history_end", id=record.id, outcome="failed", reason=alert.why(failure))
    except RollbackError as error:
        log.error("The end could not be written down: %s", error.problem)


@contextmanager
def step(record: Record, name: str) -> Iterator[dict[str, object]]:
    """Write down how long a step took, and tell who listens, with what it found; ``skipped`` there: it did nothing."""
    started, began = datetime.now(UTC), time.monotonic()
    found: dict[str, object] = {}
    outcome: Outcome = "failed"
    try:
        yield found
        outcome = "skipped" if "skipped" in found else "done"
    finally:
        seconds = time.monotonic() - began
        write_step(record, name, seconds, outcome)
        told = Step(name, started, datetime.now(UTC), outcome, found)
        for tell in journal.listeners:
            tell(told)


def write_step(record: Record, name: str, seconds: float, outcome: Outcome) -> None:
    """Write a step down. What cannot be written is no reason to leave staging as it is now."""
    try:
        record.write("history_step", run=record.id, name=name, seconds=seconds, outcome=outcome)
    except RollbackError as error:
        log.error("The step %s could not be written down: %s", name, error.problem)
