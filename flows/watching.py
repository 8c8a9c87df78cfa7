"""Watching what Prefect says of the run while it works: somebody may end it there, and then it ends in seconds.

It ends where that is safe. Once services are being started again, or the transaction is about to commit, it goes on to
the end of that: a run that is ended in the middle would leave users offline.
"""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from types import FrameType
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound, PrefectException, TerminationSignal
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from runbook.errors import Withdrawn
from tasks import withdrawn

EVERY = 2.0
"""How often Prefect is asked, in s."""
PATIENCE = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 5.0}
AWAY = (httpx.HTTPError, PrefectException)
WAKE = signal.SIGUSR2
"""What takes the main thread out of whatever it waits for."""

log = logging.getLogger(__name__)


class Stopped(KeyboardInterrupt):
    """Takes the run out of what it does, as Ctrl-C would; psycopg then cancels its statement."""

    def __init__(self, why: Withdrawn) -> None:
        super().__init__(why.problem)
        self.why = why


class Watch:
    """What is known of a run at Prefect, and whether it may be ended now."""

    def __init__(self, flow_run: UUID | None) -> None:
        self.flow_run = flow_run
        self.found: Withdrawn | None = None
        """Why the run was to end; None: nobody wants that."""
        self.open = True
        """Whether it may be ended where it is."""
        self._terminate: Any = signal.SIG_DFL
        self._told = False

    def close(self) -> None:
        """Let nothing end the run from here on. Raises Stopped where somebody wanted it to end just before."""
        if self.open and self.found:
            self.open = False
            raise Stopped(self.found)
        self.open = False

    def explained(self, failure: BaseException) -> Withdrawn | None:
        """Return why the run ended, where it was somebody at Prefect; a worker ends a cancelled run by a signal."""
        if isinstance(failure, Withdrawn):
            self.found = self.found or failure
            return failure
        if isinstance(failure, Stopped):
            return failure.why
        return self.look() if isinstance(failure, TerminationSignal) else None

    def look(self) -> Withdrawn | None:
        """Ask Prefect; None where nobody ended the run, or it does not answer."""
        if self.flow_run is None:
            return None
        with suppress(*AWAY), temporary_settings(PATIENCE):
            self.found = withdrawn(self._state(self.flow_run), waits=False)
        return self.found

    def settle(self, state: State[Any]) -> None:
        """Let Prefect show how the run ended, whatever it was set to meanwhile."""
        if self.flow_run and self.found:
            with suppress(*AWAY), temporary_settings(PATIENCE), get_client(sync_client=True) as client:
                client.set_flow_run_state(self.flow_run, state.model_copy(deep=True), force=True)

    @staticmethod
    def _state(flow_run: UUID) -> State[Any] | None:
        with get_client(sync_client=True) as client:
            try:
                return client.read_flow_run(flow_run).state
            except ObjectNotFound:
                return None

    def wake(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's
        """End the run where it is, if it may be ended there."""
        if self.open and self.found:
            self.open = False
            raise Stopped(self.found)

    def terminate(self, number: int, frame: FrameType | None) -> None:
        """End as by SIGTERM, if it may; else go on to the next safe place. Told twice, it ends at once."""
        if self.open or self._told:
            self.open = False
            if callable(self._terminate):
                self._terminate(number, frame)
            raise SystemExit(128 + number)
        self._told = True
        log.warning("Told to end (SIGTERM): the run goes on, since users would stay offline. Told again, it ends.")

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Listen to both signals while the block runs; outside the main thread nothing can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._terminate, before = signal.signal(signal.SIGTERM, self.terminate), signal.signal(WAKE, self.wake)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, self._terminate)
            signal.signal(WAKE, before)


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch this run at Prefect while the block runs."""
    context = FlowRunContext.get()
    watch, over = Watch(context.flow_run.id if context and context.flow_run else None), threading.Event()
    _never_suspend(context)
    with watch.signals():
        threading.Thread(target=copy_context().run, args=(_follow, watch, over), daemon=True).start()
        try:
            yield watch
        finally:
            over.set()
            watch.open = False


def _never_suspend(context: FlowRunContext | None) -> None:
    """Take Prefect's own suspending away: it lets no task start any more, so neither those that put services back."""
    request = getattr(context, "flow_run_suspension_request", None)
    if request is not None:
        request.mark_requested = lambda state: None  # noqa: ARG005 - Prefect's signature


def _follow(watch: Watch, over: threading.Event) -> None:
    """Ask again and again until somebody ended the run; then end it, if it may be ended where it is."""
    while not over.wait(EVERY):
        if why := watch.look():
            log.warning("%s", why.problem)
            if watch.open and threading.main_thread().ident:
                signal.pthread_kill(threading.main_thread().ident or 0, WAKE)
            return
