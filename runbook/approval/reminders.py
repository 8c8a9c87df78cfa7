"""The clock of a run that waits: it reminds the approvers."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from runbook.approval import asking, authority
from runbook.approval.asking import Waiting
from runbook.approval.authority import Question
from runbook.errors import RollbackError
from runbook.settings import Settings

log = logging.getLogger(__name__)

LEFT = (15, 5, 1)
"""How many minutes before the end the approvers are reminded."""


def moments(question: Question, settings: Settings) -> Sequence[datetime]:
    """Return when the approvers are reminded: 15, 5 and 1 minutes before the end, and when the ladder grows."""
    before = [question.until - timedelta(minutes=left) for left in LEFT]
    grows = authority.on_call_from(question, settings)
    return sorted({at for at in [*before, grows] if question.asked < at < question.until})


@contextmanager
def running(waiting: Waiting, question: Callable[[], Question]) -> Iterator[None]:
    """Remind while the block waits for answers."""
    over = Event()
    work = Thread(target=copy_context().run, args=(_run, waiting, question, over), daemon=True)
    work.start()
    try:
        yield
    finally:
        over.set()


def _run(waiting: Waiting, question: Callable[[], Question], over: Event) -> None:
    for at in moments(question(), waiting.settings):
        if over.wait(_until(at)):
            return
        _remind(waiting, question())


def _until(at: datetime) -> float:
    """Return the seconds until a moment."""
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _remind(waiting: Waiting, question: Question) -> None:
    """Remind; that it cannot be done must not stop the clock."""
    try:
        asking.tell_waiting(waiting, question, datetime.now(UTC))
    except RollbackError as error:
        log.error("Nobody could be reminded: %s", error.problem)
