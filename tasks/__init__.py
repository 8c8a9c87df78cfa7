"""One file a step. What the steps that change the database share: when, and how often, they are tried again."""

from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from runbook.errors import LockNotAvailable, ReleaseUnfit

LOCK_RETRIES = 9
LOCK_DELAYS = [0.2, 0.4, 0.8, 1.6, 3.0]
"""Seconds before each retry (the last one goes on), up to doubled by jitter, so that waiters do not march in step."""


def only_locks(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say yes to a retry only where a lock was not granted (SQLSTATE 55P03); anything else fails at once."""
    return isinstance(state.data, LockNotAvailable)


def not_unfit(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Say no to a retry where the release itself said that it does not work: users are offline, and nothing moves."""
    return not isinstance(state.data, ReleaseUnfit)
