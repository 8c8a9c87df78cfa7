"""Run a worker that decides itself what its runs are: python -m deployments.worker [--work-queue NAME] …

Told to stop, it first lets its runs end. ``prefect worker start`` ends at once, and ends its runs with it: a rollback
in its outage, too; and it would run whatever somebody wrote into Prefect.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from deployments import admission, patience, server
from deployments.process import Worker
from runbook import settings, targets
from runbook.errors import RollbackError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

QUIET = 15
"""How long there must be no process of a run before it is believed, in s: one that was just taken has none yet."""

app = App(name="python -m deployments.worker", help="A worker that, told to stop, first lets its runs end.")


@app.default
def start(
    *, pool: str = "rollback", work_queue: Annotated[list[str] | None, Parameter(negative=())] = None, name: str = ""
) -> int:
    """Run until told to stop (SIGTERM, Ctrl-C); told twice, stop at once.

    Parameters
    ----------
    pool
        The work pool.
    work_queue
        A queue of it; may be given again. All of them when none is given.
    name
        What the worker is called in the UI.
    """
    os.chdir(admission.ROOT)  # where the runs work, and whose .env counts for them
    try:
        _check_targets()
        server.check()  # Prefect's own client tries for minutes, and ends with a traceback
    except RollbackError as error:
        _say(str(error))
        return 1
    patience.give()
    worker = Worker(work_pool_name=pool, work_queues=work_queue, name=name or None)
    asyncio.run(_until_told(worker))
    return 0


def _check_targets() -> None:
    """Name the targets of this worker. Raises RollbackError where there is none, or one cannot be used."""
    loaded = settings.load()
    found = targets.names(loaded)
    for one in found:
        targets.read(one, loaded)
    if not found:
        raise targets.none(loaded)
    _say(f"Targets of this worker, from {targets.folder(loaded)}: {', '.join(found)}.")


async def _until_told(worker: Worker) -> None:
    work = asyncio.ensure_future(worker.start(printer=_say))
    told = asyncio.Event()
    take = worker.get_and_submit_flow_runs

    async def take_unless_told() -> list["FlowRun"]:
        return [] if told.is_set() else await take()

    worker.get_and_submit_flow_runs = take_unless_told  # type: ignore[method-assign]

    def tell() -> None:
        if told.is_set():
            patience.end()
            work.cancel()
        told.set()

    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, tell)
    leaving = asyncio.ensure_future(_leave(told, work))
    await asyncio.wait([work])
    leaving.cancel()
    if not work.cancelled():
        work.result()


async def _leave(told: asyncio.Event, work: "asyncio.Future[None]") -> None:
    """End the work once it is told to stop and no run has a process any more."""
    await told.wait()
    _say("Told to stop: no further run is taken, and those that are there may end. Told again, it stops at once.")
    quiet = 0
    while quiet < QUIET:
        await asyncio.sleep(1)
        quiet = 0 if _children() else quiet + 1
    _say("No run is left. Stopping.")
    work.cancel()


def _children() -> set[str]:
    """Return the processes that this one started; each run is one."""
    threads = Path("/proc/self/task").glob("*/children")
    return {pid for file in threads for pid in file.read_text(encoding="ascii").split()}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(app())
