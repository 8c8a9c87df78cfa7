"""One file a step. What steps share: when, and how often, they are tried again, and how they show their progress."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from prefect import Task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State, TaskRun

from runbook.errors import DatabaseUnavailable, LockNotAvailable, ReleaseUnfit

LOCK_RETRIES = 9
LOCK_DELAYS = [0.2, 0.4, 0.8, 1.6, 3.0]
"""Seconds before each retry (the last one goes on), up to doubled by jitter, so that waiters do not march in step."""


def only_locks(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say yes to a retry only where a lock was not granted (SQLSTATE 55P03); anything else fails at once."""
    return isinstance(state.data, LockNotAvailable)


def not_unfit(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say no to a retry where the release itself said that it does not work: users are offline, and nothing moves."""
    return not isinstance(state.data, ReleaseUnfit)


def only_lost(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say yes to a retry only where a server could not be reached any more; anything else fails at once."""
    return isinstance(state.data, DatabaseUnavailable)


def progress(key: str, description: str) -> Callable[[int, int], None]:
    """Make a progress artifact; return what moves it to so much of so much. It never shows more than 100 %."""
    artifact = cast(UUID, create_progress_artifact(0.0, key=key, description=description))

    def move(done: int, whole: int) -> None:
        update_progress_artifact(artifact, min(100.0, 100.0 * done / max(whole, 1)))

    return move
