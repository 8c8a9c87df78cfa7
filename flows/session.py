"""What a flow needs when it runs in a terminal: a Prefect server, and somebody who is told how it goes."""

import logging
import os
import pwd
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import httpx
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)
from rich.console import Console

from flows import prompting, proxies, results
from flows.rehearsal import rehearsal
from flows.rollback import rollback
from runbook import journal, printable
from runbook.approval import approvals
from runbook.errors import RollbackError
from runbook.models import Step
from runbook.rehearsing.request import RehearsalRequest
from runbook.request import RollbackRequest
from runbook.telling import ending, screen, terminal
from runbook.telling.summary import Summary, outage_words

log = logging.getLogger(__name__)

T = TypeVar("T")
SET_BY_HAND = RollbackError(
    "Prefect says that this run is completed, and it did nothing: somebody set its state by hand.",
    "Find out who reaches Prefect's API; then run again.",
    "Nothing was changed by this run.",
)


@contextmanager
def server(console: Console) -> Iterator[None]:
    """Use the configured Prefect server, or start a temporary one and say so."""
    results.read_none()
    url = PREFECT_API_URL.value()
    proxies.bypass(url or "")
    if url and _answers(url):
        screen.sentence(f"Prefect server: {url}", console)
        yield
        return
    why = f"{url} does not answer" if url else "none is configured"
    screen.sentence(f"Prefect server: {why}; a temporary one is started for this run (10 to 20 s).", console)
    with temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True}, restore_defaults={PREFECT_API_URL}):
        yield


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=3).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def unreachable() -> str:
    """Return the address of a configured Prefect server that does not answer; empty: none is, or it does."""
    url = PREFECT_API_URL.value() or ""
    proxies.bypass(url)
    return "" if not url or _answers(url) else url


@contextmanager
def answered() -> Iterator[None]:
    """Say in a sentence what Prefect's client raises, and let it try for seconds only. Raises RollbackError."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 2}):
        try:
            yield
        except (httpx.HTTPError, PrefectException) as error:
            said = printable.line(str(error).partition("\n")[0]) or type(error).__name__
            raise RollbackError(
                f"The Prefect server does not answer as it should: {said}.",
                "Check PREFECT_API_URL and PREFECT_API_AUTH_STRING, and that the server runs; then answer again.",
                "The run goes on waiting.",
            ) from None


def run(request: RollbackRequest, console: Console) -> int:
    """Run the flow in this process and return the exit status: 0 done, 4 declined or refused, 1 failed."""
    request, ends, steps = _named(request, console), list[Summary](), list[Step]()
    hear: Callable[[Summary, Sequence[Path]], None] = lambda summary, _: ends.append(summary)  # noqa: E731
    with (
        server(console),
        told(console, partial(prompting.prompt, console)),
        _listening(ending.listeners, hear),
        _listening(journal.listeners, steps.append),
    ):
        try:
            state = rollback(request, return_state=True)
        except (httpx.HTTPError, PrefectException) as error:
            _leave(_vanished(ends, error, console))
    if state.is_completed() and not steps:
        terminal.error(SET_BY_HAND, console)
        return 1
    return ended(state, console)


def _named(request: RollbackRequest, console: Console) -> RollbackRequest:
    """Name this terminal's user as who asks, where the request names nobody; and say so."""
    if request.requested_by.strip():
        return request
    user = pwd.getpwuid(os.getuid()).pw_name
    screen.sentence(f"Requested by: {user}, this terminal's user (--requested-by names somebody else).", console)
    return request.model_copy(update={"requested_by": user})


def _leave(status: int) -> NoReturn:
    """End the process now: at its usual end Prefect would try for minutes to send what it still has for its server."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _vanished(ends: Sequence[Summary], error: Exception, console: Console) -> int:
    """Say how a run ended whose Prefect server is gone, so that it knows nothing of the end. The journal does."""
    why = f"The Prefect server is gone ({type(error).__name__}): its page of the run does not show the end."
    if ends and ends[-1].outcome == "done":
        screen.sentence(f"{ends[-1].request.incident}: rolled back and verified; {outage_words(ends[-1])}.", console)
        screen.sentence(f"{why} rollback status does, with who was told.", console)
        return 0
    terminal.error(
        RollbackError(why, "rollback status says where things stand.", ends[-1].state if ends else ""), console
    )
    return 1


def rehearse(request: RehearsalRequest, console: Console) -> int:
    """Rehearse in this process and return the exit status: 0 done, 1 failed."""
    with (
        server(console),
        told(console, lambda *_: screen.sentence("The rehearsal answers itself, through the same gate.", console)),
    ):
        state = rehearsal(request, return_state=True)
    return ended(state, console)


@contextmanager
def told(console: Console, waits: approvals.Listener) -> Iterator[None]:
    """Print each step as it ends, and the end; call ``waits`` when the run waits for its approval."""
    step: Callable[[Step], None] = partial(terminal.step, console=console)
    end: Callable[[Summary, Sequence[Path]], None] = partial(_end, console)
    with (
        _listening(journal.listeners, step),
        approvals.heard(waits),
        _listening(ending.listeners, end),
    ):
        yield


def _end(console: Console, summary: Summary, files: Sequence[Path]) -> None:
    terminal.summary(summary, console, files)


@contextmanager
def _listening(listeners: list[T], listener: T) -> Iterator[None]:
    listeners.append(listener)
    try:
        yield
    finally:
        listeners.remove(listener)


def ended(state: State[Any], console: Console) -> int:
    """Return the exit status of a run; says how it ended where no report could."""
    if state.is_completed():
        screen.sentence(state.message or "", console)
        return 0
    error = state.result(raise_on_failure=False)
    if isinstance(error, RollbackError):
        terminal.error(error, console)
    elif state.is_failed():
        terminal.error(RollbackError(str(state.message)), console)
    return 4 if state.name in ("Declined", "Refused") else 1
