"""The clock of a run that waits: it reminds the approvers, and it ends the wait."""

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
AGAIN = 1.0
"""How often the end is enforced once the time is over, in s."""


def moments(question: Question, settings: Settings) -> Sequence[datetime]:
    """Return when the approvers are reminded: 15, 5 and 1 minutes before the end, and when the ladder grows."""
    before = [question.until - timedelta(minutes=left) for left in LEFT]
    grows = authority.on_call_from(question, settings)
    return sorted({at for at in [*before, grows] if question.asked < at < question.until})


@contextmanager
def running(waiting: Waiting, question: Callable[[], Question], end: Callable[[], None]) -> Iterator[None]:
    """Remind while the block waits for answers; call ``end`` when the time is over, until the block ends."""
    over = Event()
    work = Thread(target=copy_context().run, args=(_run, waiting, question, end, over), daemon=True)
    work.start()
    try:
        yield
    finally:
        over.set()


def _run(waiting: Waiting, question: Callable[[], Question], end: Callable[[], None], over: Event) -> None:
    for at in moments(question(), waiting.settings):
        if over.wait(_until(at)):
            return
        _remind(waiting, question())
    if over.wait(_until(question().until)):
        return
    while True:
        # Again and again: the run may have been about to pause once more.
        _end(end)
        if over.wait(AGAIN):
            return


def _until(at: datetime) -> float:
    """Return the seconds until a moment."""
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _remind(waiting: Waiting, question: Question) -> None:
    """Remind; that it cannot be done must not stop the clock."""
    try:
        asking.tell_waiting(waiting, question, datetime.now(UTC))
    except RollbackError as error:
        log.error("Nobody could be reminded: %s", error.problem)


def _end(end: Callable[[], None]) -> None:
    try:
        end()
    except Exception as error:  # a server that is away for a moment raises whatever its client does
        log.error("The wait is over, and the server could not be told yet: %s: %s", type(error).__name__, error)
