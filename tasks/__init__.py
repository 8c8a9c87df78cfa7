"""One file a step. What steps share: when, and how often, they are tried again, and how they show their progress."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread
from typing import Any, cast
from uuid import UUID

from prefect import Task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType, TaskRun
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from runbook import figures
from runbook.errors import CommittedAfterAll, DatabaseUnavailable, LockNotAvailable, ReleaseUnfit, Withdrawn

LOCK_RETRIES = 9
LOCK_DELAYS = [0.2, 0.4, 0.8, 1.6, 3.0]
"""Seconds before each retry (the last one goes on), up to doubled by jitter, so that waiters do not march in step."""
DRAW_SECONDS = 1.0
"""How often a progress artifact is drawn anew at most, and how long its last drawing may hold the work up."""

NOBODY = "by nobody that is known: Prefect has no users"
AGAIN = "Find out who did it and why. If the incident goes on, run again for it: a new run needs a new approval."
CANCELS = (StateType.CANCELLED, StateType.CANCELLING)

log = logging.getLogger(__name__)

Move = Callable[[int, int, str], None]
"""Moves a progress artifact to so much of so much, and says what that is."""


def only_locks(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say yes to a retry only where a lock was not granted (SQLSTATE 55P03); anything else fails at once."""
    return isinstance(state.data, LockNotAvailable)


def not_unfit(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say no to a retry where the release itself said that it does not work: users are offline, and nothing moves."""
    return not isinstance(state.data, ReleaseUnfit)


def not_committed(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say no to a retry where the transaction committed: there is no way back to try again."""
    return not isinstance(state.data, CommittedAfterAll)


def only_lost(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say yes to a retry only where a server could not be reached any more; anything else fails at once."""
    return isinstance(state.data, DatabaseUnavailable)


def shown(draw: Callable[[], UUID]) -> UUID | None:
    """Draw an artifact and return its id; None where Prefect does not take it: no step fails for its picture.

    A server that is gone costs a few seconds each time, not the minute that Prefect's client would try for.
    """
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 1}):
            return draw()
    except Exception as error:  # whatever Prefect's client raises
        log.warning("An artifact cannot be shown (%s); the work goes on.", type(error).__name__)
        return None


def artifact_of(prefect_run: str, key: str) -> UUID | None:
    """Return the newest artifact of a run with this key; None where there is none, or nobody can tell."""
    wanted = {"flow_runs": {"id": {"any_": [prefect_run]}}, "artifacts": {"key": {"any_": [key]}}}
    try:
        # Not by the client's read_artifacts: it sends nulls for the filters it was not given, which are refused.
        with get_client(sync_client=True) as client:
            rows = client.request("POST", "/artifacts/filter", json={**wanted, "sort": "CREATED_DESC"}).json()
    except Exception as error:  # whatever Prefect's client raises
        log.warning("The artifact '%s' cannot be found (%s).", key, type(error).__name__)
        return None
    return UUID(rows[0]["id"]) if rows else None


def withdrawn(state: State[Any] | None, *, waits: bool) -> Withdrawn | None:
    """Return the error of a run that somebody ended through Prefect's API; None where this state does not mean that.

    ``state`` is None where the run was deleted; ``waits``: the run waits, so that any pause but its own ends it, too.
    """
    if state is None:
        return Withdrawn("The run was deleted from Prefect, by nobody that is known.", AGAIN)
    if state.is_running() or (state.is_paused() and state.name != "Suspended" and not waits):
        return None
    done = "cancelled" if state.type in CANCELS else f"set to {state.name}"
    return Withdrawn(f"The run was {done} through Prefect's API at {figures.moment(state.timestamp)}, {NOBODY}.", AGAIN)


@contextmanager
def progress(key: str, words: str) -> Iterator[Move]:
    """Show a progress artifact while the block runs, and yield what moves it. It never shows more than 100 %.

    It is drawn on a thread of its own: a Prefect server that is slow or away neither holds the block up nor fails it.
    """
    shown, over = {"percent": 0.0, "words": words}, Event()

    def move(done: int, whole: int, said: str) -> None:
        shown.update(percent=min(100.0, 100.0 * done / max(whole, 1)), words=said)

    beside = Thread(target=copy_context().run, args=(_draw, key, shown, over), daemon=True)
    beside.start()
    try:
        yield move
    finally:
        over.set()
        beside.join(DRAW_SECONDS)


def _draw(key: str, shown: dict[str, Any], over: Event) -> None:
    """Draw what is shown whenever it changed, until it is over."""
    try:
        drawn = dict(shown)
        artifact = cast(UUID, create_progress_artifact(drawn["percent"], key=key, description=drawn["words"]))
        ended = False
        while not ended:
            ended = over.wait(DRAW_SECONDS)
            if shown != drawn:
                drawn = dict(shown)
                update_progress_artifact(artifact, drawn["percent"], description=drawn["words"])
    except Exception as error:  # whatever Prefect's client raises
        log.warning("The progress '%s' cannot be shown (%s); the work goes on.", key, type(error).__name__)
