"""Time for a run that is cancelled: Prefect kills its process after 30 s, also while it brings users back online.

A run that somebody cancels ends by itself: before the commit it puts things back first, after it it goes on to its end.
"""

import contextlib
from uuid import UUID

import anyio
from prefect.runner._process_manager import ProcessManager

SECONDS = 3600
"""How long a cancelled run may take before it is killed; longer than any release takes to start."""
HURRY = 30
"""The same once the worker itself was told to stop at once."""
_limit = [SECONDS]


def give() -> None:
    """Let this process's worker wait for the runs that it cancels."""
    ProcessManager.kill = _kill  # type: ignore[method-assign]


def end() -> None:
    """Let it wait no longer than Prefect's own worker does."""
    _limit[0] = HURRY


async def _kill(
    self: ProcessManager,
    flow_run_id: UUID,
    grace_seconds: float = 30,  # noqa: ARG001 - Prefect's signature
    *,
    force: bool = False,
) -> None:
    """End a run's process: ask it to, wait as long as the run needs, and kill it where that was not enough."""
    handle = self.get(flow_run_id)
    if handle is None or handle.pid is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        if force:
            return handle.hard_kill()
        handle.graceful_kill()
        waited = 0
        while handle.is_alive() and waited < _limit[0]:
            await anyio.sleep(1)
            waited += 1
        if handle.is_alive():
            handle.hard_kill()
    return None
