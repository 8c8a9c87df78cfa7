"""A worker waits for a run that it cancels, however long Prefect's own would; told to stop at once, it does not."""

import asyncio
import signal
import subprocess
import sys
from uuid import uuid4

import anyio
import pytest
from prefect.runner._process_manager import ProcessHandle, ProcessManager

from deployments import patience

GOES_BACK = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(2.5), sys.exit(7)))
print("ready", flush=True)
time.sleep(60)
"""


async def _ended(monkeypatch: pytest.MonkeyPatch) -> int | None:
    """Cancel a process that takes its time, by a manager that would give it a tenth of a second."""
    monkeypatch.setattr(ProcessManager, "kill", ProcessManager.kill)  # put back in the end
    patience.give()
    process = await anyio.open_process([sys.executable, "-c", GOES_BACK], stderr=subprocess.DEVNULL)
    assert process.stdout and (await process.stdout.receive()).startswith(b"ready")
    manager, run = ProcessManager(), uuid4()
    await manager.add(run, ProcessHandle(process))
    await manager.kill(run, grace_seconds=0.1)
    await process.wait()
    await process.aclose()
    return process.returncode


def test_a_cancelled_run_may_put_things_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(_ended(monkeypatch)) == 7


def test_a_worker_that_is_to_stop_at_once_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HURRY", 1)
    monkeypatch.setattr(patience, "_limit", [patience.SECONDS])
    patience.end()
    assert asyncio.run(_ended(monkeypatch)) == -signal.SIGKILL
